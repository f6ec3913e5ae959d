//! What each role needs: `ingest`, `journey-engine` and `dispatcher` as processes, their memory before and after
//! load, and their CPU while there is nothing to do.
//!
//! The edge gets webhooks, the engine deals that were won yesterday, so that the first moment of each is due
//! at once, and the dispatcher the touchpoints of these, whose vendors nobody answers for. Afterwards the
//! topic has every webhook that was answered with 200, and the dispatcher every touchpoint.

use std::path::{Path, PathBuf};
use std::time::Duration;

use afterglow_domain::{Clock as _, Tenant, Timestamp};
use afterglow_service::clock::SystemClock;
use anyhow::{Context as _, ensure};
use sqlx::{Connection as _, PgConnection};
use tokio::time::Instant;

use super::cluster::{Cluster, append};
use super::edge::stored;
use super::ground::Servers;
use super::scale::Scale;
use crate::child;
use crate::customers::deal::{Customer, Local};
use crate::edge::load::{Loaded, Plan};
use crate::processor::{ticks_of, us_each};
use crate::product::{Product, Resident, shipped_journey};

/// The line of the shipped journey that differs.
const DEFAULT_ZONE: &str = "default_zone: Europe/Berlin";

/// The roles, by their commands.
const ROLES: [&str; 3] = ["ingest", "journey-engine", "dispatcher"];

/// How long the touchpoints may take to come to the dispatcher.
const PATIENCE: Duration = Duration::from_mins(2);

/// How often they are counted.
const LOOK: Duration = Duration::from_millis(100);

/// What one role needed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Role {
    /// Its command.
    pub(crate) name: &'static str,
    /// Memory when it was ready.
    pub(crate) started: Resident,
    /// CPU while nothing came, in percent of one core.
    pub(crate) idle: f64,
    /// Memory after the load.
    pub(crate) loaded: Resident,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Needs {
    /// Each role.
    pub(crate) roles: Vec<Role>,
    /// How long nothing came.
    pub(crate) idle: Duration,
    /// How many webhooks the edge answered.
    pub(crate) webhooks: u64,
    /// How long they came.
    pub(crate) load: Duration,
    /// Over how many connections.
    pub(crate) connections: usize,
    /// How many deals were won.
    pub(crate) deals: usize,
}

/// Starts the roles, looks, lets them wait, loads them, looks again.
pub(crate) async fn measure(scale: &Scale, servers: &Servers, folder: &Path) -> anyhow::Result<Needs> {
    let now = SystemClock::default().now();
    let local = Local::of_noon(now);
    let journey = journey_of(folder, &local)?;
    let cluster = Cluster::make(servers, folder, "memory", &journey).await?;
    let mut running = Vec::new();
    for role in ROLES {
        running.push(Product::start(role, &cluster.config).await?);
    }
    let started = running.iter().map(Product::resident).collect::<anyhow::Result<Vec<_>>>()?;
    // Members of a group find their partitions first.
    tokio::time::sleep(scale.run_time).await;
    let idle = scale.run_time * 3;
    let idle_percent = idle_percent(&running, idle).await?;
    let (load, connections) = (scale.run_time * 3, scale.connections.iter().copied().max().unwrap_or(1));
    let output = child::run(&Plan::new(cluster.edge, connections, load).to_args()).await?;
    let loaded: Loaded = serde_json::from_str(&output).context("the generator's result")?;
    win(&cluster, scale.deals, now, &local).await?;
    until_all_touchpoints(&cluster.url, scale.deals).await?;
    let after = running.iter().map(Product::resident).collect::<anyhow::Result<Vec<_>>>()?;
    for product in running {
        product.kill().await?;
    }
    let answered = loaded.answered;
    let stored = stored(&cluster.place, answered).await?;
    ensure!(stored >= answered, "{answered} webhooks were answered with 200 and {stored} are on the topic");
    servers.drop(&cluster.url).await?;
    let roles = ROLES.into_iter().zip(started).zip(idle_percent).zip(after);
    let roles = roles.map(|(((name, started), idle), loaded)| Role { name, started, idle, loaded }).collect();
    Ok(Needs { roles, idle, webhooks: answered, load, connections, deals: scale.deals })
}

/// The CPU of each process over some time, in percent of one core.
async fn idle_percent(running: &[Product], time: Duration) -> anyhow::Result<Vec<f64>> {
    let ticks = || running.iter().map(|product| ticks_of(product.pid)).collect::<anyhow::Result<Vec<_>>>();
    let (before, began) = (ticks()?, Instant::now());
    tokio::time::sleep(time).await;
    let (after, microseconds) = (ticks()?, began.elapsed().as_secs_f64() * 1e6);
    let used = before.into_iter().zip(after).map(|(before, after)| us_each(after - before, 1));
    Ok(used.map(|used| 100.0 * used / microseconds).collect())
}

/// The shipped journey with its days where it is noon, beside its texts.
fn journey_of(folder: &Path, local: &Local) -> anyhow::Result<PathBuf> {
    let (shipped, folder) = (shipped_journey(), folder.join("journey"));
    std::fs::create_dir(&folder)?;
    for part in ["mails", "tasks"] {
        std::os::unix::fs::symlink(shipped.with_file_name(part).canonicalize()?, folder.join(part))?;
    }
    let source = std::fs::read_to_string(&shipped)?;
    ensure!(source.contains(DEFAULT_ZONE), "the shipped journey has no line {DEFAULT_ZONE}");
    let path = folder.join("journey.yaml");
    std::fs::write(&path, source.replace(DEFAULT_ZONE, &format!("default_zone: {}", local.zone())))?;
    Ok(path)
}

/// Appends deals that were won a day ago.
async fn win(cluster: &Cluster, count: usize, now: Timestamp, local: &Local) -> anyhow::Result<()> {
    let (tenant, won_at) = (Tenant::new("acme")?, now.minus(Duration::from_hours(24)));
    let deal = |number| Customer { tenant: &tenant, number, won_at, local }.record();
    let records = (0..count).map(deal).collect::<anyhow::Result<Vec<_>>>()?;
    let log = cluster.place.patient_log()?;
    append(&log, &records).await?;
    Ok(log.close().await?)
}

async fn until_all_touchpoints(url: &str, deals: usize) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let count = sqlx::query_scalar("select count(*) from dispatcher.touchpoint");
        let count: i64 = count.fetch_one(&mut connection).await?;
        let count = usize::try_from(count)?;
        ensure!(count <= deals, "{deals} deals have {count} touchpoints");
        if count == deals {
            return Ok(connection.close().await?);
        }
        ensure!(Instant::now() < deadline, "{count} touchpoints of {deals} deals came");
        tokio::time::sleep(LOOK).await;
    }
}
