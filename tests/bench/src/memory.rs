//! The memory of the whole product: `afterglow run` with every role, before and after webhooks.
//!
//! Nobody listens where the CRM, the mail server and the gift vendor are configured: the resolver keeps
//! its hints and tries again, which is when it holds most. The product is killed at the end, and its log
//! must hold every webhook that was answered with 200.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::process::Child;
use tokio::time::Instant;

use crate::edge::load::{Loaded, Plan};
use crate::edge::webhook::{CONNECTION, PORTAL, PUBLIC_URL, SECRET};
use crate::options::Scale;
use crate::{ask, child, edge};

/// How long the product may take to be ready on a busy machine.
const READY: Duration = Duration::from_secs(30);

/// How often it is asked.
const PAUSE: Duration = Duration::from_millis(20);

/// Resident memory of the product's process, in MB (10^6 bytes).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Memory {
    /// Once it is ready.
    pub(crate) started_mb: f64,
    /// Once the last webhook was answered.
    pub(crate) loaded_mb: f64,
    /// The most that it ever had.
    pub(crate) peak_mb: f64,
    /// How many webhooks came.
    pub(crate) webhooks: u64,
    /// How long they came.
    pub(crate) load: Duration,
    /// Over how many connections.
    pub(crate) connections: usize,
}

/// Starts the product, looks, loads it, looks again.
pub(crate) async fn measure(scale: &Scale, folder: &Path) -> anyhow::Result<Memory> {
    let folder = folder.join("product");
    fs::create_dir(&folder)?;
    let [edge_port, admin_port, nobody] = free_ports()?;
    let config = folder.join("afterglow.toml");
    fs::write(&config, configuration(edge_port, admin_port, nobody))?;
    let log = fs::File::create(folder.join("product.log"))?;
    let mut command = child::own();
    command.args(["run", "--config"]).arg(&config).stdin(Stdio::null());
    let mut product = command.stdout(log.try_clone()?).stderr(log).spawn()?;
    let pid = product.id().context("the product has ended")?;
    if let Err(error) = ready(&mut product, admin_port).await {
        let log = fs::read_to_string(folder.join("product.log")).unwrap_or_default();
        return Err(error.context(log));
    }
    let (started_mb, _) = resident(pid)?;
    // As long as all of one level's runs at the edge, over its most connections.
    let load = scale.run_time * 3;
    let connections = scale.connections.iter().copied().max().unwrap_or(1);
    let loaded: Loaded = {
        let output = child::run(&Plan::new(edge_port, connections, load).to_args()).await?;
        serde_json::from_str(&output).context("the generator's result")?
    };
    let (loaded_mb, peak_mb) = resident(pid)?;
    product.kill().await?;
    let (stored, answered) = (edge::stored(&folder.join("data/log.db")).await?, loaded.answered);
    // A refusal under load may have written a part; an answer with 200 has written all.
    ensure!(stored >= answered, "{answered} webhooks were answered with 200 and {stored} are in the log");
    fs::remove_dir_all(&folder)?;
    Ok(Memory { started_mb, loaded_mb, peak_mb, webhooks: answered, load, connections })
}

async fn ready(product: &mut Child, admin_port: u16) -> anyhow::Result<()> {
    let until = Instant::now() + READY;
    while ask::status_of(admin_port, "/readyz").await != Some(200) {
        ensure!(product.try_wait()?.is_none(), "the product ended at once");
        ensure!(Instant::now() < until, "the product is not ready");
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// Resident memory now, and the most that there was.
fn resident(pid: u32) -> anyhow::Result<(f64, f64)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let value = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib: f64 = line?.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kib * 1024.0 / 1e6)
    };
    let both = value("VmRSS:").zip(value("VmHWM:"));
    both.with_context(|| format!("/proc/{pid}/status has another form"))
}

/// Ports that nobody listens on now; all are held until all are known.
fn free_ports() -> anyhow::Result<[u16; 3]> {
    let bind = || TcpListener::bind(("127.0.0.1", 0));
    let [a, b, c] = [bind()?, bind()?, bind()?];
    Ok([a.local_addr()?.port(), b.local_addr()?.port(), c.local_addr()?.port()])
}

fn configuration(edge: u16, admin: u16, nobody: u16) -> String {
    let journey = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/journeys/first-90-days.yaml");
    format!(
        r#"data_dir = "data"
[http]
listen = "127.0.0.1:{edge}"
admin_listen = "127.0.0.1:{admin}"
public_url = "{PUBLIC_URL}"
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
