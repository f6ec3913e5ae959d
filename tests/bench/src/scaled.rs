//! The scaled product on a Kafka and a PostgreSQL of the bench's own, each figure beside its reference.
//!
//! Both servers run on the same cores as the product, as the embedded product's disk does; their CPU is told
//! apart. Deliberately absent: several brokers, a network between the parts, TLS.

pub(crate) mod bare;
mod cluster;
mod customers;
pub(crate) mod decisions;
pub(crate) mod edge;
pub(crate) mod ground;
pub(crate) mod lateness;
pub(crate) mod report;
pub(crate) mod roles;
pub(crate) mod scale;
pub(crate) mod timers;

use std::path::Path;

use anyhow::Context as _;

use crate::figure::Figure;
use crate::progress;
use ground::Servers;
use scale::Scale;

/// What engines and the reference decide on in a second, where it was not measured before: twice as many are
/// there, and the table says if they ended first.
const DEALS_PER_SECOND: [f64; 2] = [5_000.0, 15_000.0];

/// Everything that was measured of the scaled product.
pub(crate) struct Scaled {
    /// How much.
    pub(crate) scale: Scale,
    /// The edge into Kafka.
    pub(crate) edge: edge::Edge,
    /// Deals enrolled per second while the customers were made.
    pub(crate) enrolled: Figure,
    /// Timers on PostgreSQL.
    pub(crate) timers: timers::Timers,
    /// Deals from Kafka to Kafka, by the number of engines.
    pub(crate) decisions: Vec<decisions::Decisions>,
    /// Timers while deals stream in, by partitioner.
    pub(crate) lateness: Vec<lateness::Lateness>,
    /// What each role needs.
    pub(crate) needs: roles::Needs,
}

/// Measures the edge into Kafka alone.
pub(crate) async fn edge_alone(scale: Scale, folder: &Path) -> anyhow::Result<edge::Edge> {
    on_servers(folder, async |servers, _| edge::measure(&scale, servers).await).await
}

/// Measures the deals from Kafka to Kafka alone.
pub(crate) async fn decisions_alone(
    scale: &Scale,
    folder: &Path,
) -> anyhow::Result<Vec<decisions::Decisions>> {
    on_servers(folder, async |servers, folder| decisions::measure(scale, servers, folder).await).await
}

/// Measures the timers' lateness alone, from a database with nobody beside.
pub(crate) async fn lateness_alone(scale: Scale, folder: &Path) -> anyhow::Result<Vec<lateness::Lateness>> {
    on_servers(folder, async |servers, folder| {
        let customers = customers::make(&scale, servers).await.context("customers")?;
        lateness::measure(&scale, servers, folder, &customers, DEALS_PER_SECOND).await
    })
    .await
}

/// Measures everything.
pub(crate) async fn measure(scale: Scale, folder: &Path) -> anyhow::Result<Scaled> {
    on_servers(folder, async |servers, folder| all(scale, servers, folder).await).await
}

/// Starts the servers in a folder of their own, measures, ends them.
async fn on_servers<T>(
    folder: &Path,
    measure: impl AsyncFnOnce(&Servers, &Path) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let folder = folder.join("scaled");
    std::fs::create_dir(&folder)?;
    progress("scaled: starting Kafka and PostgreSQL")?;
    let servers = Servers::start(&folder).await?;
    let measured = measure(&servers, &folder).await?;
    servers.stop().await?;
    std::fs::remove_dir_all(&folder)?;
    Ok(measured)
}

async fn all(scale: Scale, servers: &Servers, folder: &Path) -> anyhow::Result<Scaled> {
    progress("scaled: signed webhooks into Kafka, beside an empty handler and a bare edge")?;
    let edge = edge::measure(&scale, servers).await.context("edge into Kafka")?;
    progress("scaled: enrolling customers")?;
    let customers = customers::make(&scale, servers).await.context("customers")?;
    progress("scaled: timers on PostgreSQL, beside bare SQL")?;
    let timers = timers::measure(&scale, servers, &customers).await.context("timers on PostgreSQL")?;
    progress("scaled: deals from Kafka to Kafka")?;
    let decisions = decisions::measure(&scale, servers, folder).await.context("decisions")?;
    progress("scaled: timers while deals stream in")?;
    let fastest = |of: fn(&decisions::Decisions) -> &decisions::Replicas| {
        decisions.iter().map(|numbers| of(numbers).per_second.max()).fold(0.0, f64::max)
    };
    let fastest = [fastest(|of| &of.engines), fastest(|of| &of.bare)];
    let lateness =
        lateness::measure(&scale, servers, folder, &customers, fastest).await.context("lateness")?;
    progress("scaled: what each role needs")?;
    let needs = roles::measure(&scale, servers, folder).await.context("what each role needs")?;
    let enrolled = customers.enrolled;
    Ok(Scaled { scale, edge, enrolled, timers, decisions, lateness, needs })
}
