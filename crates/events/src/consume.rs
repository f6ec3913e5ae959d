//! How a role reads a log: implemented by the log, used by the loops of `afterglow-durable`.

use std::future::Future;
use std::time::Duration;

use afterglow_domain::Timestamp;

use crate::record::Record;
use crate::topic::Topic;

/// A record as a consumer gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The record; its topic is in it.
    pub record: Record,
    /// Its partition.
    pub partition: u16,
    /// Its offset within the partition.
    pub offset: i64,
    /// When the log took it. Age limits look at this, never at when something is said to have happened.
    pub taken_at: Timestamp,
}

/// Up to where a consumer group has durably decided on one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The topic.
    pub topic: Topic,
    /// The partition.
    pub partition: u16,
    /// The first offset not decided yet.
    pub next_offset: i64,
    /// `ce_id` of the record before `next_offset`, empty where it had none: another one there means
    /// that the topic was made anew.
    pub last_event_id: String,
    /// When it was written, by the store's clock.
    pub at: Timestamp,
}

/// Why a consumer cannot go on.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ConsumeError {
    /// The log cannot be read now.
    #[error("the log cannot be read: {0}")]
    Unavailable(String),
    /// What the log holds and what the checkpoint remembers do not fit: going on would skip or repeat
    /// silently, so the role stops, and a person decides.
    #[error("{topic} partition {partition}: {what}")]
    Discontinuity {
        /// The topic.
        topic: Topic,
        /// The partition.
        partition: u16,
        /// What does not fit, with both offsets.
        what: String,
    },
}

/// Where a role's durable cursors are read from: its store.
pub trait Checkpoints: Send + Sync + 'static {
    /// The cursors of a group, one per partition that it has ever decided on.
    fn cursors(&self, group: &str) -> impl Future<Output = Result<Vec<Cursor>, ConsumeError>> + Send;
}

/// A member of a consumer group. It starts behind the group's cursors, from the beginning where there
/// are none, and never skips a record.
pub trait Consume: Send + 'static {
    /// The next records, at most `max`, in order per partition; empty after `wait` without any.
    fn poll(
        &mut self,
        max: usize,
        wait: Duration,
    ) -> impl Future<Output = Result<Vec<Received>, ConsumeError>> + Send;

    /// Tells the log up to where decisions are durable; called after the store's commit.
    fn commit(&mut self, cursors: &[Cursor]) -> impl Future<Output = Result<(), ConsumeError>> + Send;

    /// Goes back to the last committed cursors: the next poll gives again what was not committed.
    fn rewind(&mut self) -> impl Future<Output = Result<(), ConsumeError>> + Send;
}
