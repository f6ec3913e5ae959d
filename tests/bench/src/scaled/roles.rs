//! The memory of each role: `ingest`, `journey-engine` and `dispatcher` as processes, before and after load.
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
use crate::customers::{deal::Customer, journey};
use crate::edge::load::{Loaded, Plan};
use crate::product::{Product, Resident};

/// The roles, by their commands.
const ROLES: [&str; 3] = ["ingest", "journey-engine", "dispatcher"];

/// How long the touchpoints may take to come to the dispatcher.
const PATIENCE: Duration = Duration::from_mins(5);

/// How often they are counted.
const LOOK: Duration = Duration::from_millis(100);

/// What was measured.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Memory {
    /// Each role by its command: when it was ready, and after the load.
    pub(crate) roles: Vec<(&'static str, Resident, Resident)>,
    /// How many webhooks the edge answered.
    pub(crate) webhooks: u64,
    /// How long they came.
    pub(crate) load: Duration,
    /// Over how many connections.
    pub(crate) connections: usize,
    /// How many deals were won.
    pub(crate) deals: usize,
}

/// Starts the roles, looks, loads them, looks again.
pub(crate) async fn measure(scale: &Scale, servers: &Servers, folder: &Path) -> anyhow::Result<Memory> {
    let now = SystemClock::default().now();
    let journey = journey_of(folder, now)?;
    let cluster = Cluster::make(servers, folder, "memory", &journey).await?;
    let mut running = Vec::new();
    for role in ROLES {
        running.push(Product::start(role, &cluster.config).await?);
    }
    let started = running.iter().map(Product::resident).collect::<anyhow::Result<Vec<_>>>()?;
    let (load, connections) = (scale.run_time * 3, scale.connections.iter().copied().max().unwrap_or(1));
    let output = child::run(&Plan::new(cluster.edge, connections, load).to_args()).await?;
    let loaded: Loaded = serde_json::from_str(&output).context("the generator's result")?;
    win(&cluster, scale.deals, now).await?;
    until_all_touchpoints(&cluster.url, scale.deals).await?;
    let after = running.iter().map(Product::resident).collect::<anyhow::Result<Vec<_>>>()?;
    for product in running {
        product.kill().await?;
    }
    let (stored, answered) = (stored(&cluster.place).await?, loaded.answered);
    ensure!(stored >= answered, "{answered} webhooks were answered with 200 and {stored} are on the topic");
    servers.drop(&cluster.url).await?;
    let roles = ROLES.into_iter().zip(started).zip(after);
    let roles = roles.map(|((role, started), after)| (role, started, after)).collect();
    Ok(Memory { roles, webhooks: answered, load, connections, deals: scale.deals })
}

/// The shipped journey, sending from this hour on, in a folder with its texts.
fn journey_of(folder: &Path, now: Timestamp) -> anyhow::Result<PathBuf> {
    let now = now.to_string();
    let hour = now.get(11..13).context("RFC 3339 has an hour")?;
    let folder = folder.join("journey");
    std::fs::create_dir(&folder)?;
    journey::write(&folder, &format!("{hour}:00"))
}

/// Appends deals that were won a day ago.
async fn win(cluster: &Cluster, count: usize, now: Timestamp) -> anyhow::Result<()> {
    let (tenant, won_at) = (Tenant::new("acme")?, now.minus(Duration::from_hours(24)));
    let deal = |number| Customer { tenant: &tenant, number, won_at, zone: "Etc/UTC" }.record();
    let records = (0..count).map(deal).collect::<anyhow::Result<Vec<_>>>()?;
    let log = cluster.place.log()?;
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
