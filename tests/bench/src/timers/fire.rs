//! Fires one batch of due timers through the product's own loop, and counts what came of it.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use afterglow_domain::clock::ManualClock;
use afterglow_durable::turns::fire_due;
use afterglow_durable::{Store as _, Timeline, relay, sqlite};
use afterglow_eventlog::{EmbeddedLog, Options};
use afterglow_events::Topic;
use afterglow_journey_engine::store::sqlite::MIGRATIONS;
use afterglow_journey_engine::{Engine, ROLE};
use anyhow::{Context as _, ensure};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::customers::{START, engine};
use crate::processor::{Machine, Neighbours, float, ticks_of, us_each};

/// A store with its engine, its log and its clock.
pub(super) struct World {
    store: sqlite::Store,
    engine: Engine<sqlite::Tx>,
    log: EmbeddedLog,
    clock: ManualClock,
    batch: usize,
    fired: AtomicUsize,
}

/// One run.
pub(super) struct Fired {
    /// Timers per second; with the relay until the log has the last touchpoint.
    pub(super) per_second: f64,
    /// CPU for each timer, in microseconds.
    pub(super) us_each: f64,
    /// Who else was there.
    pub(super) neighbours: Neighbours,
}

impl World {
    /// Opens a store whose batches have `batch` customers each.
    pub(super) async fn open(store: &Path, log: &Path, batch: usize) -> anyhow::Result<Self> {
        let clock = ManualClock::new(START);
        let retention = Duration::from_hours(30 * 24);
        let options = Options { partitions: 16, retention, clock: Arc::new(clock.clone()) };
        Ok(Self {
            store: sqlite::Store::open(store, MIGRATIONS).await?,
            engine: engine(Arc::new(clock.clone())),
            log: EmbeddedLog::open(log, options).await?,
            clock,
            batch,
            fired: AtomicUsize::new(0),
        })
    }

    /// Moves the clock to the next batch's moment and fires it.
    pub(super) async fn fire(&self, relay: bool) -> anyhow::Result<Fired> {
        let due = self.store.next_due(Timeline::Journey).await?.context("a batch is left")?;
        self.clock.set(due.plus(Duration::from_secs(1)));
        let (machine, ticks) = (Machine::now()?, ticks_of(std::process::id())?);
        let began = Instant::now();
        let stop = CancellationToken::new();
        let mut relays = JoinSet::new();
        if relay {
            // A task of its own, as in the product.
            relays.spawn(self.relay(stop.clone()));
        }
        self.fire_due().await?;
        stop.cancel();
        relays.join_all().await;
        let seconds = began.elapsed().as_secs_f64();
        let own = ticks_of(std::process::id())? - ticks;
        let neighbours = Neighbours::between(machine, Machine::now()?, own);
        self.check(if relay { 0 } else { self.batch }).await?;
        let batch = u64::try_from(self.batch)?;
        Ok(Fired { per_second: float(batch) / seconds, us_each: us_each(own, batch), neighbours })
    }

    /// Fires everything that is due.
    async fn fire_due(&self) -> anyhow::Result<()> {
        let mut fired = 0;
        loop {
            match fire_due(&self.engine, &self.store, Timeline::Journey).await? {
                0 => break,
                page => fired += page,
            }
        }
        ensure!(fired == self.batch, "{} timers were due and {fired} fired", self.batch);
        Ok(())
    }

    /// Relays until told to stop and the outbox is empty.
    fn relay(&self, stop: CancellationToken) -> impl Future<Output = ()> + Send + 'static {
        let (store, log, clock) = (self.store.clone(), self.log.clone(), self.clock.clone());
        async move { relay::run(ROLE, store, log, &clock, stop).await }
    }

    /// The outbox holds what is expected, one event for each timer; once it is relayed, the log holds one
    /// touchpoint for each timer that ever fired, and nothing else.
    async fn check(&self, in_outbox: usize) -> anyhow::Result<()> {
        let rows: i64 =
            sqlx::query_scalar("select count(*) from outbox").fetch_one(self.store.readers()).await?;
        ensure!(usize::try_from(rows) == Ok(in_outbox), "{in_outbox} events expected, {rows} in the outbox");
        let done = CancellationToken::new();
        done.cancel();
        self.relay(done).await;
        let expected = self.fired.fetch_add(self.batch, Ordering::Relaxed) + self.batch;
        let ends = self.log.reader().ends(Topic::Touchpoints).await?;
        let logged: i64 = ends.iter().map(|(_, first, end)| end - first).sum();
        ensure!(usize::try_from(logged) == Ok(expected), "{expected} timers fired, {logged} touchpoints");
        Ok(())
    }

    /// What the next firing writes for each timer: an enrolment's state, a touchpoint as the log has it,
    /// and a timer's columns.
    pub(super) async fn bytes_of_a_firing(&self) -> anyhow::Result<u64> {
        self.fire_unmeasured().await?;
        let average = "select cast(
            (select avg(length(state)) from enrolment)
          + (select avg(length(topic) + length(key) + length(headers) + length(value)) from outbox)
          + (select avg(length(owner) + 24) from timer) as integer)";
        let bytes: i64 = sqlx::query_scalar(average).fetch_one(self.store.readers()).await?;
        self.check(self.batch).await?;
        Ok(u64::try_from(bytes)?)
    }

    async fn fire_unmeasured(&self) -> anyhow::Result<()> {
        let due = self.store.next_due(Timeline::Journey).await?.context("a batch is left")?;
        self.clock.set(due.plus(Duration::from_secs(1)));
        self.fire_due().await
    }

    /// Closes the log.
    pub(super) async fn close(self) {
        self.log.close().await;
    }
}
