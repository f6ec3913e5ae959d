//! How late timers are while the ingest runs flat out.
//!
//! Two engines beside each other, as processes of this program with the product's loops: consumer, timers and
//! relay. Timers come due at equal distances, and the topic of deals holds more than both can decide on
//! meanwhile. The deals' partitions are the shards' (aligned), anybody's (a foreign partitioner that knows no
//! keys) or one. Each timer must fire once; a timer has fired when its transaction is committed.

pub(crate) mod engine;
mod punctual;
mod stranger;

use std::fmt;
use std::time::Duration;

use afterglow_domain::{Clock as _, Timestamp};
use afterglow_eventlog::kafka::KafkaLog;
use afterglow_events::{Record, Topic};
use afterglow_service::clock::SystemClock;
use anyhow::{Context as _, ensure};
use hdrhistogram::Histogram;
use sqlx::{Connection as _, PgConnection};
use tokio::time::Instant;

use super::cluster::append;
use super::customers::Customers;
use super::edge::count_of;
use super::ground::{PARTITIONS, Place, Servers};
use super::scale::Scale;
use super::timers::STREAM;
use crate::child::Server;
use crate::customers::{deal::Customer, tenant};
use crate::figure::Figure;
use crate::processor::{Machine, Neighbours, float};
use engine::Start;

/// Engines beside each other.
pub(crate) const ENGINES: usize = 2;

/// From the engines' start to the first timer: so long they only decide on deals.
const LEAD: Duration = Duration::from_secs(3);

/// How long the last timer may take after it is due.
const PATIENCE: Duration = Duration::from_mins(2);

/// How often it is looked for.
const LOOK: Duration = Duration::from_millis(100);

/// Whose partitions the deals are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Partitioner {
    /// Each in its shard's, of sixteen.
    Aligned,
    /// Each in any of sixteen.
    Foreign,
    /// All in one.
    Single,
}

/// What was measured with one partitioner.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lateness {
    /// The partitioner.
    pub(crate) partitioner: Partitioner,
    /// The median of fired less due, in milliseconds.
    pub(crate) p50_ms: Figure,
    /// The 99th percentile, in milliseconds.
    pub(crate) p99_ms: Figure,
    /// Timers fired per second, from the first that was due to the last that fired.
    pub(crate) fired: Figure,
    /// Deals decided per second meanwhile.
    pub(crate) deals: Figure,
    /// Deadlocks of all runs.
    pub(crate) deadlocks: i64,
    /// Percent of all cores that others took: neither engines nor servers nor this program.
    pub(crate) foreign: Figure,
    /// Percent of all cores that the hypervisor took.
    pub(crate) stolen: Figure,
}

/// Measures all partitioners in turn. `deals_per_second` is what engines decide on when they do nothing else;
/// twice as many are there.
pub(crate) async fn measure(
    scale: &Scale,
    servers: &Servers,
    customers: &Customers,
    deals_per_second: f64,
) -> anyhow::Result<Vec<Lateness>> {
    let mut measured = [Partitioner::Aligned, Partitioner::Foreign, Partitioner::Single].map(Lateness::of);
    let span = Duration::from_secs(1) / scale.due_per_second * u32::try_from(scale.timers)?;
    let seconds = (LEAD + span).as_secs_f64() + 1.0;
    let deals = enough(2.0 * seconds * deals_per_second);
    for run in 0..scale.runs {
        for lateness in &mut measured {
            let name = format!("lateness_{}_{run}", lateness.partitioner);
            let url = servers.copy(&customers.url, &name).await?;
            let place = servers.topics(&name, lateness.partitioner.partitions()).await?;
            let scene = Scene { servers, scale, span, url, place };
            scene.fill(lateness.partitioner, deals).await?;
            scene.run(lateness, deals).await.with_context(|| name.clone())?;
            servers.drop(&scene.url).await?;
        }
    }
    Ok(measured.into())
}

/// A count of things that are enough.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate times seconds")]
fn enough(number: f64) -> usize {
    number.ceil() as usize
}

impl Partitioner {
    fn partitions(self) -> u16 {
        if self == Self::Single { 1 } else { PARTITIONS }
    }
}

impl fmt::Display for Partitioner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Aligned => "aligned",
            Self::Foreign => "foreign",
            Self::Single => "single",
        })
    }
}

impl Lateness {
    fn of(partitioner: Partitioner) -> Self {
        let figures: [Figure; 6] = Default::default();
        let [p50_ms, p99_ms, fired, deals, foreign, stolen] = figures;
        Self { partitioner, p50_ms, p99_ms, fired, deals, deadlocks: 0, foreign, stolen }
    }
}

/// One run's database and topics.
struct Scene<'a> {
    servers: &'a Servers,
    scale: &'a Scale,
    /// From the first timer's due time to the last one's.
    span: Duration,
    url: String,
    place: Place,
}

