//! Fires one batch of due timers through the product's own loops on PostgreSQL, and counts what came of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use afterglow_domain::Clock as _;
use afterglow_domain::clock::ManualClock;
use afterglow_durable::turns::{consume, fire_due};
use afterglow_durable::{Store as _, Timeline, postgres};
use afterglow_events::Topic;
use afterglow_journey_engine::Engine;
use afterglow_journey_engine::store::postgres::SCHEMA;
use anyhow::{Context as _, ensure};
use sqlx::PgPool;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::measure::{Measured, Meter};
use super::stream::Deals;
use crate::customers::{START, engine, tenant};
use crate::scaled::bare::Bytes;

/// The batch whose tenant's deals stream in: its journey sends at the last hour of the day, when all others
/// have fired.
pub(crate) const STREAM: usize = 23;

/// The product's shortest sleep before it looks for timers again.
const BUSY_PAUSE: Duration = Duration::from_millis(1);

/// A database with its engine and its clock.
pub(super) struct World {
    store: postgres::Store,
    engine: Arc<Engine<postgres::Tx>>,
    clock: ManualClock,
    batch: usize,
    /// Deals that have streamed in, in whole polls.
    streamed: AtomicUsize,
}

impl World {
    /// Opens a database whose batches have `batch` customers each.
    pub(super) async fn open(url: &str, batch: usize) -> anyhow::Result<Self> {
        let clock = ManualClock::new(START);
        Ok(Self {
            store: postgres::Store::open(&url.parse()?, &SCHEMA).await?,
            engine: Arc::new(engine(Arc::new(clock.clone()))),
            clock,
            batch,
            streamed: AtomicUsize::new(0),
        })
    }

    /// Connections for questions.
    pub(super) fn readers(&self) -> PgPool {
        self.store.readers().clone()
    }

    /// Moves the clock to the next batch's moment and fires it with so many loops.
    pub(super) async fn fire(&self, loops: usize, meter: &Meter<'_>) -> anyhow::Result<Measured> {
        self.until_due().await?;
        let start = meter.start().await?;
        self.fire_with(loops).await?;
        let measured = start.end(self.batch).await?;
        self.check().await?;
        Ok(measured)
    }

    /// The same with one loop, while another decides on deals as fast as it can; also how many of these were
    /// decided in a second.
    pub(super) async fn fire_beside_deals(&self, meter: &Meter<'_>) -> anyhow::Result<(Measured, f64)> {
        self.until_due().await?;
        let (committed, stop) = (Arc::<AtomicUsize>::default(), CancellationToken::new());
        let first = self.streamed.load(Ordering::SeqCst);
        let deals = Deals::from(tenant(STREAM)?, first, committed.clone());
        let (engine, store, stopped) = (self.engine.clone(), self.store.clone(), stop.clone());
        let start = meter.start().await?;
        let mut streaming = JoinSet::new();
        // A task of its own, as in the product.
        streaming.spawn(async move { consume(&engine, &store, deals, &stopped).await });
        self.fire_with(1).await?;
        let measured = start.end(self.batch).await?;
        let decided = self.deals_of_the_stream().await? - first;
        stop.cancel();
        streaming.join_all().await;
        // What was under way was decided, too.
        let all = committed.load(Ordering::SeqCst);
        self.streamed.store(first + all, Ordering::SeqCst);
        self.check().await?;
        let per_second = crate::processor::float(u64::try_from(decided)?) / measured.seconds;
        Ok((measured, per_second))
    }

    async fn until_due(&self) -> anyhow::Result<()> {
        let due = self.store.next_due(Timeline::Journey).await?.context("a batch is left")?;
        self.clock.set(due.plus(Duration::from_secs(1)));
        Ok(())
    }

    /// Fires everything that is due.
    async fn fire_with(&self, loops: usize) -> anyhow::Result<()> {
        let mut running = JoinSet::new();
        for _ in 0..loops {
            let (engine, store, now) = (self.engine.clone(), self.store.clone(), self.clock.now());
            running.spawn(async move {
                let mut fired = 0;
                loop {
                    match fire_due(&engine, &store, Timeline::Journey).await? {
                        // Others may have the shards of what is due: looked at again as the product's loop does.
                        0 if store.next_due(Timeline::Journey).await?.is_some_and(|due| due <= now) => {
                            tokio::time::sleep(BUSY_PAUSE).await;
                        }
                        0 => return anyhow::Ok(fired),
                        page => fired += page,
                    }
                }
            });
        }
        let mut fired = 0;
        while let Some(one) = running.join_next().await {
            fired += one??;
        }
        ensure!(fired == self.batch, "{} timers were due and {fired} fired", self.batch);
        Ok(())
    }

    /// The outbox holds one touchpoint for each timer that has just fired, each deal that streamed in has one
    /// enrolment; then the outbox is emptied.
    async fn check(&self) -> anyhow::Result<()> {
        let readers = self.store.readers();
        let touchpoints = sqlx::query_scalar::<_, i64>("select count(*) from outbox where topic = $1");
        let touchpoints = touchpoints.bind(Topic::Touchpoints.name()).fetch_one(readers).await?;
        ensure!(
            usize::try_from(touchpoints) == Ok(self.batch),
            "{} timers fired and {touchpoints} touchpoints are in the outbox",
            self.batch
        );
        let streamed = self.streamed.load(Ordering::SeqCst);
        let stream = self.deals_of_the_stream().await?;
        ensure!(stream == streamed, "{streamed} deals streamed in, {stream} are there");
        sqlx::raw_sql("truncate outbox").execute(readers).await?;
        Ok(())
    }

    /// How many deals of the stream are durably decided.
    async fn deals_of_the_stream(&self) -> anyhow::Result<usize> {
        let count = "select count(*) from deal where deal >= 'batch-23/' and deal < 'batch-230'";
        let count: i64 = sqlx::query_scalar(count).fetch_one(self.store.readers()).await?;
        Ok(usize::try_from(count)?)
    }

    /// What the next firing writes for one of its timers.
    pub(super) async fn bytes_of_a_firing(&self) -> anyhow::Result<Bytes> {
        self.until_due().await?;
        self.fire_with(1).await?;
        let one = "select
            (select state from enrolment where id = (select owner from timer order by due_at desc limit 1)),
            (select convert_to(topic, 'UTF8') || key || headers || value from outbox limit 1)";
        let (state, touchpoint) = sqlx::query_as(one).fetch_one(self.store.readers()).await?;
        self.check().await?;
        Ok(Bytes { state, touchpoint, enrolled: Vec::new() })
    }

    /// Fires the next batch, with one loop. Its outbox is not looked at, so that nothing but the firing is on
    /// the wire; the next check would find it.
    pub(super) async fn fire_unmeasured(&self) -> anyhow::Result<()> {
        self.until_due().await?;
        self.fire_with(1).await
    }

    /// Empties the outbox after that, with the usual check.
    pub(super) async fn tidy(&self) -> anyhow::Result<()> {
        self.check().await
    }

    pub(super) async fn close(self) {
        self.store.close().await;
    }
}
