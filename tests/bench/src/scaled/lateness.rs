//! How late timers are while the ingest runs flat out.
//!
//! Two engines beside each other, as processes of this program with the product's loops: consumer, timers and
//! relay. Timers come due at equal distances, and the topic of deals holds more than both can decide on
//! meanwhile. The deals' partitions are the shards' (aligned), anybody's (a foreign partitioner that knows no
//! keys) or one. In turn with them, workers of the reference ([`bare`]) do both on rows of their own. Each timer must fire once; a timer has fired when its transaction is committed.

pub(crate) mod engine;
mod punctual;
mod stranger;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use afterglow_domain::{Clock as _, Timestamp};
use afterglow_eventlog::kafka::KafkaLog;
use afterglow_events::{Record, Topic};
use afterglow_service::clock::SystemClock;
use anyhow::{Context as _, ensure};
use hdrhistogram::Histogram;
use sqlx::{Connection as _, PgConnection};
use tokio::time::Instant;

use super::bare::{self, Bytes};
use super::cluster::append;
use super::customers::Customers;
use super::edge::count_of;
use super::ground::{PARTITIONS, Place, Servers, as_os};
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

/// Who fires, and whose partitions the deals are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    /// Workers of the reference; each deal in its shard's, of sixteen.
    Bare,
    /// Engines; each deal in its shard's, of sixteen.
    Aligned,
    /// Each in any of sixteen.
    Foreign,
    /// All in one.
    Single,
}

/// What was measured of one of them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lateness {
    /// Of whom.
    pub(crate) who: Who,
    /// The median of fired less due, in milliseconds.
    pub(crate) p50_ms: Figure,
    /// The 99th percentile, in milliseconds.
    pub(crate) p99_ms: Figure,
    /// Timers fired per second, from the first that was due to the last that fired.
    pub(crate) fired: Figure,
    /// Deals decided per second meanwhile.
    pub(crate) deals: Figure,
    /// Runs in which the deals ended before the timers did: these were not flat out to their end.
    pub(crate) without_deals: usize,
    /// Deadlocks of all runs.
    pub(crate) deadlocks: i64,
    /// Percent of all cores that others took: neither engines nor servers nor this program.
    pub(crate) foreign: Figure,
    /// Percent of all cores that the hypervisor took.
    pub(crate) stolen: Figure,
}