impl Scene<'_> {
    /// Puts the deals on their topic.
    async fn fill(&self, partitioner: Partitioner, count: usize) -> anyhow::Result<()> {
        let (tenant, log) = (tenant(STREAM)?, self.place.log()?);
        let record = |number| Customer::of_batch(&tenant, number).record();
        let records = (0..count).map(record).collect::<anyhow::Result<Vec<_>>>()?;
        self.put(&log, partitioner, records).await?;
        log.close().await?;
        let stored = count_of(&self.place, Topic::Deals).await?;
        ensure!(
            usize::try_from(stored) == Ok(count),
            "{count} deals were sent and {stored} are on the topic"
        );
        Ok(())
    }

    async fn put(
        &self,
        log: &KafkaLog,
        partitioner: Partitioner,
        records: Vec<Record>,
    ) -> anyhow::Result<()> {
        if partitioner != Partitioner::Foreign {
            return append(log, &records).await;
        }
        let place = self.place.clone();
        tokio::task::spawn_blocking(move || stranger::produce(&place, &records)).await?
    }

    async fn run(&self, lateness: &mut Lateness, deals: usize) -> anyhow::Result<()> {
        let mut connection = PgConnection::connect(&self.url).await?;
        sqlx::raw_sql("set search_path = engine").execute(&mut connection).await?;
        let first = self.spread(&mut connection).await?;
        let start =
            Start { url: self.url.clone(), wall: SystemClock::default().now().plus(LEAD), journey: first };
        let mut engines = Vec::new();
        for _ in 0..ENGINES {
            let args = start.to_args(&self.place);
            engines.push(Server::start("engine", &super::ground::as_os(&args)).await?);
        }
        let wait = start.wall.since(SystemClock::default().now());
        tokio::time::sleep(wait).await;
        let (before, own) = (Machine::now()?, self.ticks(&engines)?);
        let (began, decided) = (Instant::now(), decided(&mut connection).await?);
        self.until_fired(&mut connection, first).await?;
        let seconds = began.elapsed().as_secs_f64();
        let (total, after) = (self::decided(&mut connection).await?, Machine::now()?);
        let Neighbours { foreign, stolen } = Neighbours::between(before, after, self.ticks(&engines)? - own);
        ensure!(total < deals, "the deals ended before the timers did");
        let mut late = Histogram::<u64>::new(3)?;
        for engine in engines {
            engine::read(&engine.stop().await?, &mut late)?;
        }
        let fired = u64::try_from(self.scale.timers)?;
        ensure!(late.len() == fired, "{fired} timers were due and {} fired", late.len());
        lateness.p50_ms.push(float(late.value_at_quantile(0.5)) / 1000.0);
        lateness.p99_ms.push(float(late.value_at_quantile(0.99)) / 1000.0);
        lateness.fired.push(float(fired) / seconds);
        lateness.deals.push(float(u64::try_from(total - decided)?) / seconds);
        lateness.foreign.push(foreign);
        lateness.stolen.push(stolen);
        self.check(&mut connection).await?;
        lateness.deadlocks += deadlocks(&mut connection).await?;
        Ok(connection.close().await?)
    }

    /// Spreads the timers of the batch that is due first over the span; when the first of them is due then.
    async fn spread(&self, connection: &mut PgConnection) -> anyhow::Result<Timestamp> {
        let distance = i64::try_from(self.span.as_micros())? / i64::try_from(self.scale.timers)?;
        let first = sqlx::query_scalar("select min(due_at) from timer").fetch_one(&mut *connection).await?;
        // A second later, when the moment is due whatever its due time was.
        let first = Timestamp(first).plus(Duration::from_secs(1));
        let spread = "
            with spread as (
                select owner, due_at as old, $1 + (row_number() over (order by md5(owner::text)) - 1) * $2 as new
                from timer where due_at < $1),
            rearmed as (
                update enrolment set armed_at = new from spread where enrolment.id = owner)
            update timer set due_at = new from spread where timer.owner = spread.owner and due_at = old";
        let moved = sqlx::query(spread).bind(first.0).bind(distance).execute(&mut *connection).await?;
        let (moved, timers) = (moved.rows_affected(), self.scale.timers);
        ensure!(usize::try_from(moved) == Ok(timers), "{moved} timers were spread instead of {timers}");
        sqlx::raw_sql("vacuum analyze timer").execute(connection).await?;
        Ok(first)
    }

    /// Waits until no timer of the span is left.
    async fn until_fired(&self, connection: &mut PgConnection, first: Timestamp) -> anyhow::Result<()> {
        let deadline = Instant::now() + self.span + PATIENCE;
        loop {
            let left = sqlx::query_scalar("select count(*) from timer where due_at between $1 and $2");
            let left = left.bind(first.0).bind(first.plus(self.span).0);
            let left: i64 = left.fetch_one(&mut *connection).await?;
            if left == 0 {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "{left} timers have not fired");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Every timer has its touchpoint, on its way or on the topic; on its way and there it may be twice.
    async fn check(&self, connection: &mut PgConnection) -> anyhow::Result<()> {
        let waiting = sqlx::query_scalar("select count(*) from outbox where topic = $1");
        let waiting: i64 = waiting.bind(Topic::Touchpoints.name()).fetch_one(connection).await?;
        let there = count_of(&self.place, Topic::Touchpoints).await?;
        let told = there + u64::try_from(waiting)?;
        ensure!(told >= u64::try_from(self.scale.timers)?, "the timers have {told} touchpoints");
        Ok(())
    }

    /// The CPU of engines, servers and this program.
    fn ticks(&self, engines: &[Server]) -> anyhow::Result<u64> {
        let mut ticks = crate::processor::ticks_of(std::process::id())?;
        for engine in engines {
            ticks += crate::processor::ticks_of(engine.pid)?;
        }
        let servers = self.servers.ticks()?;
        Ok(ticks + servers.kafka + servers.postgres)
    }
}

/// How many deals are durably decided.
async fn decided(connection: &mut PgConnection) -> anyhow::Result<usize> {
    let sum = sqlx::query_scalar("select coalesce(sum(next_offset), 0)::int8 from cursor where topic = $1");
    let sum: i64 = sum.bind(Topic::Deals.name()).fetch_one(connection).await?;
    Ok(usize::try_from(sum)?)
}

async fn deadlocks(connection: &mut PgConnection) -> anyhow::Result<i64> {
    let count = "select deadlocks from pg_stat_database where datname = current_database()";
    Ok(sqlx::query_scalar(count).fetch_one(connection).await?)
}
