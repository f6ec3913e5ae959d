//! The transaction, and the store's side of the traits.

use std::sync::Arc;
use std::time::Duration;

use afterglow_domain::{EventId, Shard, Timestamp};
use afterglow_events::Cursor;
use futures::future::try_join_all;
use sqlx::{PgConnection, PgTransaction};
use tokio::time::Instant;

use super::lock::{self, Asking, Held};
use super::outbox::{self, Outgoing};
use super::went_back::Committed;
use super::{Store, core, letters, server, timers};
use crate::answer::answered;
use crate::changed::{Changed, Wakes};
use crate::error::Error;
use crate::letters::Letters;
use crate::metric;
use crate::rows::{InboxMark, OutboxRow, ParkedLetter, Timeline, Timer, Writes};
use crate::shard_set::ShardSet;
use crate::standing::Standing;
use crate::store::{CommitFault, CommitFaults, Due, Marks, Taken};

/// How many shards a timer transaction asks for: a class. Fewer would commit more often for the same rows.
const SHARDS_PER_TURN_MAX: usize = 8;

/// A transaction that holds its shards. Dropped without commit, it is rolled back before its connection is
/// used again.
pub struct Tx {
    inner: PgTransaction<'static>,
    held: Held,
    marks: Marks,
    /// The cursors written so far.
    cursors: Vec<(String, Cursor)>,
    committed: Committed,
    wakes: Wakes,
    /// A statement that we did not see succeed may have failed, and a COMMIT after that rolls back without
    /// saying so.
    unproven: bool,
    changed: Arc<Changed>,
    faults: CommitFaults,
}

impl Tx {
    /// The connection, for the role's own statements.
    pub fn connection(&mut self) -> &mut PgConnection {
        self.unproven = true;
        &mut self.inner
    }

    /// Waits for locks on things that shards share, by their names. Comes after the shards' lock, and is a
    /// statement of its own for the same reason. What is not there yet is locked as well, which a row's lock
    /// could not do; names that share a hash share a lock.
    pub async fn lock_names(&mut self, kind: &str, names: Vec<String>) -> Result<(), Error> {
        if names.is_empty() {
            return Ok(());
        }
        sqlx::query(
            "select pg_advisory_xact_lock(number) from (
                select distinct hashtextextended(current_schema() || ' ' || $1 || ' ' || name, 0) as number
                from unnest($2::text[]) as n(name) order by number) as sorted",
        )
        .bind(kind)
        .bind(names)
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }
}

impl Store {
    async fn tx(&self, shards: &ShardSet, asking: Asking) -> Result<Tx, Error> {
        let mut inner = self.pool.begin().await?;
        let (began, asked) = (Instant::now(), self.clock.as_ref().map(|clock| clock.asking()));
        let held = lock::lock(&mut inner, shards, asking).await?;
        metrics::histogram!(metric::LOCK_WAIT, "role" => self.role).record(began.elapsed().as_secs_f64());
        metrics::histogram!(metric::SHARDS, "role" => self.role).record(shards_of(&held));
        if let (Some(clock), Some(asked), Some(told)) = (&self.clock, asked, held.since) {
            clock.heard(told, asked);
        }
        Ok(Tx {
            inner,
            held,
            marks: Marks::default(),
            cursors: Vec::new(),
            committed: self.committed.clone(),
            wakes: Wakes::default(),
            unproven: false,
            changed: self.changed.clone(),
            faults: self.faults.clone(),
        })
    }

    /// A transaction on these shards, with what is due there; nothing where they are not to be had.
    async fn tx_due(
        &self,
        of: (Timeline, Timestamp),
        (shards, asking): (&[Shard], Asking),
        max: usize,
    ) -> Result<Option<Due<Tx>>, Error> {
        // Each shard has its share of the page, so that a busy one starves none of its class.
        let asked = ShardSet::new(shards.iter().copied().take(SHARDS_PER_TURN_MAX.min(max)));
        let mut tx = self.tx(&asked, asking).await?;
        let skipped = asked.len() - tx.held.shards().len();
        metrics::counter!(metric::SHARDS_SKIPPED, "role" => self.role).increment(skipped as u64);
        if tx.held.shards().is_empty() {
            tx.inner.rollback().await?;
            return Ok(None);
        }
        let share = max / tx.held.shards().len();
        let page = timers::due(&mut tx.inner, of, &tx.held, share).await?;
        for shard in tx.held.shards().iter() {
            let of_shard: Vec<Timer> = page.iter().filter(|timer| timer.shard == shard).copied().collect();
            tx.marks.page(of, std::iter::once(shard), &of_shard, share);
        }
        if page.is_empty() {
            tx.inner.rollback().await?;
            return Ok(None);
        }
        Ok(Some((tx, page)))
    }
}

