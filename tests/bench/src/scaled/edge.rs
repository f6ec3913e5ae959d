//! The edge into Kafka: a webhook is answered when the broker has acknowledged its record (`acks=all`).
//!
//! The reference and the generator are those of the embedded edge. At the end the topic must hold as many
//! records as webhooks were answered with 200; one that was refused may have been written all the same.

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

/// Both servers under one load.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Level {
    /// Connections of a closed loop, requests per second of an open one.
    pub(crate) load: usize,
    /// The empty handler.
    pub(crate) empty: Served,
    /// The edge.
    pub(crate) edge: Served,
}

/// A number of the edge beside the same number of the empty handler.
pub(crate) fn ratio(level: &Level, of: impl Fn(&Served) -> &Figure) -> f64 {
    of(&level.edge).median() / of(&level.empty).median().max(f64::MIN_POSITIVE)
}

/// Measures all loads, empty handler and edge in turn.
pub(crate) async fn measure(scale: &Scale, servers: &Servers) -> anyhow::Result<Edge> {
    let place = servers.topics("edge", PARTITIONS).await?;
    let empty = Server::start("serve-empty", &[]).await?;
    let edge = Server::start("serve-edge-kafka", &as_os(&place.to_args())).await?;
    let pair = Pair { empty: &empty, edge: &edge, broker: servers.broker()?, scale };
    let (mut measured, mut sent) = (Edge::default(), Sent::default());
    // The broker has just started, and its compiler takes its time; in production it is warm.
    sent.add(&edge.load(OPEN_CONNECTIONS, scale.run_time * 4).await?);
    for &connections in &scale.connections {
        // Caches and the allocator are warm in production, too.
        empty.load(connections, scale.run_time / 2).await?;
        sent.add(&edge.load(connections, scale.run_time / 2).await?);
        measured.closed.push(pair.level(connections, None, &mut sent).await?);
    }
    for &rate in &scale.rates {
        measured.open.push(pair.level(OPEN_CONNECTIONS, Some(rate), &mut sent).await?);
    }
    empty.stop().await?;
    edge.stop().await?;
    let Sent { answered, refused } = sent;
    let stored = stored(&place, answered).await?;
    ensure!(
        (answered..=answered + refused).contains(&stored),
        "{answered} webhooks were answered with 200, {refused} were not, and {stored} are on the topic"
    );
    Ok(measured)
}

/// What the edge was sent.
#[derive(Debug, Clone, Copy, Default)]
struct Sent {
    answered: u64,
    refused: u64,
}

impl Sent {
    fn add(&mut self, loaded: &Loaded) {
        self.answered += loaded.answered;
        self.refused += loaded.refused;
    }
}

/// Two servers and what they are loaded with.
struct Pair<'a> {
    empty: &'a Server,
    edge: &'a Server,
    broker: u32,
    scale: &'a Scale,
}

impl Pair<'_> {
    /// Both in turn under one load.
    async fn level(
        &self,
        connections: usize,
        per_second: Option<u32>,
        sent: &mut Sent,
    ) -> anyhow::Result<Level> {
        let load = Load { connections, time: self.scale.run_time, per_second, log: None };
        let rate = per_second.map(usize::try_from).transpose()?;
        let mut level = Level { load: rate.unwrap_or(connections), ..Level::default() };
        for _ in 0..self.scale.runs {
            load.run(self.empty, &mut level.empty).await?;
            sent.add(&Load { log: Some(self.broker), ..load }.run(self.edge, &mut level.edge).await?);
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
