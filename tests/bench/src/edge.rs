//! The edge: signed HubSpot webhooks, each on disk before it is answered, beside an empty handler.
//!
//! Both get the same requests from the same closed-loop generator, and are measured in turn: empty, edge, empty,
//! edge. At the end the log must hold exactly as many records as webhooks were answered with 200.

pub(crate) mod answer;
pub(crate) mod load;
mod pace;
pub(crate) mod server;
pub(crate) mod webhook;

use std::path::Path;
use std::time::Duration;

use afterglow_eventlog::LogReader;
use afterglow_events::Topic;
use anyhow::{Context as _, ensure};

use crate::child::{self, Server};
use crate::figure::Figure;
use crate::options::Scale;
use crate::processor::{self, Machine, Neighbours};
use load::{Loaded, Plan};

/// What was measured at one number of connections.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Level {
    /// Connections at a time, each with one request under way.
    pub(crate) connections: usize,
    /// The empty handler, served by axum alone.
    pub(crate) empty: Served,
    /// The edge.
    pub(crate) edge: Served,
}

/// What one server did.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Served {
    /// Requests answered in a second.
    pub(crate) rate: Figure,
    /// The median latency, in milliseconds.
    pub(crate) p50_ms: Figure,
    /// The 99th percentile of latency, in milliseconds.
    pub(crate) p99_ms: Figure,
    /// The server's CPU for each request, in microseconds.
    pub(crate) server_us: Figure,
    /// The log server's CPU for each request, in microseconds; none where the log is the server's own.
    pub(crate) log_us: Figure,
    /// The generator's CPU for each request, in microseconds.
    pub(crate) generator_us: Figure,
    /// Requests of all runs that were not answered with 200.
    pub(crate) refused: u64,
    /// Percent of all cores that other processes took.
    pub(crate) foreign: Figure,
    /// Percent of all cores that the hypervisor took.
    pub(crate) stolen: Figure,
}

/// Measures all levels.
pub(crate) async fn measure(scale: &Scale, folder: &Path) -> anyhow::Result<Vec<Level>> {
    let folder = folder.join("edge");
    std::fs::create_dir(&folder)?;
    let empty = Server::start("serve-empty", &[]).await?;
    let edge = Server::start("serve-edge", &[folder.as_os_str()]).await?;
    let (mut levels, mut sent) = (Vec::new(), 0);
    for &connections in &scale.connections {
        let mut level = Level { connections, empty: Served::default(), edge: Served::default() };
        // Caches, statements and the allocator are warm in production, too.
        empty.load(connections, scale.run_time / 2).await?;
        sent += all_of(&edge.load(connections, scale.run_time / 2).await?)?;
        let load = Load { connections, time: scale.run_time, per_second: None, log: None };
        for _ in 0..scale.runs {
            all_of(&load.run(&empty, &mut level.empty).await?)?;
            sent += all_of(&load.run(&edge, &mut level.edge).await?)?;
        }
        levels.push(level);
    }
    empty.stop().await?;
    edge.stop().await?;
    let stored = stored(&folder.join(server::LOG_FILE)).await?;
    ensure!(stored == sent, "{sent} webhooks were answered with 200 and {stored} are in the log");
    // The next measurement gets a disk without a gigabyte of dirty pages.
    std::fs::remove_dir_all(&folder)?;
    Ok(levels)
}

/// How many webhooks a log holds.
pub(crate) async fn stored(log: &Path) -> anyhow::Result<u64> {
    let reader = LogReader::open_read_only(log).await?;
    let ends = reader.ends(Topic::Webhooks).await?;
    reader.close().await;
    Ok(ends.iter().map(|(_, first, end)| u64::try_from(end - first).unwrap_or_default()).sum())
}

/// How a server is loaded in one run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// Connections at a time.
    pub(crate) connections: usize,
    /// How long.
    pub(crate) time: Duration,
    /// The fixed rate of an open loop; a closed loop without it.
    pub(crate) per_second: Option<u32>,
    /// The process below which the log's own server runs.
    pub(crate) log: Option<u32>,
}

impl Load {
    /// One measured run.
    pub(crate) async fn run(&self, server: &Server, figures: &mut Served) -> anyhow::Result<Loaded> {
        let log_ticks = || self.log.map(processor::ticks_below).transpose();
        let (machine, ticks, log) = (Machine::now()?, processor::ticks_of(server.pid)?, log_ticks()?);
        let plan = Plan::new(server.port, self.connections, self.time);
        let loaded = send(self.per_second.map_or(plan.clone(), |rate| plan.at_rate(rate))).await?;
        let ticks = processor::ticks_of(server.pid)? - ticks;
        let log = log_ticks()?.zip(log).map(|(after, before)| after - before);
        let own = ticks + loaded.cpu_ticks + log.unwrap_or_default();
        let neighbours = Neighbours::between(machine, Machine::now()?, own);
        figures.rate.push(processor::float(loaded.answered) / loaded.seconds);
        figures.p50_ms.push(processor::float(loaded.p50_us) / 1000.0);
        figures.p99_ms.push(processor::float(loaded.p99_us) / 1000.0);
        figures.server_us.push(processor::us_each(ticks, loaded.answered));
        if let Some(log) = log {
            figures.log_us.push(processor::us_each(log, loaded.answered));
        }
        figures.generator_us.push(processor::us_each(loaded.cpu_ticks, loaded.answered));
        figures.foreign.push(neighbours.foreign);
        figures.stolen.push(neighbours.stolen);
        figures.refused += loaded.refused;
        Ok(loaded)
    }
}

impl Server {
    /// Loads it for a time, as fast as it answers.
    pub(crate) async fn load(&self, connections: usize, time: Duration) -> anyhow::Result<Loaded> {
        send(Plan::new(self.port, connections, time)).await
    }
}

/// Runs a generator.
async fn send(plan: Plan) -> anyhow::Result<Loaded> {
    let output = child::run(&plan.to_args()).await?;
    serde_json::from_str(&output).context("the generator's result")
}

/// How many were answered with 200, which must be all.
fn all_of(loaded: &Loaded) -> anyhow::Result<u64> {
    ensure!(loaded.refused == 0, "{} of the requests were not answered with 200", loaded.refused);
    Ok(loaded.answered)
}
