//! One role in a process of its own, on Kafka and PostgreSQL; any number of such processes beside each other.
//!
//! Whatever is away at the start is waited for: the process says once what it is, says it on `/readyz`, tries
//! again and does not end. The edge does not wait: it needs no database, and answers 503 itself while the log
//! is away.

mod clock;
mod reader;
mod wait;

use std::path::Path;
use std::sync::Arc;

use afterglow_domain::Clocks;
use afterglow_durable::StoredCursors;
use afterglow_durable::postgres::{self, Migrated, Server, ServerClock, Store};
use afterglow_eventlog::kafka::{KafkaConsumer, KafkaLog, Settings};
use afterglow_events::Topic;
use afterglow_rate::{Limiter, Rate};
use afterglow_service::clock::SystemClock;
use afterglow_service::config::{Config, Property};
use afterglow_service::health::{Component, Health, Metrics, admin_router};
use afterglow_service::http;
use afterglow_service::lifecycle::Tasks;
use anyhow::Context as _;
use secrecy::ExposeSecret as _;
use tokio::net::TcpListener;

use crate::ground::{Ground, ROLES, RoleStore, option};
use crate::roles::{Journeys, Outage, Parts, Readiness, dispatcher, engine, ingest};
use crate::{codes, events_api};
use reader::OnKafka;
use wait::Wait;

/// A process's role, and what only that role is given.
pub(crate) enum Role {
    /// The edge, on this listener, and the resolver.
    Ingest(TcpListener),
    /// The journey engine, with the journeys that it publishes at the start.
    JourneyEngine(Journeys),
    /// The dispatcher.
    Dispatcher,
}

/// Kafka, and a schema per role in one database.
struct Cluster {
    log: KafkaLog,
    reader: OnKafka,
    server: Server,
    /// How a command names it.
    named: String,
    /// The server's clock.
    wall: Arc<ServerClock>,
}

impl Ground for Cluster {
    type Log = KafkaLog;
    type Store = Store;
    type Consumer = KafkaConsumer;
    type Reader = OnKafka;

    fn named(&self) -> String {
        self.named.clone()
    }

    fn log(&self) -> &KafkaLog {
        &self.log
    }

    fn reader(&self) -> OnKafka {
        self.reader.clone()
    }

    async fn store(&self, role: &RoleStore) -> anyhow::Result<Store> {
        let opened = Store::open(&self.server, &role.schema).await;
        opened.with_context(|| format!("{}: {}", codes::DATABASE, self.server))
    }

    fn limiter(&self, name: String, rate: Rate, store: &Store) -> Limiter {
        Limiter::shared(name, rate, Arc::new(store.clone()))
    }

    fn consumer(&self, group: &str, topics: &[Topic], cursors: &Store) -> anyhow::Result<KafkaConsumer> {
        Ok(self.log.consumer(group, topics, StoredCursors(cursors.clone()))?)
    }
}

/// Starts a role with the configuration of `file`; its tasks run until they are told to stop. What is given
/// flushes the log after that.
pub(crate) fn start(
    role: Role,
    (file, config): (&Path, Config),
    admin: TcpListener,
    tasks: &Tasks,
) -> anyhow::Result<KafkaLog> {
    let wall = Arc::new(ServerClock::new(SystemClock::shared()));
    let server = server(&config)?.followed_by(wall.clone());
    let log = log(&config)?;
    let reader = OnKafka::of(log.clone());
    let cluster =
        Cluster { log: log.clone(), reader: reader.clone(), server, named: option("--config", file), wall };
    let (health, metrics) = (Health::new(), Metrics::install(env!("CARGO_PKG_VERSION"))?);
    let events = events_api::router(reader, tasks.shutdown());
    let router = admin_router(health.clone(), metrics.clone()).merge(events);
    let limits = config.http.limits.clone();
    tasks.spawn("admin", http::serve(admin, router, limits, tasks.shutdown()));
    tasks.spawn_background("metrics", async move {
        metrics.upkeep().await;
        anyhow::Ok(())
    });
    let process = Process { config: Arc::new(config), cluster, tasks: tasks.clone(), health };
    match role {
        Role::Ingest(listener) => {
            let ready = process.health.component("edge");
            tasks.spawn("start", async move { process.ingest(listener, ready).await });
        }
        Role::JourneyEngine(journeys) => {
            tasks.spawn("start", async move { process.engine(journeys).await });
        }
        Role::Dispatcher => tasks.spawn("start", async move { process.dispatcher().await }),
    }
    Ok(log)
}

/// A role's process before it has its parts.
struct Process {
    config: Arc<Config>,
    cluster: Cluster,
    tasks: Tasks,
    health: Health,
}

