//! One role in a process of its own, on Kafka and PostgreSQL; any number of such processes beside each other.
//!
//! Whatever is away at the start is waited for: the process says once what it is, says it on `/readyz`, tries
//! again and does not end. The edge does not wait: it needs no database, and answers 503 itself while the log
//! is away.

use std::sync::Arc;
use std::time::Duration;

use afterglow_domain::Clocks;
use afterglow_durable::StoredCursors;
use afterglow_durable::postgres::{self, Server, Store};
use afterglow_eventlog::kafka::{KafkaConsumer, KafkaLog, Settings};
use afterglow_events::Topic;
use afterglow_service::clock::SystemClock;
use afterglow_service::config::{Config, Kafka, Property};
use afterglow_service::health::{Health, Metrics, admin_router};
use afterglow_service::http;
use afterglow_service::lifecycle::Tasks;
use anyhow::Context as _;
use secrecy::ExposeSecret as _;
use tokio::net::TcpListener;

use crate::codes;
use crate::ground::{Ground, ROLES, RoleStore};
use crate::roles::{Journeys, Outage, Parts, Readiness, dispatcher, engine, ingest, vendors};

/// How long to wait before trying again to open what was away: soon enough that nobody notices that it was.
const AGAIN: Duration = Duration::from_secs(1);

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
    server: Server,
}

impl Ground for Cluster {
    type Log = KafkaLog;
    type Store = Store;
    type Consumer = KafkaConsumer;

    fn log(&self) -> &KafkaLog {
        &self.log
    }

    async fn store(&self, role: &RoleStore) -> anyhow::Result<Store> {
        let opened = Store::open(&self.server, &role.schema).await;
        opened.with_context(|| format!("{}: {}", codes::DATABASE, self.server))
    }

    fn consumer(&self, group: &str, topics: &[Topic], cursors: &Store) -> anyhow::Result<KafkaConsumer> {
        Ok(self.log.consumer(group, topics, StoredCursors(cursors.clone()))?)
    }
}

/// Starts a role; its tasks run until they are told to stop. What is given flushes the log after that.
pub(crate) fn start(
    role: Role,
    config: Config,
    admin: TcpListener,
    tasks: &Tasks,
) -> anyhow::Result<KafkaLog> {
    let cluster = cluster(&config)?;
    let log = cluster.log.clone();
    let (health, metrics) = (Health::new(), Metrics::install(env!("CARGO_PKG_VERSION"))?);
    let (limits, shutdown) = (config.http.limits.clone(), tasks.shutdown());
    let router = admin_router(health.clone(), metrics.clone());
    let mut parts = Parts {
        config: Arc::new(config),
        clocks: Clocks::same(SystemClock::shared()),
        ground: cluster,
        tasks: tasks.clone(),
        health: health.clone(),
        readiness: Readiness::Lost,
    };
    tasks.spawn("admin", http::serve(admin, router, limits.clone(), shutdown.clone()));
    tasks.spawn_background("metrics", async move {
        metrics.upkeep().await;
        anyhow::Ok(())
    });
    match role {
        Role::Ingest(listener) => {
            // The resolver's trouble takes no webhook from the edge.
            parts.health = health.advising();
            let edge = ingest::edge(&parts.config, log.clone(), parts.clocks.clone())?;
            tasks.spawn("edge", http::serve(listener, edge, limits, shutdown));
            health.component("edge").ready();
            tasks.spawn("start", run_resolver(parts));
        }
        Role::JourneyEngine(journeys) => tasks.spawn("start", run_engine(parts, journeys)),
        Role::Dispatcher => tasks.spawn("start", run_dispatcher(parts)),
    }
    Ok(log)
}

/// What a migration did with a part of a schema.
pub(crate) struct Migrated {
    /// The schema.
    pub(crate) schema: &'static str,
    /// `core` for what all roles have, `role` for the role's own tables.
    pub(crate) part: &'static str,
    /// The version found; 0 where there was none.
    pub(crate) from: i64,
    /// The version now.
    pub(crate) to: i64,
}

/// Brings every role's schema up to date.
pub(crate) async fn migrate(config: &Config) -> anyhow::Result<Vec<Migrated>> {
    let server = server(config)?;
    let mut done = Vec::new();
    for RoleStore { schema, .. } in ROLES {
        let steps = postgres::migrate(&server, &schema).await;
        let steps = steps.with_context(|| format!("{}: {server}", codes::DATABASE))?;
        done.extend(steps.into_iter().map(|step| Migrated {
            schema: schema.name,
            part: step.component,
            from: step.from,
            to: step.to,
        }));
    }
    Ok(done)
}

/// The log and the database of the configuration; nothing is reached yet.
fn cluster(config: &Config) -> anyhow::Result<Cluster> {
    let kafka = config.log.kafka().context("log.kind is kafka")?;
    let log = KafkaLog::new(settings(config, kafka)).context(codes::KAFKA)?;
    Ok(Cluster { log, server: server(config)? })
}

fn server(config: &Config) -> anyhow::Result<Server> {
    let url = config.store.postgres_url().context("store.kind is postgres")?;
    url.expose_secret().parse().context(codes::DATABASE)
}

fn settings(config: &Config, kafka: &Kafka) -> Settings {
    let property = |(name, property): (&String, &Property)| (name.clone(), property.expose().to_owned());
    Settings {
        topic_prefix: kafka.topic_prefix.clone(),
        linger: kafka.linger,
        properties: kafka.client.iter().map(property).collect(),
        ..Settings::of(&kafka.brokers, config.log.partitions, SystemClock::shared())
    }
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

async fn run_resolver(parts: Parts<Cluster>) -> anyhow::Result<()> {
    launched(&parts, || ingest::prepare(&parts)).await;
    anyhow::Ok(())
}

async fn run_engine(parts: Parts<Cluster>, journeys: Journeys) -> anyhow::Result<()> {
    launched(&parts, || engine::prepare(&parts, journeys.clone())).await;
    anyhow::Ok(())
}

async fn run_dispatcher(parts: Parts<Cluster>) -> anyhow::Result<()> {
    let prepare = || async { dispatcher::prepare(&parts, vendors::gifts(&parts.config.vendors)?).await };
    launched(&parts, prepare).await;
    anyhow::Ok(())
}

/// Spawns the loops that `prepare` gives, once the topics fit and everything is there; none where the process
/// is to stop before that. What is away stands on `/readyz`, and once in the log as long as it is the same.
async fn launched<S, F>(parts: &Parts<Cluster>, mut prepare: impl FnMut() -> F)
where
    S: FnOnce(&Parts<Cluster>),
    F: Future<Output = anyhow::Result<S>>,
{
    let (start, stop) = (parts.health.component("start"), parts.tasks.shutdown());
    let heartbeat = parts.health.heartbeat("start");
    loop {
        heartbeat.beat();
        let attempt = async {
            parts.ground.log.check_topics().await.context(codes::KAFKA)?;
            prepare().await
        };
        let error = tokio::select! {
            biased;
            () = stop.soft() => return,
            outcome = attempt => match outcome {
                // First the loops, which are not ready yet; then this, or the process were ready in between.
                Ok(spawn) => {
                    spawn(parts);
                    watch_log(parts);
                    return start.ready();
                }
                Err(error) => error,
            },
        };
        start.not_ready(format!("{error:#}; trying again"));
        tokio::select! {
            () = stop.soft() => return,
            () = tokio::time::sleep(AGAIN) => {}
        }
    }
}
