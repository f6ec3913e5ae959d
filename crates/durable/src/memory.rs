//! The model: the same promises on maps, and the oracle of the model-based tests.
//!
//! `T` are the role's own tables. A transaction works on a copy and swaps it in at commit, so a dropped
//! one leaves no trace, as a crash would.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;

use afterglow_domain::shard::CLASSES;
use afterglow_domain::{EventId, Shard, Timestamp};
use afterglow_events::{Cursor, Topic};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::changed::{Changed, Wakes};
use crate::error::Error;
use crate::rows::{InboxMark, OutboxRow, ParkedLetter, Timeline, Timer, Writes};
use crate::shard_set::ShardSet;
use crate::standing::{OUTBOX_COUNT_MAX, Standing, made_at};
use crate::store::{CommitFault, CommitFaults, Marks, Taken};

/// Everything the model holds.
#[derive(Debug, Clone, Default)]
struct Tables<T> {
    role: T,
    inbox: BTreeMap<(EventId, String), Timestamp>,
    timers: BTreeSet<Timer>,
    fired_to: BTreeMap<(Timeline, Shard), Timestamp>,
    outbox: BTreeMap<i64, OutboxRow>,
    last_seq: i64,
    cursors: BTreeMap<(String, Topic, u16), Cursor>,
    parked: BTreeMap<EventId, ParkedLetter>,
    /// Which class of shards `begin_due` looks at first, so that none starves.
    next_class: u8,
}

/// A store on maps.
#[derive(Debug)]
pub struct Store<T> {
    tables: Arc<Mutex<Tables<T>>>,
    /// Held by the one relay that has taken events.
    relay: Arc<Mutex<()>>,
    changed: Arc<Changed>,
    faults: CommitFaults,
}

impl<T> Clone for Store<T> {
    fn clone(&self) -> Self {
        let (tables, relay) = (self.tables.clone(), self.relay.clone());
        Self { tables, relay, changed: self.changed.clone(), faults: self.faults.clone() }
    }
}

impl<T: Default> Default for Store<T> {
    fn default() -> Self {
        let (tables, relay) = (Arc::default(), Arc::default());
        Self { tables, relay, changed: Arc::default(), faults: CommitFaults::default() }
    }
}

impl<T: Default> Store<T> {
    /// An empty store whose commits fail as `faults` says.
    pub fn with_faults(faults: CommitFaults) -> Self {
        Self { faults, ..Self::default() }
    }
}

impl<T: Clone + Send + Sync + 'static> Store<T> {
    /// A copy of the role's tables, for checks and queries.
    pub async fn role(&self) -> T {
        self.tables.lock().await.role.clone()
    }

    /// Every armed timer, for checks.
    pub async fn timers(&self) -> Vec<Timer> {
        self.tables.lock().await.timers.iter().copied().collect()
    }

    async fn tx(&self, held: ShardSet) -> Tx<T> {
        let guard = self.tables.clone().lock_owned().await;
        let work = guard.clone();
        let (changed, faults) = (self.changed.clone(), self.faults.clone());
        Tx { guard, work, held, marks: Marks::default(), wakes: Wakes::default(), changed, faults }
    }
}

/// A transaction on the model.
pub struct Tx<T> {
    guard: OwnedMutexGuard<Tables<T>>,
    work: Tables<T>,
    held: ShardSet,
    marks: Marks,
    wakes: Wakes,
    changed: Arc<Changed>,
    faults: CommitFaults,
}

impl<T> Tx<T> {
    /// The role's tables as this transaction sees them.
    pub fn role(&mut self) -> &mut T {
        &mut self.work.role
    }
}

