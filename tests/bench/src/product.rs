//! The product as processes of this same program: its configuration, its start, its memory, its end.
//!
//! Nobody listens where the CRM, the mail server and the gift vendor are configured: what is measured is the
//! product, which keeps what it cannot do yet and tries again.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::process::{Child, Command};
use tokio::time::Instant;

use crate::edge::webhook::{CONNECTION, PORTAL, PUBLIC_URL, SECRET};
use crate::{ask, child};

/// The commands that are the product's own: this program passes them on to it.
pub(crate) const COMMANDS: [&str; 5] = ["run", "ingest", "journey-engine", "dispatcher", "migrate"];

/// How long the product may take to be ready on a busy machine, and to end.
const PATIENCE: Duration = Duration::from_mins(1);

/// How often it is asked.
const PAUSE: Duration = Duration::from_millis(20);

/// What a product is configured with.
pub(crate) struct Settings<'a> {
    /// Where the edge listens.
    pub(crate) edge: u16,
    /// Where nobody listens.
    pub(crate) nobody: u16,
    /// The journey file.
    pub(crate) journey: &'a Path,
    /// Sections about log and store; empty for the embedded product.
    pub(crate) ground: String,
}

/// A running process of the product. Dropping it kills it.
pub(crate) struct Product {
    child: Child,
    /// Its process.
    pub(crate) pid: u32,
    /// Where its probes and metrics are.
    pub(crate) admin: u16,
}

/// A process's resident memory, in MB (10^6 bytes).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Resident {
    /// Now.
    pub(crate) now_mb: f64,
    /// The most that it ever had.
    pub(crate) peak_mb: f64,
}

impl Product {
    /// Starts one of [`COMMANDS`] and waits until it is ready and nothing stands in its way.
    pub(crate) async fn start(command: &str, config: &Path) -> anyhow::Result<Self> {
        let mut started = Self::launch(command, config)?;
        if let Err(error) = started.ready().await {
            let log = fs::read_to_string(log_of(config)).unwrap_or_default();
            return Err(error.context(log));
        }
        Ok(started)
    }

    /// Starts it and does not wait.
    fn launch(command: &str, config: &Path) -> anyhow::Result<Self> {
        let [admin] = free_ports()?;
        let log = fs::File::options().create(true).append(true).open(log_of(config))?;
        let mut product = child::own();
        product.args([command, "--config"]).arg(config).stdin(Stdio::null());
        product.env("AFTERGLOW__HTTP__ADMIN_LISTEN", format!("127.0.0.1:{admin}"));
        let child = product.stdout(log.try_clone()?).stderr(log).spawn()?;
        let pid = child.id().context("the product has ended")?;
        Ok(Self { child, pid, admin })
    }

    async fn ready(&mut self) -> anyhow::Result<()> {
        let until = Instant::now() + PATIENCE;
        let nothing_in_the_way = |answer: Option<(u16, String)>| {
            answer.is_some_and(|(status, body)| status == 200 && body.contains(r#""trouble":{}"#))
        };
        while !nothing_in_the_way(ask::get(self.admin, "/readyz").await) {
            ensure!(self.child.try_wait()?.is_none(), "the product ended at once");
            ensure!(Instant::now() < until, "the product is not ready");
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Its memory.
    pub(crate) fn resident(&self) -> anyhow::Result<Resident> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let value = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib: f64 = line?.trim().strip_suffix(" kB")?.parse().ok()?;
            Some(kib * 1024.0 / 1e6)
        };
        let both = value("VmRSS:").zip(value("VmHWM:"));
        let (now_mb, peak_mb) =
            both.with_context(|| format!("/proc/{}/status has another form", self.pid))?;
        Ok(Resident { now_mb, peak_mb })
    }

    /// SIGKILL.
    pub(crate) async fn kill(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }

    /// SIGTERM; it must drain and end well.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        let told = Command::new("kill").args(["-TERM", &self.pid.to_string()]).status().await?;
        ensure!(told.success(), "the product cannot be signalled");
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await??;
        ensure!(status.success(), "the product ended with {status}");
        Ok(())
    }
}

/// Where a product with this configuration writes what it says.
fn log_of(config: &Path) -> PathBuf {
    config.with_extension("log")
}

/// Ports that nobody listens on now; all are held until all are known.
pub(crate) fn free_ports<const N: usize>() -> anyhow::Result<[u16; N]> {
    let mut held = Vec::with_capacity(N);
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}

/// The journey that ships with the product.
pub(crate) fn shipped_journey() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/journeys/first-90-days.yaml")
}

impl Settings<'_> {
    /// Writes the configuration into a folder; its path.
    pub(crate) fn write(&self, folder: &Path) -> anyhow::Result<PathBuf> {
        let path = folder.join("afterglow.toml");
        fs::write(&path, self.text())?;
        Ok(path)
    }

    fn text(&self) -> String {
        let Self { edge, nobody, journey, ground } = self;
        format!(
            r#"data_dir = "data"
[http]
listen = "127.0.0.1:{edge}"
public_url = "{PUBLIC_URL}"
{ground}
[[connection]]
id = "{CONNECTION}"
tenant = "acme"
kind = "hubspot"
portal_id = {PORTAL}
token = "a-token-for-nobody"
secrets = ["{SECRET}"]
base_url = "http://127.0.0.1:{nobody}"
zone = "Europe/Berlin"
[vendors.tremendous]
base_url = "http://127.0.0.1:{nobody}"
secret = "a-key-for-nobody"
products = {{ default = "CAMPAIGN0", coffee = "CAMPAIGN1", book = "CAMPAIGN2" }}
[vendors.smtp]
host = "127.0.0.1"
port = {nobody}
tls = "none"
from_address = "hello@afterglow.example"
from_name = "Afterglow"
[[journey]]
file = "{}"
tenant = "acme"
[unsubscribe]
secrets = ["unsubscribe-key-of-the-bench-0001"]
[dispatch]
suppression_key = "suppression-key-of-the-bench-0001"
"#,
            journey.display()
        )
    }
}