impl Process {
    async fn ingest(self, listener: TcpListener, ready: Component) -> anyhow::Result<()> {
        let Some(mut parts) = self.parts().await? else { return Ok(()) };
        // The resolver's trouble takes no webhook from the edge.
        parts.health = parts.health.advising();
        let (log, limits) = (parts.ground.log.clone(), parts.config.http.limits.clone());
        let clocks = clock::of_edge(&parts.config.clock, &parts.clocks);
        let edge = ingest::edge(&parts.config, log, clocks)?;
        parts.tasks.spawn("edge", http::serve(listener, edge, limits, parts.tasks.shutdown()));
        ready.ready();
        launched(&parts, || ingest::prepare(&parts)).await;
        Ok(())
    }

    async fn engine(self, journeys: Journeys) -> anyhow::Result<()> {
        let Some(parts) = self.parts().await? else { return Ok(()) };
        launched(&parts, || engine::prepare(&parts, journeys.clone())).await;
        Ok(())
    }

    async fn dispatcher(self) -> anyhow::Result<()> {
        let Some(parts) = self.parts().await? else { return Ok(()) };
        launched(&parts, || dispatcher::prepare(&parts, |vendor| vendor)).await;
        Ok(())
    }

    /// What the role is built from, once its clocks are known; `None` where the process is to stop before.
    async fn parts(self) -> anyhow::Result<Option<Parts<Cluster>>> {
        let Self { config, cluster, tasks, health } = self;
        let wait = Wait { health: &health, stop: tasks.shutdown() };
        let time = (&cluster.server, &cluster.wall);
        let Some(clocks) = clock::known(&config.clock, time, wait).await else { return Ok(None) };
        Ok(Some(Parts { config, clocks, ground: cluster, tasks, health, readiness: Readiness::Lost }))
    }
}

/// Brings every role's schema up to date, with the steps that contract where older programs are gone. Gives
/// what it did, with each schema's name.
pub(crate) async fn migrate(
    config: &Config,
    contract: bool,
) -> anyhow::Result<Vec<(&'static str, Migrated)>> {
    let server = server(config)?;
    // First of all: what has schemas and no anchor is a real product.
    clock::prepare(&config.clock, &server).await?;
    let mut done = Vec::new();
    for RoleStore { schema, .. } in ROLES {
        let steps = if contract {
            postgres::contract(&server, &schema).await
        } else {
            postgres::migrate(&server, &schema).await
        };
        let steps = steps.with_context(|| format!("{}: {server}", codes::DATABASE))?;
        done.extend(steps.into_iter().map(|step| (schema.name, step)));
    }
    Ok(done)
}

/// The log of the configuration; no broker is asked yet.
pub(crate) fn log(config: &Config) -> anyhow::Result<KafkaLog> {
    KafkaLog::new(kafka(config)?).context(codes::KAFKA)
}

/// The database of the configuration; it is not reached yet.
pub(crate) fn server(config: &Config) -> anyhow::Result<Server> {
    let url = config.store.postgres_url().context("store.kind is postgres")?;
    url.expose_secret().parse().context(codes::DATABASE)
}

/// The clocks of the configuration, by the database's word where it is a sandbox.
pub(crate) async fn clocks(config: &Config) -> anyhow::Result<Clocks> {
    let wall = Arc::new(ServerClock::new(SystemClock::shared()));
    let server = server(config)?.followed_by(wall.clone());
    clock::ask(&config.clock, (&server, &wall)).await
}

/// How the configuration says that Kafka is reached.
pub(crate) fn kafka(config: &Config) -> anyhow::Result<Settings> {
    let kafka = config.log.kafka().context("log.kind is kafka")?;
    let property = |(name, property): (&String, &Property)| (name.clone(), property.expose().to_owned());
    Ok(Settings {
        topic_prefix: kafka.topic_prefix.clone(),
        linger: kafka.linger,
        properties: kafka.client.iter().map(property).collect(),
        ..Settings::of(&kafka.brokers, config.log.partitions, SystemClock::shared())
    })
}

/// Spawns the loops that `prepare` gives, once the topics fit and everything is there; none where the process
/// is to stop before that.
async fn launched<S, F>(parts: &Parts<Cluster>, mut prepare: impl FnMut() -> F)
where
    S: FnOnce(&Parts<Cluster>),
    F: Future<Output = anyhow::Result<S>>,
{
    let wait = Wait { health: &parts.health, stop: parts.tasks.shutdown() };
    let attempt = || {
        let prepared = prepare();
        async {
            parts.ground.log.check_topics().await.context(codes::KAFKA)?;
            clock::refuse_other(&parts.config.clock, &parts.ground.server).await?;
            prepared.await
        }
    };
    let spawn = |spawn: S| {
        spawn(parts);
        watch_log(parts);
    };
    // First the loops, which are not ready yet; then this, or the process were ready in between.
    wait.until(attempt, spawn).await;
}

/// Notices within seconds that Kafka is away, also where the role has nothing to do.
fn watch_log(parts: &Parts<Cluster>) {
    let (log, outage) = (parts.ground.log.clone(), Outage::new(parts, "kafka"));
    parts.tasks.spawn_background("kafka", async move {
        log.watch(|problem| outage.tell(problem)).await;
        #[expect(unreachable_code, reason = "the task's type needs an end that it does not have")]
        anyhow::Ok(())
    });
}
