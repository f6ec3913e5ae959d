//! The intent-level traits of a store; each adapter passes [`crate::conformance`].

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use afterglow_domain::{EventId, Shard, Timestamp};
use afterglow_events::Cursor;

use crate::changed::Changed;
use crate::error::Error;
use crate::rows::{InboxMark, OutboxRow, ParkedLetter, Timeline, Timer, Writes};
use crate::shard_set::ShardSet;
use crate::standing::Standing;

/// A transaction that was begun because timers are due, and those timers.
pub type Due<T> = (T, Vec<Timer>);

/// The right to relay some events, and those events with their sequence numbers, ascending.
pub type Taken<O> = (O, Vec<(i64, OutboxRow)>);

/// A role's durable state. Cheap to clone: clones share it.
pub trait Store: Clone + Send + Sync + 'static {
    /// A transaction of this store; roles add their own rows by extending it.
    type Tx: Tx;

    /// The right to relay some of the outbox.
    type Outgoing: Outgoing;

    /// Begins a transaction that holds these shards until it ends.
    fn begin(&self, shards: &ShardSet) -> impl Future<Output = Result<Self::Tx, Error>> + Send;

    /// Begins a transaction on shards of one class that have timers due at `now`, and gives those
    /// timers, at most `max`, by shard and due time. They are **not** removed: the caller disarms what
    /// it dealt with. `None` where nothing is due.
    fn begin_due(
        &self,
        timeline: Timeline,
        now: Timestamp,
        max: usize,
    ) -> impl Future<Output = Result<Option<Due<Self::Tx>>, Error>> + Send;

    /// The same on several classes that nobody is at work on, each in a transaction of its own with at most `max`
    /// timers; nothing where nothing is due. Stores with one writer have one at a time.
    fn begin_due_apart(
        &self,
        timeline: Timeline,
        now: Timestamp,
        max: usize,
        _classes: usize,
    ) -> impl Future<Output = Result<Vec<Due<Self::Tx>>, Error>> + Send {
        async move { Ok(Vec::from_iter(self.begin_due(timeline, now, max).await?)) }
    }

    /// When the next timer is due; `None` where none is armed.
    fn next_due(&self, timeline: Timeline) -> impl Future<Output = Result<Option<Timestamp>, Error>> + Send;

    /// The oldest events not acknowledged by the log, with their sequence numbers, ascending: a look, for
    /// tests. A relay takes them with [`Store::outbox_take`].
    fn outbox_read(&self, max: usize) -> impl Future<Output = Result<Vec<(i64, OutboxRow)>, Error>> + Send;

    /// Takes the oldest events not acknowledged by the log, at most `max`, of keys that no other relay has
    /// at this moment, in this process or another. `None` where there is nothing to take.
    fn outbox_take(
        &self,
        max: usize,
    ) -> impl Future<Output = Result<Option<Taken<Self::Outgoing>>, Error>> + Send;

    /// How it stands, for gauges and probes; writes nothing.
    fn standing(&self) -> impl Future<Output = Result<Standing, Error>> + Send;

    /// The durable cursors of a consumer group.
    fn cursors(&self, group: &str) -> impl Future<Output = Result<Vec<Cursor>, Error>> + Send;

    /// The parked letters, open or put back, newest first, at most `max`.
    fn parked(&self, max: usize) -> impl Future<Output = Result<Vec<ParkedLetter>, Error>> + Send;

    /// Forgets inbox marks taken before `before`, at most `max` of them; how many it forgot.
    fn prune_inbox(&self, before: Timestamp, max: usize)
    -> impl Future<Output = Result<usize, Error>> + Send;

    /// Forgets letters parked before `before`, open or put back, at most `max` of them; how many it forgot.
    fn prune_parked(
        &self,
        before: Timestamp,
        max: usize,
    ) -> impl Future<Output = Result<usize, Error>> + Send;

    /// Signalled by this process's own commits that armed a timer or wrote to the outbox. Commits of
    /// other processes are found by polling, at most a second later.
    fn changed(&self) -> Arc<Changed>;

    /// How long a turn with it may take before it counts as one that does not answer; `None` for a store that
    /// cannot hang, since it is in this process.
    fn answer_max(&self) -> Option<Duration> {
        None
    }

    /// Somebody has waited for so long: connections that are given back now may never answer again.
    fn not_answered(&self) {}

    /// Whether a poll's records are decided one transaction per shard class (true where several
    /// processes lock rows) or all in one (true only where there is one writer anyway).
    fn splits_classes(&self) -> bool;
}