impl<T: Clone + Send + Sync + 'static> crate::Store for Store<T> {
    type Tx = Tx<T>;
    type Outgoing = Outgoing<T>;

    async fn begin(&self, shards: &ShardSet) -> Result<Tx<T>, Error> {
        Ok(self.tx(shards.clone()).await)
    }

    async fn begin_due(
        &self,
        timeline: Timeline,
        now: Timestamp,
        max: usize,
    ) -> Result<Option<(Tx<T>, Vec<Timer>)>, Error> {
        let mut tx = self.tx(ShardSet::default()).await;
        let due = |timer: &&Timer| timer.timeline == timeline && timer.due <= now;
        let first = tx.work.next_class;
        let turn = |timer: &Timer| (timer.shard.class() + CLASSES - first) % CLASSES;
        let next = tx.work.timers.iter().filter(due).min_by_key(|timer| turn(timer));
        let Some(class) = next.map(|timer| timer.shard.class()) else { return Ok(None) };
        tx.guard.next_class = (class + 1) % CLASSES;
        tx.work.next_class = tx.guard.next_class;
        let of_class = tx.work.timers.iter().filter(due).filter(|timer| timer.shard.class() == class);
        let page: Vec<Timer> = of_class.copied().take(max).collect();
        tx.held = ShardSet::new(Shard::all().filter(|shard| shard.class() == class));
        tx.marks.page((timeline, now), tx.held.iter(), &page, max);
        Ok(Some((tx, page)))
    }

    async fn next_due(&self, timeline: Timeline) -> Result<Option<Timestamp>, Error> {
        let tables = self.tables.lock().await;
        Ok(tables.timers.iter().filter(|timer| timer.timeline == timeline).map(|timer| timer.due).min())
    }

    async fn outbox_read(&self, max: usize) -> Result<Vec<(i64, OutboxRow)>, Error> {
        let tables = self.tables.lock().await;
        Ok(tables.outbox.iter().take(max).map(|(seq, row)| (*seq, row.clone())).collect())
    }

    async fn standing(&self) -> Result<Standing, Error> {
        let tables = self.tables.lock().await;
        let outbox_rows = u32::try_from(tables.outbox.len()).unwrap_or(u32::MAX).min(OUTBOX_COUNT_MAX);
        let outbox_since = tables.outbox.values().next().and_then(made_at);
        Ok(Standing { outbox_rows, outbox_since, server: None })
    }

    async fn outbox_take(&self, max: usize) -> Result<Option<Taken<Outgoing<T>>>, Error> {
        let Ok(turn) = self.relay.clone().try_lock_owned() else { return Ok(None) };
        let rows = self.outbox_read(max).await?;
        let outgoing = Outgoing { store: self.clone(), _turn: turn };
        Ok((!rows.is_empty()).then_some((outgoing, rows)))
    }

    async fn cursors(&self, group: &str) -> Result<Vec<Cursor>, Error> {
        let tables = self.tables.lock().await;
        let of_group = tables.cursors.iter().filter(|((of, _, _), _)| of == group);
        Ok(of_group.map(|(_, cursor)| cursor.clone()).collect())
    }

    async fn parked(&self, max: usize) -> Result<Vec<ParkedLetter>, Error> {
        let mut letters: Vec<_> = self.tables.lock().await.parked.values().cloned().collect();
        letters.sort_by_key(|letter| (std::cmp::Reverse(letter.at), letter.id));
        letters.truncate(max);
        Ok(letters)
    }

    async fn prune_inbox(&self, before: Timestamp, max: usize) -> Result<usize, Error> {
        let mut tables = self.tables.lock().await;
        let old: Vec<_> =
            tables.inbox.iter().filter(|(_, at)| **at < before).map(|(k, _)| k.clone()).take(max).collect();
        for key in &old {
            tables.inbox.remove(key);
        }
        Ok(old.len())
    }

    async fn prune_parked(&self, before: Timestamp, max: usize) -> Result<usize, Error> {
        let mut tables = self.tables.lock().await;
        let mut old: Vec<_> =
            tables.parked.values().filter(|it| it.at < before).map(|it| (it.at, it.id)).collect();
        old.sort_unstable();
        old.truncate(max);
        for (_, id) in &old {
            tables.parked.remove(id);
        }
        Ok(old.len())
    }

    fn changed(&self) -> Arc<Changed> {
        self.changed.clone()
    }

    fn splits_classes(&self) -> bool {
        true
    }
}

/// The right to relay this store's outbox.
#[derive(Debug)]
pub struct Outgoing<T> {
    store: Store<T>,
    _turn: OwnedMutexGuard<()>,
}

