//! The edge into Kafka: a webhook is answered when the broker has acknowledged its record (`acks=all`).
//!
//! The reference and the generator are those of the embedded edge; beside them is a bare edge, which writes to
//! topics of its own. At the end each topic must hold as many records as webhooks were answered with 200; one that
//! was refused may have been written all the same.

pub(crate) mod bare;

use std::time::Duration;

use afterglow_events::Topic;
use anyhow::ensure;
use tokio::time::Instant;

use super::ground::{PARTITIONS, Place, Servers, as_os};
use super::scale::Scale;
use crate::child::Server;
use crate::edge::load::Loaded;
use crate::edge::{Load, Served};
use crate::figure::Figure;

/// Connections of an open loop: more than are ever busy while the server keeps up.
const OPEN_CONNECTIONS: usize = 256;

/// How long a broker may take to show readers what it has acknowledged: what is missing then is lost.
const SHOWN: Duration = Duration::from_secs(10);

/// What was measured.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Edge {
    /// Closed loop, by connections.
    pub(crate) closed: Vec<Level>,
    /// Open loop, by requests per second.
    pub(crate) open: Vec<Level>,
}

/// All servers under one load.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Level {
    /// Connections of a closed loop, requests per second of an open one.
    pub(crate) load: usize,
    /// The empty handler.
    pub(crate) empty: Served,
    /// The bare edge.
    pub(crate) bare: Served,
    /// The edge.
    pub(crate) edge: Served,
}

/// A number of the edge beside the same number of the empty handler.
pub(crate) fn ratio(level: &Level, of: impl Fn(&Served) -> &Figure) -> f64 {
    of(&level.edge).median() / of(&level.empty).median().max(f64::MIN_POSITIVE)
}

/// Measures all loads, empty handler, bare edge and edge in turn.
pub(crate) async fn measure(scale: &Scale, servers: &Servers) -> anyhow::Result<Edge> {
    let empty = Server::start("serve-empty", &[]).await?;
    let bare = Receiver::start("serve-bare-edge", servers.topics("bare-edge", PARTITIONS).await?).await?;
    let edge = Receiver::start("serve-edge-kafka", servers.topics("edge", PARTITIONS).await?).await?;
    let mut all = All { empty, bare, edge, broker: servers.broker()?, scale };
    let mut measured = Edge::default();
    // The broker has just started, and its compiler takes its time; in production it is warm.
    all.edge.load(OPEN_CONNECTIONS, scale.run_time * 4).await?;
    for &connections in &scale.connections {
        // Caches and the allocator are warm in production, too.
        all.empty.load(connections, scale.run_time / 2).await?;
        all.bare.load(connections, scale.run_time / 2).await?;
        all.edge.load(connections, scale.run_time / 2).await?;
        measured.closed.push(all.level(connections, None).await?);
    }
    for &rate in &scale.rates {
        measured.open.push(all.level(OPEN_CONNECTIONS, Some(rate)).await?);
    }
    all.empty.stop().await?;
    all.bare.stop().await?;
    all.edge.stop().await?;
    Ok(measured)
}

/// A server that writes webhooks to topics of its own, and what it was sent.
struct Receiver {
    server: Server,
    place: Place,
    answered: u64,
    refused: u64,
}

impl Receiver {
    async fn start(role: &str, place: Place) -> anyhow::Result<Self> {
        let server = Server::start(role, &as_os(&place.to_args())).await?;
        Ok(Self { server, place, answered: 0, refused: 0 })
    }

    async fn load(&mut self, connections: usize, time: Duration) -> anyhow::Result<()> {
        let loaded = self.server.load(connections, time).await?;
        self.sent(&loaded);
        Ok(())
    }

    async fn run(&mut self, load: &Load, figures: &mut Served) -> anyhow::Result<()> {
        let loaded = load.run(&self.server, figures).await?;
        self.sent(&loaded);
        Ok(())
    }

    fn sent(&mut self, loaded: &Loaded) {
        self.answered += loaded.answered;
        self.refused += loaded.refused;
    }

    /// Ends it, and counts what it has written.
    async fn stop(self) -> anyhow::Result<()> {
        let Self { server, place, answered, refused } = self;
        server.stop().await?;
        let stored = stored(&place, answered).await?;
        ensure!(
            (answered..=answered + refused).contains(&stored),
            "{answered} webhooks were answered with 200, {refused} were not, and {stored} are on the topic"
        );
        Ok(())
    }
}

/// The servers and what they are loaded with.
struct All<'a> {
    empty: Server,
    bare: Receiver,
    edge: Receiver,
    broker: u32,
    scale: &'a Scale,
}

impl All<'_> {
    /// All in turn under one load.
    async fn level(&mut self, connections: usize, per_second: Option<u32>) -> anyhow::Result<Level> {
        let load = Load { connections, time: self.scale.run_time, per_second, log: None };
        let with_broker = Load { log: Some(self.broker), ..load };
        let rate = per_second.map(usize::try_from).transpose()?;
        let mut level = Level { load: rate.unwrap_or(connections), ..Level::default() };
        for _ in 0..self.scale.runs {
            load.run(&self.empty, &mut level.empty).await?;
            self.bare.run(&with_broker, &mut level.bare).await?;
            self.edge.run(&with_broker, &mut level.edge).await?;
        }
        Ok(level)
    }
}

/// How many webhooks the topic holds, once it shows `expected` or has had time enough to show them.
pub(crate) async fn stored(place: &Place, expected: u64) -> anyhow::Result<u64> {
    let deadline = Instant::now() + SHOWN;
    loop {
        let stored = count_of(place, Topic::Webhooks).await?;
        if stored >= expected || Instant::now() > deadline {
            return Ok(stored);
        }
    }
}

/// How many records a topic holds.
pub(crate) async fn count_of(place: &Place, topic: Topic) -> anyhow::Result<u64> {
    let ends = place.log()?.reader().await?.ends(topic).await?;
    Ok(ends.iter().map(|(_, first, end)| u64::try_from(end - first).unwrap_or_default()).sum())
}
