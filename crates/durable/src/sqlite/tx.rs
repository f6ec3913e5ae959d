//! The transaction, and the store's side of the traits.

use std::convert::Infallible;
use std::sync::Arc;

use afterglow_domain::shard::CLASSES;
use afterglow_domain::{EventId, Shard, Timestamp};
use afterglow_events::Cursor;
use sqlx::SqliteConnection;
use tokio::sync::OwnedMutexGuard;

use super::letters;
use super::{Store, Writer, core, timers};
use crate::changed::{Changed, Wakes};
use crate::error::Error;
use crate::letters::Letters;
use crate::rows::{InboxMark, OutboxRow, ParkedLetter, Timeline, Timer, Writes};
use crate::shard_set::ShardSet;
use crate::standing::{OUTBOX_COUNT_MAX, Standing, made_at};
use crate::store::{CommitFault, CommitFaults, Marks, Taken, Tx as _};

/// The one writing transaction of a file. Dropped without commit, the next one rolls it back first.
pub struct Tx {
    writer: OwnedMutexGuard<Writer>,
    /// What a store with many writers would have locked.
    held: ShardSet,
    marks: Marks,
    wakes: Wakes,
    changed: Arc<Changed>,
    faults: CommitFaults,
}

impl Tx {
    /// The connection, for the role's own statements.
    pub fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.writer.connection
    }
}

impl Store {
    async fn tx(&self, held: ShardSet) -> Result<Tx, Error> {
        let mut writer = self.writer.clone().lock_owned().await;
        // After a transaction that was dropped or whose COMMIT failed, what it did to the marks is not known.
        let marks_unknown = writer.open || writer.beside;
        if writer.open {
            // A failed COMMIT may have ended it already; then there is nothing to roll back.
            let _ended = sqlx::raw_sql("rollback").execute(&mut writer.connection).await;
            writer.open = false;
        }
        writer.open = true;
        sqlx::raw_sql("begin immediate").execute(&mut writer.connection).await?;
        if marks_unknown {
            writer.fired_to = timers::load_marks(&mut writer.connection).await?;
        }
        let (changed, faults) = (self.changed.clone(), self.faults.clone());
        Ok(Tx { writer, held, marks: Marks::default(), wakes: Wakes::default(), changed, faults })
    }
}

impl Tx {
    /// The due timers of one class of shards.
    async fn page(
        &mut self,
        timeline: Timeline,
        class: u8,
        now: Timestamp,
        max: usize,
    ) -> Result<Vec<Timer>, Error> {
        let mut page = Vec::new();
        for shard in timers::shards_of(class) {
            let from = self.armable(timeline, shard, Timestamp::MIN);
            let room = max - page.len();
            page.extend(timers::due(self.connection(), timeline, shard, (from, now), room).await?);
            if page.len() >= max {
                break;
            }
        }
        self.held = ShardSet::new(timers::shards_of(class));
        self.marks.page((timeline, now), self.held.iter(), &page, max);
        Ok(page)
    }
}

impl crate::Store for Store {
    type Tx = Tx;
    type Outgoing = Outgoing;

    async fn begin(&self, shards: &ShardSet) -> Result<Tx, Error> {
        self.tx(shards.clone()).await
    }

    async fn begin_due(
        &self,
        timeline: Timeline,
        now: Timestamp,
        max: usize,
    ) -> Result<Option<(Tx, Vec<Timer>)>, Error> {
        // A look from a reader first: an idle minute costs no write lock.
        if self.next_due(timeline).await?.is_none_or(|due| due > now) {
            return Ok(None);
        }
        let mut tx = self.tx(ShardSet::default()).await?;
        let first = tx.writer.next_class;
        for class in (0..CLASSES).map(|step| (first + step) % CLASSES) {
            let page = tx.page(timeline, class, now, max).await?;
            if !page.is_empty() {
                tx.writer.next_class = (class + 1) % CLASSES;
                return Ok(Some((tx, page)));
            }
        }
        // Nothing due after all: the file's lock is given back now, not with the next transaction.
        sqlx::raw_sql("rollback").execute(&mut tx.writer.connection).await?;
        tx.writer.open = false;
        Ok(None)
    }

    async fn next_due(&self, timeline: Timeline) -> Result<Option<Timestamp>, Error> {
        let due: Option<i64> =
            sqlx::query_scalar(timers::NEXT_DUE).bind(timeline.number()).fetch_one(self.readers()).await?;
        Ok(due.map(Timestamp))
    }

    async fn outbox_read(&self, max: usize) -> Result<Vec<(i64, OutboxRow)>, Error> {
        let max = i64::try_from(max).unwrap_or(i64::MAX);
        let rows = sqlx::query(core::READ_OUTBOX).bind(max).fetch_all(self.readers()).await?;
        rows.iter().map(core::outbox_row).collect()
    }

    async fn standing(&self) -> Result<Standing, Error> {
        let count = "select count(*) from (select 1 from outbox limit ?)";
        let count: u32 = sqlx::query_scalar(count).bind(OUTBOX_COUNT_MAX).fetch_one(self.readers()).await?;
        let oldest = self.outbox_read(1).await?;
        let outbox_since = oldest.first().and_then(|(_, row)| made_at(row));
        Ok(Standing { outbox_rows: count, outbox_since, server: None })
    }