impl<T: Clone + Send + Sync + 'static> crate::store::Outgoing for Outgoing<T> {
    async fn keep(&mut self) -> Infallible {
        std::future::pending().await
    }

    async fn settle(self, acknowledged: &[i64], parked: &[(i64, ParkedLetter)]) -> Result<(), Error> {
        let mut tables = self.store.tables.lock().await;
        for seq in acknowledged.iter().chain(parked.iter().map(|(seq, _)| seq)) {
            tables.outbox.remove(seq);
        }
        for (_, letter) in parked {
            park(&mut tables.parked, letter.clone());
        }
        Ok(())
    }
}

impl<T: Clone + Send + Sync + 'static> crate::Tx for Tx<T> {
    fn locked(&self) -> &ShardSet {
        &self.held
    }

    async fn first_seen(&mut self, marks: &[InboxMark]) -> Result<Vec<bool>, Error> {
        let inbox = &mut self.work.inbox;
        let first = |mark: &InboxMark| inbox.insert((mark.event, mark.home.clone()), mark.taken_at).is_none();
        Ok(marks.iter().map(first).collect())
    }

    async fn load_letter(&mut self, id: EventId) -> Result<Option<ParkedLetter>, Error> {
        Ok(self.work.parked.get(&id).cloned())
    }

    async fn mark_replayed(&mut self, id: EventId, at: Timestamp) -> Result<bool, Error> {
        let open = self.work.parked.get_mut(&id).filter(|letter| letter.replayed.is_none());
        Ok(open.map(|letter| letter.replayed = Some(at)).is_some())
    }

    fn armable(&self, timeline: Timeline, shard: Shard, due: Timestamp) -> Timestamp {
        let stored = self.work.fired_to.get(&(timeline, shard)).copied().unwrap_or(Timestamp::MIN);
        self.marks.armable(timeline, shard, due, stored)
    }

    async fn write(&mut self, writes: Writes) -> Result<(), Error> {
        self.held.check(&writes)?;
        self.wakes.add(&writes);
        for timer in &writes.disarm {
            self.work.timers.remove(timer);
            self.marks.dealt_with(timer);
        }
        self.work.timers.extend(writes.arm);
        for row in writes.outbox {
            self.work.last_seq += 1;
            let seq = self.work.last_seq;
            self.work.outbox.insert(seq, row);
        }
        for place in &writes.forget {
            self.work.cursors.remove(place);
        }
        for (group, cursor) in writes.cursors {
            let place = (group, cursor.topic, cursor.partition);
            if self.work.cursors.get(&place).is_none_or(|known| known.next_offset < cursor.next_offset) {
                self.work.cursors.insert(place, cursor);
            }
        }
        for letter in writes.parked {
            park(&mut self.work.parked, letter);
        }
        Ok(())
    }

    async fn commit(mut self) -> Result<(), Error> {
        for (timeline, shard, mark) in self.marks.settled() {
            let stored = self.work.fired_to.entry((timeline, shard)).or_insert(Timestamp::MIN);
            *stored = mark.max(*stored);
        }
        let fault = self.faults.next();
        if fault == CommitFault::Lost {
            return Err(Error::Unavailable("the connection was lost before COMMIT".to_owned()));
        }
        *self.guard = self.work;
        self.changed.tell(&self.wakes);
        if fault == CommitFault::Unanswered {
            return Err(Error::Unavailable("COMMIT was sent and not answered".to_owned()));
        }
        Ok(())
    }
}

/// Parks a letter once. One that was put back and comes again is open again.
fn park(parked: &mut BTreeMap<EventId, ParkedLetter>, letter: ParkedLetter) {
    match parked.get_mut(&letter.id) {
        None => {
            parked.insert(letter.id, letter);
        }
        Some(known) if known.replayed.is_some() => {
            let attempts = known.attempts + letter.attempts;
            *known = ParkedLetter {
                reason: letter.reason,
                at: letter.at,
                attempts,
                replayed: None,
                ..known.clone()
            };
        }
        Some(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{self, Fixture};

    struct Model;

    impl Fixture for Model {
        type Store = Store<()>;

        async fn fresh(&self, faults: CommitFaults) -> Store<()> {
            Store::with_faults(faults)
        }

        async fn reopened(&self, store: Store<()>) -> Store<()> {
            store
        }
    }

    #[tokio::test]
    async fn conforms() {
        conformance::all(&Model).await;
    }
}
