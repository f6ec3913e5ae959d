//! From Kafka through a decision to Kafka: deals in, the events of their enrolments out, by one process of
//! `afterglow journey-engine`, by two and by four on the same servers; in turn with as many workers of the
//! reference ([`bare`]), which have topics and a database of their own.
//!
//! The processes are ready and have decided on some deals already when the measured ones come, faster than
//! anybody decides. The time ends when the topic of journeys has the last event. Then it must hold as many
//! events as the deals have, and the database one enrolment for each deal. How evenly the deals were shared is
//! shown.

use std::path::{Path, PathBuf};
use std::time::Duration;

use afterglow_domain::{Clock as _, Tenant};
use afterglow_durable::metric;
use afterglow_eventlog::kafka::{KafkaLog, KafkaReader};
use afterglow_events::{Record, Topic};
use afterglow_service::clock::SystemClock;
use anyhow::{Context as _, ensure};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::time::Instant;

use super::bare::{self, Bytes};
use super::cluster::{Cluster, append};
use super::ground::{PARTITIONS, Place, Servers, Ticks};
use super::scale::Scale;
use crate::ask;
use crate::child::Server;
use crate::customers::deal::{Customer, Local};
use crate::figure::Figure;
use crate::processor::{Machine, Neighbours, float, share, ticks_of, us_each};
use crate::product::{Product, shipped_journey};

/// How long all deals of a run may take.
const PATIENCE: Duration = Duration::from_mins(5);

/// How often the topic is looked at: a hundredth of the shortest run.
const LOOK: Duration = Duration::from_millis(20);

/// Deals that warm a process up: several pages of each class.
const WARM: usize = 2_000;

/// What a number of processes did.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Replicas {
    /// How many processes.
    pub(crate) processes: usize,
    /// Deals per second.
    pub(crate) per_second: Figure,
    /// Percent of the deals that the least busy process received.
    pub(crate) least_part: Figure,
    /// CPU of all the processes for each deal, in microseconds.
    pub(crate) us_each: Figure,
    /// Percent of all cores: the processes.
    pub(crate) engines: Figure,
    /// The broker.
    pub(crate) kafka: Figure,
    /// The database.
    pub(crate) postgres: Figure,
    /// This program, which appends the deals and looks for the events.
    pub(crate) bench: Figure,
    /// Others on this machine.
    pub(crate) foreign: Figure,
    /// The hypervisor.
    pub(crate) stolen: Figure,
}

/// The engine's processes and as many of the reference's.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Decisions {
    /// The engine's.
    pub(crate) engines: Replicas,
    /// The bare loop's.
    pub(crate) bare: Replicas,
}

/// Measures all numbers of processes in turn with the reference.
pub(crate) async fn measure(
    scale: &Scale,
    servers: &Servers,
    folder: &Path,
) -> anyhow::Result<Vec<Decisions>> {
    let cluster = Cluster::make(servers, folder, "decisions", &shipped_journey()).await?;
    let (url, place) = (cluster.url.clone(), cluster.place.clone());
    let mut line = Line::of(servers, url.clone(), place.clone(), Crew::Engines(cluster.config)).await?;
    // The reference writes what engines have written.
    let mut warming_up = Replicas { processes: 1, ..Replicas::default() };
    line.run(WARM.min(scale.deals), &mut warming_up).await?;
    let bytes = folder.join("decisions.bytes");
    Bytes::of_decisions(&url, &place).await?.write(&bytes)?;
    let (bare_url, place) = (bare::database(servers).await?, servers.topics("bare", PARTITIONS).await?);
    let mut bare = Line::of(servers, bare_url.clone(), place, Crew::Bare(bytes)).await?;
    let with = |&processes| {
        let replicas = Replicas { processes, ..Replicas::default() };
        Decisions { engines: replicas.clone(), bare: replicas }
    };
    let mut measured: Vec<Decisions> = scale.replicas.iter().map(with).collect();
    for _ in 0..scale.runs {
        for decisions in &mut measured {
            line.run(scale.deals, &mut decisions.engines).await?;
            bare.run(scale.deals, &mut decisions.bare).await?;
        }
    }
    line.pool.close().await;
    bare.pool.close().await;
    servers.drop(&url).await?;
    servers.drop(&bare_url).await?;
    Ok(measured)
}

/// Who decides.
enum Crew {
    /// Processes of the product with this configuration.
    Engines(PathBuf),
    /// Workers of the reference with this file of bytes.
    Bare(PathBuf),
}

/// One of them.
enum Worker {
    Engine(Product),
    Bare(Server),
}

/// The way of the deals.
struct Line<'a> {
    servers: &'a Servers,
    crew: Crew,
    url: String,
    place: Place,
    log: KafkaLog,
    reader: KafkaReader,
    pool: PgPool,
    tenant: Tenant,
    /// Deals that were ever sent.
    sent: usize,
    /// Events of one enrolment on the topic of journeys; 0 while unknown.
    events_each: u64,
}

impl<'a> Line<'a> {
    async fn of(servers: &'a Servers, url: String, place: Place, crew: Crew) -> anyhow::Result<Self> {
        let log = place.patient_log()?;
        // A worker of the reference writes one.
        let events_each = u64::from(matches!(crew, Crew::Bare(_)));
        Ok(Self {
            servers,
            crew,
            reader: log.reader().await?,
            pool: PgPoolOptions::new().max_connections(1).connect(&url).await?,
            url,
            place,
            log,
            tenant: Tenant::new("acme")?,
            sent: 0,
            events_each,
        })
    }