/// Measures all in turn. `deals_per_second` is what engines and the reference decide on when they do nothing
/// else; twice as many are there.
pub(crate) async fn measure(
    scale: &Scale,
    servers: &Servers,
    folder: &Path,
    customers: &Customers,
    deals_per_second: [f64; 2],
) -> anyhow::Result<Vec<Lateness>> {
    // The reference writes what engines have written.
    let mut measured = [Who::Aligned, Who::Foreign, Who::Single, Who::Bare].map(Lateness::of);
    let bytes = folder.join("lateness.bytes");
    let span = Duration::from_secs(1) / scale.due_per_second * u32::try_from(scale.timers)?;
    let seconds = (LEAD + span).as_secs_f64() + 1.0;
    let [of_engines, of_bare] = deals_per_second.map(|rate| enough(2.0 * seconds * rate));
    for run in 0..scale.runs {
        for lateness in &mut measured {
            let who = lateness.who;
            let name = format!("lateness_{who:?}_{run}").to_lowercase();
            let (deals, url) = match who {
                Who::Bare => (of_bare, bare::database(servers).await?),
                _ => (of_engines, servers.copy(&customers.url, &name).await?),
            };
            let place = servers.topics(&name, who.partitions()).await?;
            let scene = Scene { servers, scale, span, url, place, who, bytes: &bytes };
            scene.run(lateness, deals).await.with_context(|| name.clone())?;
            if !bytes.exists() {
                Bytes::of_all(&scene.url, &scene.place).await?.write(&bytes)?;
            }
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

impl Who {
    fn partitions(self) -> u16 {
        if self == Self::Single { 1 } else { PARTITIONS }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bare => "bare loop, aligned",
            Self::Aligned => "aligned",
            Self::Foreign => "foreign",
            Self::Single => "single",
        })
    }
}

impl Lateness {
    fn of(who: Who) -> Self {
        let figures: [Figure; 6] = Default::default();
        let [p50_ms, p99_ms, fired, deals, foreign, stolen] = figures;
        Self { who, p50_ms, p99_ms, fired, deals, without_deals: 0, deadlocks: 0, foreign, stolen }
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
    who: Who,
    /// Where the reference's bytes are.
    bytes: &'a Path,
}

impl Scene<'_> {
    /// Puts the deals on their topic.
    async fn fill(&self, count: usize) -> anyhow::Result<()> {
        let (tenant, log) = (tenant(STREAM)?, self.place.patient_log()?);
        let record = |number| Customer::of_batch(&tenant, number).record();
        let records = (0..count).map(record).collect::<anyhow::Result<Vec<_>>>()?;
        self.put(&log, records).await?;
        log.close().await?;
        let stored = count_of(&self.place, Topic::Deals).await?;
        ensure!(
            usize::try_from(stored) == Ok(count),
            "{count} deals were sent and {stored} are on the topic"
        );
        Ok(())
    }

    async fn put(&self, log: &KafkaLog, records: Vec<Record>) -> anyhow::Result<()> {
        if self.who != Who::Foreign {
            return append(log, &records).await;
        }
        let place = self.place.clone();
        tokio::task::spawn_blocking(move || stranger::produce(&place, &records)).await?
    }

    async fn run(&self, lateness: &mut Lateness, deals: usize) -> anyhow::Result<()> {
        let mut connection = PgConnection::connect(&self.url).await?;
        sqlx::raw_sql("set search_path = engine, public").execute(&mut connection).await?;
        self.fill(deals).await?;
        let (wall, first) = self.arm(&mut connection).await?;
        let engines = self.engines(wall, first).await?;
        tokio::time::sleep(wall.since(SystemClock::default().now())).await;
        let (before, own) = (Machine::now()?, self.ticks(&engines)?);
        let (began, decided) = (Instant::now(), self.decided(&mut connection).await?);
        self.until_fired(&mut connection, first).await?;
        let seconds = began.elapsed().as_secs_f64();
        let (total, after) = (self.decided(&mut connection).await?, Machine::now()?);
        let Neighbours { foreign, stolen } = Neighbours::between(before, after, self.ticks(&engines)? - own);
        lateness.without_deals += usize::from(total >= deals);
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

    /// Lets timers come due over the span: when the first is, by the wall's clock and by theirs.
    async fn arm(&self, connection: &mut PgConnection) -> anyhow::Result<(Timestamp, Timestamp)> {
        let distance = i64::try_from(self.span.as_micros())? / i64::try_from(self.scale.timers)?;
        if self.who == Who::Bare {
            let first = SystemClock::default().now().plus(LEAD);
            let bytes = Bytes::read(self.bytes)?;
            bare::arm(connection, (self.scale.timers, first.0, distance), &bytes).await?;
            return Ok((first, first));
        }
        let first = self.spread(connection, distance).await?;
        Ok((SystemClock::default().now().plus(LEAD), first))
    }

    /// Engines, or workers of the reference; `wall` is `first` on the clock of the timers.
    async fn engines(&self, wall: Timestamp, first: Timestamp) -> anyhow::Result<Vec<Server>> {
        let mut engines = Vec::new();
        for part in 0..ENGINES {
            engines.push(if self.who == Who::Bare {
                let (url, bytes) = (self.url.as_str(), self.bytes);
                let start = bare::worker::Start { url, bytes, part, of: ENGINES, timers: true };
                start.start(&self.place).await?
            } else {
                let start = Start { url: self.url.clone(), wall, journey: first };
                Server::start("engine", &as_os(&start.to_args(&self.place))).await?
            });
        }
        Ok(engines)
    }

    /// Spreads the timers of the batch that is due first over the span; when the first of them is due then.
    async fn spread(&self, connection: &mut PgConnection, distance: i64) -> anyhow::Result<Timestamp> {
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

    /// How many deals are durably decided.
    async fn decided(&self, connection: &mut PgConnection) -> anyhow::Result<usize> {
        let decided = match self.who {
            Who::Bare => sqlx::query_scalar("select count(*) from deal"),
            _ => {
                sqlx::query_scalar("select coalesce(sum(next_offset), 0)::int8 from cursor where topic = $1")
                    .bind(Topic::Deals.name())
            }
        };
        let decided: i64 = decided.fetch_one(connection).await?;
        Ok(usize::try_from(decided)?)
    }

    /// Every timer has its touchpoint, on its way or on the topic; on its way and there it may be twice.
    async fn check(&self, connection: &mut PgConnection) -> anyhow::Result<()> {
        if self.who == Who::Bare {
            let told: i64 = sqlx::query_scalar("select count(*) from outbox").fetch_one(connection).await?;
            ensure!(
                usize::try_from(told) == Ok(self.scale.timers),
                "the bare timers have {told} touchpoints"
            );
            return Ok(());
        }
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

async fn deadlocks(connection: &mut PgConnection) -> anyhow::Result<i64> {
    let count = "select deadlocks from pg_stat_database where datname = current_database()";
    Ok(sqlx::query_scalar(count).fetch_one(connection).await?)
}