fn shards_of(held: &Held) -> f64 {
    // At most 64 of them.
    u32::try_from(held.shards().len()).map_or(f64::MAX, f64::from)
}

impl crate::Store for Store {
    type Tx = Tx;
    type Outgoing = Outgoing;

    async fn begin(&self, shards: &ShardSet) -> Result<Tx, Error> {
        self.tx(shards, self.asking).await
    }

    async fn begin_due(
        &self,
        timeline: Timeline,
        now: Timestamp,
        max: usize,
    ) -> Result<Option<Due<Tx>>, Error> {
        Ok(self.begin_due_apart(timeline, now, max, 1).await?.pop())
    }

    async fn begin_due_apart(
        &self,
        timeline: Timeline,
        now: Timestamp,
        max: usize,
        classes: usize,
    ) -> Result<Vec<Due<Tx>>, Error> {
        let by_class = timers::due_shards(&self.pool, timeline, now).await?;
        let order = self.classes.order(by_class.keys().copied().collect());
        let ask = async |class: u8, asking| {
            let found = self.tx_due((timeline, now), (&by_class[&class], asking), max).await?;
            if found.is_some() {
                self.classes.took(class);
            }
            Ok::<_, Error>(found)
        };
        for some in order.chunks(classes) {
            let found = try_join_all(some.iter().map(|class| ask(*class, Asking::Free))).await?;
            if found.iter().any(Option::is_some) {
                return Ok(found.into_iter().flatten().collect());
            }
        }
        // Others are at work on everything that is due: the first class is waited for.
        match order.first() {
            Some(class) => Ok(Vec::from_iter(ask(*class, Asking::Shortly).await?)),
            None => Ok(Vec::new()),
        }
    }

    async fn next_due(&self, timeline: Timeline) -> Result<Option<Timestamp>, Error> {
        answered(self, timers::next_due(&self.pool, timeline)).await
    }

    async fn standing(&self) -> Result<Standing, Error> {
        self.stands().await
    }

    async fn outbox_read(&self, max: usize) -> Result<Vec<(i64, OutboxRow)>, Error> {
        outbox::read(&self.pool, max).await
    }

    async fn outbox_take(&self, max: usize) -> Result<Option<Taken<Outgoing>>, Error> {
        outbox::take(&self.relays, max).await
    }

    async fn cursors(&self, group: &str) -> Result<Vec<Cursor>, Error> {
        core::cursors(&self.pool, group).await
    }

    async fn parked(&self, max: usize) -> Result<Vec<ParkedLetter>, Error> {
        letters::read(&self.pool, Letters::All, max).await
    }

    async fn prune_inbox(&self, before: Timestamp, max: usize) -> Result<usize, Error> {
        core::prune_inbox(&self.pool, before, max).await
    }

    async fn prune_parked(&self, before: Timestamp, max: usize) -> Result<usize, Error> {
        letters::prune(&self.pool, before, max).await
    }

    fn changed(&self) -> Arc<Changed> {
        self.changed.clone()
    }

    fn answer_max(&self) -> Option<Duration> {
        Some(server::ANSWER_MAX)
    }

    fn not_answered(&self) {
        self.silence.met();
    }

    fn splits_classes(&self) -> bool {
        true
    }
}

impl crate::Tx for Tx {
    fn locked(&self) -> &ShardSet {
        self.held.shards()
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
        self.marks.armable(timeline, shard, due, self.held.fired_to(timeline, shard))
    }

    async fn write(&mut self, writes: Writes) -> Result<(), Error> {
        self.held.shards().check(&writes)?;
        self.wakes.add(&writes);
        let connection = self.connection();
        timers::disarm(connection, &writes.disarm).await?;
        timers::arm(connection, &writes.arm).await?;
        outbox::append(connection, &writes.outbox).await?;
        core::forget_cursors(connection, &writes.forget).await?;
        letters::park(connection, &writes.parked).await?;
        let before = core::store_cursors(connection, &writes.cursors).await?;
        self.committed.forget(&writes.forget);
        self.committed.check(&writes.cursors, &before)?;
        self.cursors.extend(writes.cursors);
        for timer in &writes.disarm {
            self.marks.dealt_with(timer);
        }
        Ok(())
    }

    async fn commit(mut self) -> Result<(), Error> {
        self.held.store_marks(&mut self.inner, &self.marks.settled()).await?;
        if self.unproven {
            sqlx::query("select 1").execute(&mut *self.inner).await?;
        }
        let fault = self.faults.next();
        if fault == CommitFault::Lost {
            return Err(Error::Unavailable("the connection was lost before COMMIT".to_owned()));
        }
        self.inner.commit().await?;
        self.committed.keep(&self.cursors);
        self.changed.tell(&self.wakes);
        if fault == CommitFault::Unanswered {
            return Err(Error::Unavailable("COMMIT was sent and not answered".to_owned()));
        }
        Ok(())
    }
}