/// Events that one relay has to itself until this is settled or dropped: two that appended the same key
/// would repeat each other and could change its order.
pub trait Outgoing: Send + 'static {
    /// Keeps the right alive while the log takes its time. Never ends: run it beside the appending.
    fn keep(&mut self) -> impl Future<Output = Infallible> + Send;

    /// Removes exactly these events: they are acknowledged. Those in `parked` were refused for good and
    /// become dead letters in the same transaction. The rest is free to be taken again.
    fn settle(
        self,
        acknowledged: &[i64],
        parked: &[(i64, ParkedLetter)],
    ) -> impl Future<Output = Result<(), Error>> + Send;
}

/// One transaction. Dropped without [`Tx::commit`], nothing of it happened.
pub trait Tx: Send + 'static {
    /// The shards that it has locked: what it may write belongs to them.
    fn locked(&self) -> &ShardSet;

    /// Marks events as having had their effect, and tells for each whether it was the first time.
    fn first_seen(&mut self, marks: &[InboxMark]) -> impl Future<Output = Result<Vec<bool>, Error>> + Send;

    /// One parked letter.
    fn load_letter(
        &mut self,
        id: EventId,
    ) -> impl Future<Output = Result<Option<ParkedLetter>, Error>> + Send;

    /// Marks an open letter as put back on its topic; whether it was there and open.
    fn mark_replayed(
        &mut self,
        id: EventId,
        at: Timestamp,
    ) -> impl Future<Output = Result<bool, Error>> + Send;

    /// The due time under which a wait for `due` can be armed in this transaction: `due` itself, or the
    /// shard's low-water mark where `due` lies below it (such a timer fires at once).
    fn armable(&self, timeline: Timeline, shard: Shard, due: Timestamp) -> Timestamp;

    /// Writes the shared pieces. May be called more than once.
    fn write(&mut self, writes: Writes) -> impl Future<Output = Result<(), Error>> + Send;

    /// Makes it durable: it is on disk when this returns `Ok`.
    fn commit(self) -> impl Future<Output = Result<(), Error>> + Send;
}

/// What becomes of a COMMIT in a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CommitFault {
    /// Nothing unusual.
    #[default]
    None,
    /// The process or connection dies before it: nothing happened.
    Lost,
    /// It happened, and nobody was told.
    Unanswered,
}

/// Decides the fate of each COMMIT; by default none fails. Tests hand in a seeded one.
#[derive(Clone, Default)]
pub struct CommitFaults(Option<Arc<dyn Fn() -> CommitFault + Send + Sync>>);

impl CommitFaults {
    /// Asks `decide` before each COMMIT.
    pub fn new(decide: impl Fn() -> CommitFault + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(decide)))
    }

    pub(crate) fn next(&self) -> CommitFault {
        self.0.as_ref().map_or(CommitFault::None, |decide| decide())
    }
}

impl fmt::Debug for CommitFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "CommitFaults(on)" } else { "CommitFaults(off)" })
    }
}

/// The low-water marks that a firing transaction may move: to `now` where a shard was read to its end,
/// else to the last timer read; never past a timer that was read and not dealt with.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    candidates: BTreeMap<(Timeline, Shard), Timestamp>,
    open: BTreeSet<Timer>,
}

impl Marks {
    /// Remembers what `begin_due` read from these shards, in order of shard and due time.
    pub(crate) fn page(
        &mut self,
        (timeline, now): (Timeline, Timestamp),
        shards: impl Iterator<Item = Shard>,
        page: &[Timer],
        max: usize,
    ) {
        self.open.extend(page);
        let cut = page.last().filter(|_| page.len() >= max);
        for shard in shards {
            let read_to_the_end = cut.is_none_or(|last| shard < last.shard);
            match cut {
                Some(last) if last.shard == shard => {
                    self.candidates.insert((timeline, shard), last.due);
                }
                _ if read_to_the_end => {
                    self.candidates.insert((timeline, shard), now);
                }
                _ => {}
            }
        }
    }

    /// A timer that was read is disarmed.
    pub(crate) fn dealt_with(&mut self, timer: &Timer) {
        self.open.remove(timer);
    }

    pub(crate) fn armable(
        &self,
        timeline: Timeline,
        shard: Shard,
        due: Timestamp,
        stored: Timestamp,
    ) -> Timestamp {
        let candidate = self.candidates.get(&(timeline, shard)).copied().unwrap_or(Timestamp::MIN);
        due.max(stored).max(candidate)
    }

    /// The marks as they may be written now.
    pub(crate) fn settled(&self) -> Vec<(Timeline, Shard, Timestamp)> {
        let bounded = |(&(timeline, shard), &mark): (&(Timeline, Shard), &Timestamp)| {
            let open = self.open.iter().filter(|timer| (timer.timeline, timer.shard) == (timeline, shard));
            (timeline, shard, open.map(|timer| timer.due).min().map_or(mark, |due| due.min(mark)))
        };
        self.candidates.iter().map(bounded).collect()
    }
}