    async fn run(&mut self, deals: usize, replicas: &mut Replicas) -> anyhow::Result<()> {
        let workers = self.workers(replicas.processes).await?;
        let warm = self.next(WARM.min(deals))?;
        append(&self.log, &warm).await?;
        self.until_done().await?;
        let before = received(&workers).await?;
        let records = self.next(deals)?;
        let (machine, start) = (Machine::now()?, self.ticks(&workers)?);
        let began = Instant::now();
        append(&self.log, &records).await?;
        self.until_told().await?;
        let seconds = began.elapsed().as_secs_f64();
        let (end, after) = (self.ticks(&workers)?, Machine::now()?);
        let deals = u64::try_from(deals)?;
        replicas.per_second.push(float(deals) / seconds);
        replicas.push(machine, after, [start, end], deals);
        self.until_done().await?;
        let parts = before.iter().zip(received(&workers).await?).map(|(before, after)| after - before);
        let parts: Vec<f64> = parts.collect();
        if !parts.is_empty() {
            let least = parts.iter().copied().fold(f64::INFINITY, f64::min);
            replicas.least_part.push(100.0 * least / parts.iter().sum::<f64>().max(1.0));
        }
        for worker in workers {
            match worker {
                Worker::Engine(engine) => engine.stop().await?,
                Worker::Bare(server) => _ = server.stop().await?,
            }
        }
        Ok(())
    }

    async fn workers(&self, processes: usize) -> anyhow::Result<Vec<Worker>> {
        let mut workers = Vec::new();
        for part in 0..processes {
            workers.push(match &self.crew {
                Crew::Engines(config) => Worker::Engine(Product::start("journey-engine", config).await?),
                Crew::Bare(bytes) => {
                    let start =
                        bare::worker::Start { url: &self.url, bytes, part, of: processes, timers: false };
                    Worker::Bare(start.start(&self.place).await?)
                }
            });
        }
        Ok(workers)
    }

    /// The records of deals that were never sent before, won now.
    fn next(&mut self, count: usize) -> anyhow::Result<Vec<Record>> {
        let won_at = SystemClock::default().now();
        let numbers = self.sent..self.sent + count;
        self.sent += count;
        let (tenant, local) = (&self.tenant, Local::of_noon(won_at));
        let deal = |number| Customer { tenant, number, won_at, local: &local }.record();
        numbers.map(deal).collect()
    }

    /// Waits until the topic has the last event of what was sent.
    async fn until_told(&self) -> anyhow::Result<()> {
        let expected = self.events_each * u64::try_from(self.sent)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let told = self.told().await?;
            if told >= expected {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "{told} of {expected} events came");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until every deal is enrolled and nothing is on its way, and counts.
    async fn until_done(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let state = match self.crew {
            Crew::Engines(_) => {
                "select (select count(*) from engine.enrolment), (select count(*) from engine.outbox)"
            }
            Crew::Bare(_) => "select count(*), 0::int8 from deal",
        };
        loop {
            let (enrolled, waiting): (i64, i64) = sqlx::query_as(state).fetch_one(&self.pool).await?;
            let enrolled = usize::try_from(enrolled)?;
            ensure!(enrolled <= self.sent, "{} deals have {enrolled} enrolments", self.sent);
            if enrolled == self.sent && waiting == 0 {
                break;
            }
            ensure!(Instant::now() < deadline, "{enrolled} of {} deals are enrolled", self.sent);
            tokio::time::sleep(LOOK).await;
        }
        // The reference's events come when its rows are there.
        self.until_told().await?;
        let (told, sent) = (self.told().await?, u64::try_from(self.sent)?);
        if self.events_each == 0 {
            self.events_each = told / sent;
        }
        ensure!(told == self.events_each * sent && told > 0, "{sent} enrolments have {told} events");
        Ok(())
    }

    /// Events on the topic of journeys.
    async fn told(&self) -> anyhow::Result<u64> {
        let ends = self.reader.ends(Topic::Journeys).await?;
        Ok(ends.iter().map(|(_, first, end)| u64::try_from(end - first).unwrap_or_default()).sum())
    }

    fn ticks(&self, workers: &[Worker]) -> anyhow::Result<Work> {
        let of_engines = workers.iter().map(|worker| match worker {
            Worker::Engine(engine) => ticks_of(engine.pid),
            Worker::Bare(server) => ticks_of(server.pid),
        });
        let engines = of_engines.sum::<anyhow::Result<u64>>()?;
        Ok(Work { engines, bench: ticks_of(std::process::id())?, servers: self.servers.ticks()? })
    }
}

/// CPU ticks of everybody.
#[derive(Debug, Clone, Copy)]
struct Work {
    engines: u64,
    bench: u64,
    servers: Ticks,
}

impl Replicas {
    fn push(&mut self, before: Machine, after: Machine, [start, end]: [Work; 2], deals: u64) {
        let engines = end.engines - start.engines;
        let kafka = end.servers.kafka - start.servers.kafka;
        let postgres = end.servers.postgres - start.servers.postgres;
        let bench = end.bench - start.bench;
        let percent = |ticks| share(before, after, ticks);
        self.us_each.push(us_each(engines, deals));
        self.engines.push(percent(engines));
        self.kafka.push(percent(kafka));
        self.postgres.push(percent(postgres));
        self.bench.push(percent(bench));
        let Neighbours { foreign, stolen } =
            Neighbours::between(before, after, engines + kafka + postgres + bench);
        self.foreign.push(foreign);
        self.stolen.push(stolen);
    }
}

/// Records of deals that each engine has received; nothing of the reference, which has fixed parts.
async fn received(workers: &[Worker]) -> anyhow::Result<Vec<f64>> {
    let mut received = Vec::with_capacity(workers.len());
    for worker in workers {
        if let Worker::Engine(engine) = worker {
            let counted = ask::counted(engine.admin, metric::RECEIVED, r#"topic="deals""#).await;
            received.push(counted.context("a process tells its metrics")?);
        }
    }
    Ok(received)
}
