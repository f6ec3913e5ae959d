//! The loops of a role: records in, timers in, each turn one transaction.
//!
//! A role implements [`Handler`]; the loops do the rest: decode, park what does not decode, group by
//! shard class, guard each decision against panics and failing statements (a failed batch is bisected
//! until the one culprit is parked and its neighbours went on), write the cursor, commit, and only then
//! tell the log.

mod records;
mod spans;
mod timers;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use afterglow_domain::{Shard, Timestamp};
use afterglow_events::{Encoding, Event, Received, identity};

use crate::error::Error;
use crate::rows::{InboxMark, Timeline, Timer};
use crate::store::Tx;

pub use records::{Stopped, consume, consume_once};
pub use timers::{fire_due, run_timers, until_due};

/// How many rows one turn takes at most: batch size decides throughput, and 500 keeps a transaction
/// under about 50 ms (measured: `tests/bench`).
pub const TURN_ROWS_MAX: usize = 500;

/// A record that decoded.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// The event.
    pub event: Event,
    /// How it came: partition, offset, when the log took it.
    pub received: Received,
}

impl Incoming {
    /// The mark by which a repeated signal is recognised: its tenant, source and id as they were sent, so that a
    /// stranger's ids need not be UUIDs and two strangers may use the same ones.
    pub fn signal_mark(&self) -> InboxMark {
        let envelope = &self.event.envelope;
        let id = self.received.record.header("ce_id").unwrap_or_default();
        InboxMark {
            event: identity::signal(&envelope.tenant, &envelope.source, id),
            home: envelope.subject.clone(),
            taken_at: self.received.taken_at,
        }
    }
}

/// What the configuration says about every record of a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// How dead letters are written.
    pub encoding: Encoding,
    /// How old a record may be, counted from when the log took it. An older one is a dead letter: had it had
    /// its effect before, the inbox would soon not know it any more.
    pub age_max: Duration,
}

impl Default for Terms {
    fn default() -> Self {
        Self { encoding: Encoding::default(), age_max: Duration::from_hours(30 * 24) }
    }
}

/// A role's decisions on records. They only read and write within the transaction and may run again
/// after a failure, so they have no other effects.
pub trait Handler: Send + Sync + 'static {
    /// The transaction that the role's rows live in.
    type Tx: Tx;

    /// The role's name, also its consumer group: `ingest`, `journey-engine`, `dispatcher`.
    fn role(&self) -> &'static str;

    /// The shards that deciding on this event touches: its key's, unless the role knows more.
    fn shards(&self, incoming: &Incoming) -> Vec<Shard> {
        vec![Shard::of(incoming.received.record.key_text())]
    }

    /// Decides on records, in order.
    fn apply(
        &self,
        tx: &mut Self::Tx,
        records: Vec<Incoming>,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// The clock of a timeline, as the role was given it.
    fn now(&self, timeline: Timeline) -> Timestamp;

    /// What holds for every record.
    fn terms(&self) -> Terms {
        Terms::default()
    }

    /// A loop has taken a turn, also an idle one: what stood in its way, if anything did. Health checks
    /// hang on this.
    fn turned(&self, _trouble: Option<&str>) {}
}

/// Decisions on due timers, for roles whose timers call nobody (a role that calls a vendor claims with
/// `begin_due`, commits, and calls afterwards).
pub trait Fires: Handler {
    /// Decides on due timers. They are disarmed already; what is to wait again is armed anew.
    fn fire(
        &self,
        tx: &mut Self::Tx,
        timers: &[Timer],
        now: Timestamp,
    ) -> impl Future<Output = Result<(), Error>> + Send;
}

/// A handler that two loops share.
impl<H: Handler> Handler for Arc<H> {
    type Tx = H::Tx;

    fn role(&self) -> &'static str {
        (**self).role()
    }

    fn shards(&self, incoming: &Incoming) -> Vec<Shard> {
        (**self).shards(incoming)
    }

    async fn apply(&self, tx: &mut Self::Tx, records: Vec<Incoming>) -> Result<(), Error> {
        (**self).apply(tx, records).await
    }

    fn now(&self, timeline: Timeline) -> Timestamp {
        (**self).now(timeline)
    }

    fn terms(&self) -> Terms {
        (**self).terms()
    }

    fn turned(&self, trouble: Option<&str>) {
        (**self).turned(trouble);
    }
}

impl<H: Fires> Fires for Arc<H> {
    async fn fire(&self, tx: &mut Self::Tx, timers: &[Timer], now: Timestamp) -> Result<(), Error> {
        (**self).fire(tx, timers, now).await
    }
}
