//! The tables of the scaled product.

mod aims;
mod tables;

use std::fmt;

use super::Scaled;
use super::decisions::Decisions;
use super::edge::Edge;
use super::ground::{PARTITIONS, SETTINGS};
use super::lateness::{ENGINES, Lateness};
use crate::report::count;

pub(crate) use aims::Aim;

/// The edge's tables.
pub(crate) fn edge(edge: &Edge) -> String {
    fmt::from_fn(|f| tables::edge(f, edge)).to_string()
}

/// The decisions' table.
pub(crate) fn decisions(decisions: &[Decisions]) -> String {
    fmt::from_fn(|f| tables::decisions(f, decisions)).to_string()
}

/// The lateness's table.
pub(crate) fn lateness(lateness: &[Lateness]) -> String {
    fmt::from_fn(|f| tables::lateness(f, lateness)).to_string()
}

impl fmt::Display for Scaled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        tables::edge(f, &self.edge)?;
        tables::timers(f, self)?;
        tables::decisions(f, &self.decisions)?;
        tables::lateness(f, &self.lateness)?;
        tables::needs(f, &self.needs)
    }
}

impl Scaled {
    /// How it was measured, as items of a list.
    pub(crate) fn how(&self) -> String {
        let scale = &self.scale;
        let (runs, settings) = (scale.runs, SETTINGS.join("`, `"));
        let (run_time, timers, pending) =
            (scale.run_time.as_secs_f64(), count(scale.timers), count(scale.pending));
        let (deals, due) = (count(scale.deals), scale.due_per_second);
        let span_s = f64::from(u32::try_from(scale.timers).unwrap_or(u32::MAX)) / f64::from(due.max(1));
        format!(
            "- **Scaled:** one Kafka broker (KRaft, Java as it comes, 1 GiB of heap) and one PostgreSQL (`fsync` on, `{settings}`) on the same cores and the same disk; {PARTITIONS} partitions; {runs} runs of each figure.
- **Edge into Kafka:** as the edge above, answered when the broker has acknowledged (`acks=all`); {run_time} s a run.
  Beside the empty handler there is a bare edge, also served by axum alone: it checks the signature, takes the key from the event and writes the body as it came, with the producer's settings of the product; without limits, strict reading, envelope, CloudEvents headers, traces and metrics.
  In an open loop requests come at a fixed rate, and a latency counts from when the request was to be sent.
- **Timers on PostgreSQL:** as the timers above, {timers} a run, through the engine's own loop in one process; one more database has {pending} further enrolments.
  The reference is SQL alone, with the bytes of a firing: timers deleted, states updated, outbox rows and the next timers inserted, 500 in a transaction, without shards, reading or deciding.
- **Decisions:** {deals} deals a run are put on the topic, faster than they are decided, while processes of `afterglow journey-engine` wait for them; the time ends when the topic of journeys has the last event of the last enrolment.
  The reference is a plain loop: a consumer with fixed partitions, for each deal three rows as large as the engine's (deal, state, timer), 500 deals in a transaction, and after its commit a plain producer of an event as large; without shards, outbox, cursors, indexes to look people up, reading or deciding.
- **Lateness:** {due} timers come due in a second, for {span_s:.1} s, while {ENGINES} engines decide on deals as fast as they can; aligned: each deal in its shard's partition, foreign: in any, single: all in one.
  A timer has fired when its transaction is committed.
  The reference is as many plain loops on rows and topics of their own: that of the decisions, and beside it that of the timers, each with half of the shards.
- **Memory and idle CPU of each role:** ingest, journey-engine and dispatcher as processes, CRM and vendors unreachable."
        )
    }
}
