//! A worker of the reference, a process: it reads its part of the deals from Kafka with a plain consumer, writes
//! their rows, hands their events to a plain producer, and fires what is due on its part of the shards if it is
//! told to; until standard input ends. Then it says how late its timers were.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use afterglow_domain::Clock as _;
use afterglow_durable::turns::TURN_ROWS_MAX;
use afterglow_events::Topic;
use afterglow_service::clock::SystemClock;
use anyhow::{Context as _, bail};
use clap::Args;
use hdrhistogram::Histogram;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::io::AsyncReadExt as _;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Bytes, enrol, fire, shards_of};
use crate::child::Server;
use crate::scaled::ground::{Place, as_os};
use crate::scaled::lateness::engine::print_late;

/// How long the first record of a page, an answer, or the next look at the timers may take.
const WAIT: Duration = Duration::from_millis(10);

/// How long the broker may take to answer at all.
const ANSWERS: Duration = Duration::from_secs(10);

/// What has fired, and who is new, is due in a month.
const NEXT_US: i64 = 30 * 24 * 3600 * 1_000_000;

/// What a worker works on.
#[derive(Debug, Clone, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    place: Place,
    /// The database's URL.
    url: String,
    /// The file with the bytes of rows and records.
    bytes: PathBuf,
    /// Which of the workers it is, from 0.
    part: usize,
    /// How many there are.
    of: usize,
    /// It fires timers, too, and reads deals that are there already.
    #[arg(long)]
    timers: bool,
}

/// The same, as whoever starts it has it.
pub(crate) struct Start<'a> {
    pub(crate) url: &'a str,
    pub(crate) bytes: &'a Path,
    pub(crate) part: usize,
    pub(crate) of: usize,
    pub(crate) timers: bool,
}

impl Start<'_> {
    /// Starts the worker; it is ready then.
    pub(crate) async fn start(&self, place: &Place) -> anyhow::Result<Server> {
        let Self { url, bytes, part, of, timers } = self;
        let bytes = bytes.to_str().context("a path of text")?.to_owned();
        let mut args = place.to_args().to_vec();
        args.extend([(*url).to_owned(), bytes, part.to_string(), of.to_string()]);
        args.extend(timers.then(|| "--timers".to_owned()));
        Server::start("bare", &as_os(&args)).await
    }
}

/// Works until standard input ends, and prints what came of it.
pub(crate) async fn run(plan: &Plan) -> anyhow::Result<()> {
    let (pool, stop) =
        (PgPoolOptions::new().max_connections(2).connect(&plan.url).await?, CancellationToken::new());
    let bytes = Bytes::read(&plan.bytes)?;
    let mut working = JoinSet::<anyhow::Result<Histogram<u64>>>::new();
    let deals = Deals::of(plan, pool.clone(), bytes.clone())?;
    let (runtime, until) = (Handle::current(), stop.clone());
    working.spawn_blocking(move || {
        deals.work(&runtime, &until)?;
        Ok(Histogram::new(3)?)
    });
    if plan.timers {
        working.spawn(punctual(pool, shards_of(plan.part, plan.of), bytes, stop.clone()));
    }
    // It listens nowhere.
    writeln!(std::io::stdout().lock(), "0")?;
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    stop.cancel();
    let mut late = Histogram::new(3)?;
    while let Some(worked) = working.join_next().await {
        late.add(worked??)?;
    }
    print_late(&late)
}

/// Fires what is due, page after page; how late each was when its transaction was committed, in microseconds.
async fn punctual(
    pool: PgPool,
    shards: Vec<i16>,
    bytes: Bytes,
    stop: CancellationToken,
) -> anyhow::Result<Histogram<u64>> {
    let (clock, mut late) = (SystemClock::default(), Histogram::new(3)?);
    while !stop.is_cancelled() {
        let mut tx = pool.begin().await?;
        let now = clock.now().0;
        let due = fire(&mut tx, &shards, (now, now + NEXT_US), &bytes).await?;
        tx.commit().await?;
        let now = clock.now().0;
        for due in &due {
            late.record(u64::try_from(now - due)?)?;
        }
        if due.len() < TURN_ROWS_MAX {
            tokio::time::sleep(WAIT).await;
        }
    }
    Ok(late)
}

/// The way of a worker's deals.
struct Deals {
    consumer: BaseConsumer,
    producer: ThreadedProducer<DefaultProducerContext>,
    journeys: String,
    pool: PgPool,
    bytes: Bytes,
}

impl Deals {
    /// Reads its partitions from their ends on; beside timers from their beginning.
    fn of(plan: &Plan, pool: PgPool, bytes: Bytes) -> anyhow::Result<Self> {
        let Plan { place, part, of, timers, .. } = plan;
        let deals = place.topic_name(Topic::Deals);
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &place.brokers)
            .set("group.id", "bare")
            .set("enable.auto.commit", "false")
            .set("fetch.wait.max.ms", "10")
            .create()?;
        let mut partitions = TopicPartitionList::new();
        for partition in (0..i32::from(place.partitions)).skip(*part).step_by((*of).max(1)) {
            let (beginning, end) = consumer.fetch_watermarks(&deals, partition, ANSWERS)?;
            partitions.add_partition_offset(
                &deals,
                partition,
                Offset::Offset(if *timers { beginning } else { end }),
            )?;
        }
        consumer.assign(&partitions)?;
        let producer = place.bare_producer().create()?;
        Ok(Self { consumer, producer, journeys: place.topic_name(Topic::Journeys), pool, bytes })
    }

    fn work(&self, runtime: &Handle, stop: &CancellationToken) -> anyhow::Result<()> {
        while !stop.is_cancelled() {
            let (deals, snapshots) = self.page()?;
            if deals.is_empty() {
                continue;
            }
            runtime.block_on(async {
                let mut tx = self.pool.begin().await?;
                let next = SystemClock::default().now().0 + NEXT_US;
                enrol(&mut tx, (&deals, &snapshots), next, &self.bytes).await?;
                anyhow::Ok(tx.commit().await?)
            })?;
            for deal in &deals {
                self.tell(deal)?;
            }
        }
        self.producer.flush(ANSWERS).context("events of bare deals")
    }

    /// Keys and values of what has come.
    fn page(&self) -> anyhow::Result<(Vec<String>, Vec<Vec<u8>>)> {
        let (mut deals, mut snapshots, mut wait) = (Vec::new(), Vec::new(), WAIT);
        while deals.len() < TURN_ROWS_MAX {
            let Some(message) = self.consumer.poll(wait) else { break };
            let message = message?;
            deals.push(String::from_utf8(message.key().context("a deal has a key")?.to_vec())?);
            snapshots.push(message.payload().context("a deal has a value")?.to_vec());
            wait = Duration::ZERO;
        }
        Ok((deals, snapshots))
    }

    fn tell(&self, deal: &str) -> anyhow::Result<()> {
        let mut event = BaseRecord::to(&self.journeys).key(deal).payload(&self.bytes.enrolled);
        while let Err((error, refused)) = self.producer.send(event) {
            if error != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) {
                bail!(error);
            }
            std::thread::sleep(WAIT);
            event = refused;
        }
        Ok(())
    }
}
