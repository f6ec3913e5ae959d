//! What every role's transaction writes besides the role's own rows.

use afterglow_domain::{EventId, Shard, Timestamp};
use afterglow_events::{Cursor, Record, Topic};
use bytes::Bytes;
use uuid::Uuid;

/// Which of the two clocks a timer runs on. Each has timers and a low-water mark of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timeline {
    /// Retries, claims, settling.
    Wall,
    /// Promised moments.
    Journey,
}

impl Timeline {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Wall, Self::Journey];

    /// The number stored.
    pub fn number(self) -> i64 {
        match self {
            Self::Wall => 0,
            Self::Journey => 1,
        }
    }
}

/// One armed wait. The row is its whole identity: to disarm it, name all of it, with the `due` that
/// [`crate::Tx::armable`] gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timer {
    /// Which clock.
    pub timeline: Timeline,
    /// The owner's shard.
    pub shard: Shard,
    /// When it fires; never below the shard's low-water mark.
    pub due: Timestamp,
    /// Whose wait it is: an enrolment, a touchpoint, a hint.
    pub owner: Uuid,
    /// Which of the owner's waits.
    pub key: i32,
}

/// An event that is on its way to the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    /// The locked shard under which it was written: per shard the sequence is the commit order.
    pub shard: Shard,
    /// What to append.
    pub record: Record,
}

/// "This event has had its effect on this home key."
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InboxMark {
    /// The event.
    pub event: EventId,
    /// The home key; one signal may concern several.
    pub home: String,
    /// When the log took it; marks are pruned 45 days after this.
    pub taken_at: Timestamp,
}

/// Something that could not be used, kept whole in the role's own table and published to the
/// dead-letter topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedLetter {
    /// Identity: where it came from (see `identity::dead_letter`), so that it is parked once.
    pub id: EventId,
    /// Why it could not be used, and what to do.
    pub reason: String,
    /// The topic's name; empty for what never was a record.
    pub topic: String,
    /// Its partition.
    pub partition: u16,
    /// Its offset.
    pub offset: i64,
    /// The raw record key.
    pub key: Bytes,
    /// The raw headers.
    pub headers: Vec<afterglow_events::record::Header>,
    /// The raw payload.
    pub value: Bytes,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was parked, by the wall's clock.
    pub at: Timestamp,
    /// When it was put back on its topic; `None` while it is open.
    pub replayed: Option<Timestamp>,
}

/// Everything a transaction writes to the shared pieces. Order within a list is kept for the outbox;
/// elsewhere it has no meaning.
#[derive(Debug, Clone, Default)]
pub struct Writes {
    /// Timers to remove, exactly; one that is not there is no error (it fired already).
    pub disarm: Vec<Timer>,
    /// Timers to add.
    pub arm: Vec<Timer>,
    /// Events to publish, in order.
    pub outbox: Vec<OutboxRow>,
    /// Up to where this group has decided: (group, cursor). One that is behind what the store has changes
    /// nothing: a replica that has lost the partition may commit after the one that has it now.
    pub cursors: Vec<(String, Cursor)>,
    /// Cursors to forget, before `cursors` are written: (group, topic, partition). For partitions that are no
    /// more, and for a cursor that is to go back.
    pub forget: Vec<(String, Topic, u16)>,
    /// What could not be used.
    pub parked: Vec<ParkedLetter>,
}

impl Writes {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.disarm.is_empty()
            && self.arm.is_empty()
            && self.outbox.is_empty()
            && self.cursors.is_empty()
            && self.forget.is_empty()
            && self.parked.is_empty()
    }
}
