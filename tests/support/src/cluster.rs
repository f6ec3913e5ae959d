//! The product as several processes: Kafka, a database, and a process per role.

use std::ffi::OsString;
use std::net::SocketAddr;

use afterglow_servers::{Supervised, named, postgres};

use crate::ports;
use crate::product::{Launch, Product};
use crate::world::{READY, World};

/// Partitions of each topic: few, so that a busy machine makes them quickly.
pub const PARTITIONS: u16 = 4;

/// Where a product of several processes keeps log and state.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// Kafka, as `host:port`.
    pub brokers: String,
    /// What stands before each topic's name.
    pub topic_prefix: String,
    /// The database's URL.
    pub database: String,
}

impl Cluster {
    /// A prefix and an empty database that nobody else has, on the servers of this run. The topics are not made.
    pub async fn fresh() -> Self {
        let database = postgres::database(&named::postgres()).await.unwrap();
        let name = database.rsplit('/').next().and_then(|name| name.split('?').next()).unwrap_or_default();
        let topic_prefix = format!("{name}.");
        Self { brokers: named::kafka(), topic_prefix, database }
    }

    /// One of which no part answers.
    pub fn away() -> Self {
        let [broker, database] = [ports::free(), ports::free()];
        Self {
            brokers: format!("127.0.0.1:{broker}"),
            topic_prefix: "away.".to_owned(),
            database: format!("postgres://nobody@127.0.0.1:{database}/none"),
        }
    }
}

/// A role's process. Dropping it kills it.
pub struct Role {
    /// The process.
    pub process: Product,
    /// Where its probes and metrics are.
    pub admin: SocketAddr,
}

impl World {
    /// Makes the topics of the cluster, with the product's own command.
    pub async fn make_topics(&self) {
        let args = ["topics", "--create", "--replicas", "1", "--config", self.config().to_str().unwrap()];
        // A broker's metadata may be a moment behind what was made.
        let made = async || self.command(&args).await.status.success().then_some(());
        self.until("the topics are made", READY, made).await;
    }

    /// What `afterglow migrate` prints; it must succeed.
    pub async fn migrate(&self) -> String {
        let output = self.command(&["migrate", "--config", self.config().to_str().unwrap()]).await;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "`afterglow migrate` failed: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Starts a replica of a role that ends with its owner, however that ends. It takes webhooks at `edge`, if
    /// it is one that does, and tells of itself at `admin`.
    pub fn supervise_role(&self, role: &str, edge: SocketAddr, admin: SocketAddr) -> Supervised {
        let mut command: Vec<OsString> = vec!["env".into()];
        command.extend(self.settings.env.iter().map(|(name, value)| format!("{name}={value}").into()));
        command.push(format!("AFTERGLOW__HTTP__LISTEN={edge}").into());
        command.push(format!("AFTERGLOW__HTTP__ADMIN_LISTEN={admin}").into());
        command.extend([self.program().into(), role.into(), "--config".into(), self.config().into()]);
        Supervised::start(&command, &self.log_file()).unwrap()
    }

    /// Where a second edge may listen.
    pub fn other_edge(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], ports::free()))
    }

    /// Starts a role without waiting; all roles write to the same log file.
    pub fn launch_role(&self, role: &str) -> Role {
        self.launch_role_at(role, self.edge)
    }

    /// The same with webhooks taken at `edge`, where the role is one that takes them.
    pub fn launch_role_at(&self, role: &str, edge: SocketAddr) -> Role {
        self.launch_role_with(role, [("AFTERGLOW__HTTP__LISTEN", edge.to_string())])
    }

    /// The same with variables of its own.
    pub fn launch_role_with(
        &self,
        role: &str,
        own: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Role {
        let admin = SocketAddr::from(([127, 0, 0, 1], ports::free()));
        let mut env = self.settings.env.clone();
        env.extend(own);
        env.push(("AFTERGLOW__HTTP__ADMIN_LISTEN", admin.to_string()));
        let (program, log) = (self.program(), self.log_file());
        let launch = Launch {
            program: &program,
            command: role,
            config: self.config(),
            log: &log,
            env,
            file_kib_max: None,
        };
        Role { process: Product::launch(&launch), admin }
    }

    /// Starts a role and waits until it is ready.
    pub async fn start_role(&self, role: &str) -> Role {
        let mut started = self.launch_role(role);
        self.until_ready(&mut started).await;
        started
    }

    /// Waits until a role is ready and nothing stands in its way.
    pub async fn until_ready(&self, role: &mut Role) {
        self.until_readyz(role, "it is ready", |status, body| {
            status == 200 && body.contains(r#""trouble":{}"#)
        })
        .await;
    }

    /// Waits until `/readyz` of a role answers as wanted; the process must not end meanwhile.
    pub async fn until_readyz(&self, role: &mut Role, what: &str, wanted: impl Fn(u16, &str) -> bool) {
        let url = format!("http://{}/readyz", role.admin);
        let look = async || {
            assert!(role.process.runs(), "the role ended:\n{}", self.log_tail());
            let answer = self.http.get(&url).send().await.ok()?;
            let status = answer.status().as_u16();
            wanted(status, &answer.text().await.ok()?).then_some(())
        };
        self.until(what, READY, look).await;
    }
}