    async fn outbox_take(&self, max: usize) -> Result<Option<Taken<Outgoing>>, Error> {
        let Ok(turn) = self.relay.clone().try_lock_owned() else { return Ok(None) };
        let rows = self.outbox_read(max).await?;
        let outgoing = Outgoing { store: self.clone(), _turn: turn };
        Ok((!rows.is_empty()).then_some((outgoing, rows)))
    }

    async fn cursors(&self, group: &str) -> Result<Vec<Cursor>, Error> {
        let rows = sqlx::query(core::READ_CURSORS).bind(group).fetch_all(self.readers()).await?;
        rows.iter().map(core::cursor).collect()
    }

    async fn parked(&self, max: usize) -> Result<Vec<ParkedLetter>, Error> {
        letters::read(self.readers(), Letters::All, max).await
    }

    async fn prune_inbox(&self, before: Timestamp, max: usize) -> Result<usize, Error> {
        let mut tx = self.tx(ShardSet::default()).await?;
        let done = sqlx::query(
            "delete from inbox where (event_id, home) in
             (select event_id, home from inbox where taken_at < ? order by taken_at limit ?)",
        )
        .bind(before.0)
        .bind(i64::try_from(max).unwrap_or(i64::MAX))
        .execute(tx.connection())
        .await?;
        tx.commit().await?;
        Ok(usize::try_from(done.rows_affected()).unwrap_or(usize::MAX))
    }

    async fn prune_parked(&self, before: Timestamp, max: usize) -> Result<usize, Error> {
        let mut tx = self.tx(ShardSet::default()).await?;
        let pruned = letters::prune(tx.connection(), before, max).await?;
        tx.commit().await?;
        Ok(pruned)
    }

    fn changed(&self) -> Arc<Changed> {
        self.changed.clone()
    }

    fn splits_classes(&self) -> bool {
        false
    }
}

/// The right to relay this file's outbox: one process runs on it, so a lock in memory is enough.
pub struct Outgoing {
    store: Store,
    _turn: OwnedMutexGuard<()>,
}

impl crate::store::Outgoing for Outgoing {
    async fn keep(&mut self) -> Infallible {
        std::future::pending().await
    }

    async fn settle(self, acknowledged: &[i64], parked: &[(i64, ParkedLetter)]) -> Result<(), Error> {
        let mut tx = self.store.tx(ShardSet::default()).await?;
        core::delete_outbox(tx.connection(), acknowledged).await?;
        let (seqs, refused): (Vec<i64>, Vec<ParkedLetter>) = parked.iter().cloned().unzip();
        core::delete_outbox(tx.connection(), &seqs).await?;
        letters::park(tx.connection(), &refused).await?;
        tx.commit().await
    }
}

impl crate::Tx for Tx {
    fn locked(&self) -> &ShardSet {
        &self.held
    }

    async fn first_seen(&mut self, marks: &[InboxMark]) -> Result<Vec<bool>, Error> {
        core::first_seen(self.connection(), marks).await
    }

    async fn load_letter(&mut self, id: EventId) -> Result<Option<ParkedLetter>, Error> {
        letters::load(self.connection(), id).await
    }

    async fn mark_replayed(&mut self, id: EventId, at: Timestamp) -> Result<bool, Error> {
        letters::mark_replayed(self.connection(), id, at).await
    }

    fn armable(&self, timeline: Timeline, shard: Shard, due: Timestamp) -> Timestamp {
        let stored = self.writer.fired_to.get(&(timeline, shard)).copied().unwrap_or(Timestamp::MIN);
        self.marks.armable(timeline, shard, due, stored)
    }

    async fn write(&mut self, writes: Writes) -> Result<(), Error> {
        self.held.check(&writes)?;
        self.wakes.add(&writes);
        let connection = self.connection();
        timers::disarm(connection, &writes.disarm).await?;
        timers::arm(connection, &writes.arm).await?;
        core::append_outbox(connection, &writes.outbox).await?;
        core::forget_cursors(connection, &writes.forget).await?;
        core::store_cursors(connection, &writes.cursors).await?;
        letters::park(connection, &writes.parked).await?;
        for timer in &writes.disarm {
            self.marks.dealt_with(timer);
        }
        Ok(())
    }

    async fn commit(mut self) -> Result<(), Error> {
        let marks = self.marks.settled();
        let writer = &mut *self.writer;
        let moved = timers::store_marks(&mut writer.connection, &writer.fired_to, marks).await?;
        let fault = self.faults.next();
        if fault == CommitFault::Lost {
            return Err(Error::Unavailable("the connection was lost before COMMIT".to_owned()));
        }
        sqlx::raw_sql("commit").execute(&mut writer.connection).await?;
        writer.open = false;
        writer.fired_to.extend(moved.into_iter().map(|(timeline, shard, mark)| ((timeline, shard), mark)));
        self.changed.tell(&self.wakes);
        if fault == CommitFault::Unanswered {
            return Err(Error::Unavailable("COMMIT was sent and not answered".to_owned()));
        }
        Ok(())
    }
}
