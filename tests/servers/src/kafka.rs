//! One Kafka broker: KRaft, broker and controller in one process.

mod metadata;
mod programs;
mod secured;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use tokio::process::Command;

use crate::ports;
use crate::prepare::run;
use crate::supervised::Supervised;
use programs::Programs;
use secured::Secured;
pub use secured::{PASSWORD, USER};

/// Any 22 characters of base64: it only has to be the same in the folder and at the start.
const CLUSTER_ID: &str = "YWZ0ZXJnbG93LXRlc3RzMQ";

/// A broker on loopback.
pub struct Kafka {
    programs: Programs,
    machine: &'static [&'static str],
    folder: PathBuf,
    port: u16,
    secured: Option<Secured>,
    running: Option<Supervised>,
}

impl Kafka {
    /// Starts a broker on `folder`, formatted where it is not yet; returns when it answers. One that had run
    /// there goes on with what it had, on other ports. It starts quickly rather than runs fast.
    pub async fn start(folder: &Path) -> anyhow::Result<Self> {
        Self::start_on(&QUICK_JAVA, None, folder).await
    }

    /// The same with a broker that runs fast rather than starts quickly: for measurements.
    pub async fn start_fast(folder: &Path) -> anyhow::Result<Self> {
        Self::start_on(&FAST_JAVA, None, folder).await
    }

    /// The same with a second listener, at [`Kafka::secured_address`], where [`USER`] logs in over TLS with
    /// [`PASSWORD`]; the CA of its certificate is `ca.pem` in the folder.
    pub async fn start_secured(folder: &Path) -> anyhow::Result<Self> {
        Self::start_on(&QUICK_JAVA, Some(Secured::new()), folder).await
    }

    async fn start_on(
        machine: &'static [&'static str],
        secured: Option<Secured>,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let (programs, port) = (Programs::find().await?, ports::free());
        let mut kafka = Self { programs, machine, folder: folder.to_owned(), port, secured, running: None };
        kafka.prepare().await.context("Kafka's folder cannot be formatted")?;
        kafka.start_again().await?;
        Ok(kafka)
    }

    /// The process that the broker runs below, alone: whose descendants' CPU is the broker's.
    pub fn supervisor(&self) -> Option<u32> {
        self.running.as_ref()?.id()
    }

    /// Where clients connect: `127.0.0.1:port`, the same over its restarts.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Where clients log in over TLS: `localhost:port`, for which the certificate is. Empty without such a listener.
    pub fn secured_address(&self) -> String {
        self.secured.as_ref().map(Secured::address).unwrap_or_default()
    }

    /// SIGKILL. What was acknowledged stays in the page cache, so a restart finds it.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.running()?.kill().await
    }

    /// SIGTERM, and the end.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        self.running()?.stop("TERM").await.map(drop)
    }

    /// SIGSTOP: its connections stay open, and nobody answers.
    pub async fn pause(&mut self) -> anyhow::Result<()> {
        self.running.as_mut().context("Kafka is not running")?.signal("STOP").await
    }

    /// SIGCONT.
    pub async fn resume(&mut self) -> anyhow::Result<()> {
        self.running.as_mut().context("Kafka is not running")?.signal("CONT").await
    }

    /// Starts it on the same folder and port; returns when it answers.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        if self.running.is_some() {
            bail!("Kafka is running");
        }
        let log = self.folder.join("kafka.out");
        let mut server = Supervised::start(&self.server_command(), &log)?;
        let address = self.address();
        let ready = server.until_ready(&log, || metadata::answers(&address)).await;
        ready.context("Kafka did not start")?;
        self.running = Some(server);
        Ok(())
    }

    async fn prepare(&self) -> anyhow::Result<()> {
        let properties = self.properties();
        std::fs::write(&properties, self.settings())
            .with_context(|| format!("{} cannot be written", properties.display()))?;
        if self.folder.join("data").join("meta.properties").exists() {
            return Ok(());
        }
        let mut format = Command::new(self.programs.java());
        format.args(QUICK_JAVA).arg("-cp").arg(self.programs.class_path()).arg("kafka.tools.StorageTool");
        format.args(["format", "-t", CLUSTER_ID, "-c"]).arg(properties);
        if let Some(secured) = &self.secured {
            secured.prepare(&self.programs, &self.folder).await?;
            format.args(Secured::format_arguments());
        }
        run(&mut format).await
    }

    fn server_command(&self) -> Vec<OsString> {
        let mut command: Vec<OsString> = vec![self.programs.java().into()];
        command.extend(self.machine.iter().map(Into::into));
        command.push(Programs::log_setting());
        command.extend(["-cp".into(), self.programs.class_path(), "kafka.Kafka".into()]);
        command.push(self.properties().into());
        command
    }

    fn properties(&self) -> PathBuf {
        self.folder.join("server.properties")
    }

    /// Everything but the ports and the folder is what a broker alone needs. Topics are made by whoever wants
    /// them, and groups do not wait for members that will not come.
    fn settings(&self) -> String {
        let (port, controller, data) = (self.port, ports::free(), self.folder.join("data"));
        let secured = self.secured.as_ref();
        let listener = secured.map(Secured::listener).unwrap_or_default();
        let advertised = secured.map(Secured::advertised).unwrap_or_default();
        let more = secured.map(|_| Secured::settings(&self.folder)).unwrap_or_default();
        format!(
            "process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}{listener}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}{advertised}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
{more}",
            data.display()
        )
    }

    fn running(&mut self) -> anyhow::Result<Supervised> {
        self.running.take().context("Kafka is not running")
    }
}

/// A virtual machine that starts quickly rather than run fast: half the time, a third of the memory.
const QUICK_JAVA: [&str; 4] = ["-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];

/// One that compiles what it runs often, with the heap of a broker that is left as it comes.
const FAST_JAVA: [&str; 2] = ["-Xms1g", "-Xmx1g"];
