//! The embedded product: every role in this process, on SQLite files in one folder.
//!
//! Each role has its own file; they meet only in the log. The parts stop in order: the edge takes
//! nothing more, the roles finish what they have begun, the relays and the log follow. Whatever is cut
//! off is found again at the next start.

pub mod codes;
pub(crate) mod dispatcher;
mod engine;
mod ingest;
pub(crate) mod journeys;
mod source;
mod vendors;
mod watched;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use afterglow_domain::{Clock, Clocks, Timestamp};
use afterglow_durable::janitor::{self, Chore};
use afterglow_durable::turns::Stopped;
use afterglow_durable::{Error, Store as _, relay, sqlite};
use afterglow_eventlog::{EmbeddedLog, LogReader, Options as LogOptions};
use afterglow_events::Append;
use afterglow_providers::{GiftVendor, Tremendous};
use afterglow_service::clock::{SandboxAnchor, clocks};
use afterglow_service::config::Config;
use afterglow_service::data_dir::DataDir;
use afterglow_service::health::{Health, Metrics, admin_router};
use afterglow_service::http;
use afterglow_service::lifecycle::Tasks;
use anyhow::Context as _;
use tokio::net::TcpListener;

use crate::events_api;

pub(crate) use journeys::Journeys;

/// The two places where a test may put something between the product's parts. The product itself uses
/// [`Plain`]; there is no switch in it.
pub trait Wiring: Sync {
    /// What the edge appends to.
    type EdgeLog: Append + Clone;
    /// What the dispatcher orders gifts from.
    type Gifts: GiftVendor + 'static;

    /// Wraps the log for the edge.
    fn edge_log(&self, log: EmbeddedLog) -> Self::EdgeLog;

    /// Wraps the gift vendor.
    fn gifts(&self, vendor: Tremendous) -> Self::Gifts;
}

/// Nothing in between.
#[derive(Debug, Clone, Copy)]
pub struct Plain;

impl Wiring for Plain {
    type EdgeLog = EmbeddedLog;
    type Gifts = Tremendous;

    fn edge_log(&self, log: EmbeddedLog) -> EmbeddedLog {
        log
    }

    fn gifts(&self, vendor: Tremendous) -> Tremendous {
        vendor
    }
}

/// The bound addresses.
pub(crate) struct Listeners {
    /// Webhooks, unsubscriptions.
    pub(crate) edge: TcpListener,
    /// Probes, metrics, event streams.
    pub(crate) admin: TcpListener,
}

/// A running product.
pub(crate) struct Product {
    /// Reads its log.
    pub(crate) reader: LogReader,
    /// Its clocks.
    pub(crate) clocks: Clocks,
    log: EmbeddedLog,
    anchor: Option<SandboxAnchor>,
}

/// What the parts are built from.
struct Parts<'a> {
    config: &'a Config,
    data: &'a DataDir,
    clocks: Clocks,
    log: EmbeddedLog,
    tasks: &'a Tasks,
    health: Health,
}

/// Starts everything; the tasks run until they are told to stop.
pub(crate) async fn start<W: Wiring>(
    config: &Config,
    data: &DataDir,
    journeys: Journeys,
    (listeners, tasks): (Listeners, &Tasks),
    wiring: &W,
) -> anyhow::Result<Product> {
    let wall: Arc<dyn Clock> = afterglow_service::clock::SystemClock::shared();
    let (clocks, anchor) = clocks(&config.clock, data.path(), wall.clone())?;
    let options = LogOptions {
        partitions: config.log.partitions,
        retention: Duration::from_hours(24 * u64::from(config.log.retention_days)),
        clock: wall,
    };
    let log = EmbeddedLog::open(data.file("log.db"), options).await.context(codes::LOG)?;
    let (health, metrics) = (Health::new(), Metrics::install(env!("CARGO_PKG_VERSION"))?);
    let parts =
        Parts { config, data, clocks: clocks.clone(), log: log.clone(), tasks, health: health.clone() };
    // Everything that can fail first; only then anything runs that a failure would cut off.
    let dispatcher = dispatcher::prepare(&parts, wiring).await?;
    let engine = engine::prepare(&parts, journeys).await?;
    let ingest = ingest::prepare(&parts, wiring).await?;
    dispatcher(&parts);
    engine(&parts);
    let edge = ingest(&parts);

    let shutdown = tasks.shutdown();
    let admin =
        admin_router(health, metrics.clone()).merge(events_api::router(log.reader(), shutdown.clone()));
    tasks.spawn("edge", http::serve(listeners.edge, edge, config.http.limits.clone(), shutdown.clone()));
    tasks.spawn("admin", http::serve(listeners.admin, admin, config.http.limits.clone(), shutdown));
    tasks.spawn_background("metrics", async move {
        metrics.upkeep().await;
        anyhow::Ok(())
    });
    let maintained = log.clone();
    tasks.spawn_background("log-retention", async move {
        maintained.maintain().await;
        anyhow::bail!("the log's writer has ended")
    });
    if let Some(anchor) = anchor.clone() {
        let clocks = clocks.clone();
        tasks.spawn_background("sandbox-clock", anchor.keep(clocks));
    }
    Ok(Product { reader: log.reader(), clocks, log, anchor })
}

impl Product {
    /// Closes the log and notes where a sandbox's clock stood; after every task has ended.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        self.log.close().await;
        if let Some(anchor) = &self.anchor {
            anchor.stop(&self.clocks)?;
        }
        Ok(())
    }
}

impl Parts<'_> {
    /// Opens a role's store.
    async fn store(&self, file: &str, migrations: &[sqlite::Migration]) -> anyhow::Result<sqlite::Store> {
        let path = self.data.file(file);
        sqlite::Store::open(&path, migrations)
            .await
            .with_context(|| format!("{}: {}", codes::STORE, path.display()))
    }

    /// Relays a role's outbox to the log, and forgets old inbox marks and dead letters. In the background:
    /// it all goes on while the roles drain.
    fn relay(&self, role: &'static str, store: &sqlite::Store) {
        let (log, wall) = (self.log.clone(), self.clocks.wall.clone());
        let stop = self.tasks.shutdown().hard_token();
        let relayed = store.clone();
        self.tasks.spawn_background(role, async move {
            relay::run(role, relayed, log, &*wall, stop).await;
            anyhow::Ok(())
        });
        let marks = Chore { role, what: janitor::INBOX_MARKS, keep: INBOX_MEMORY };
        self.forget(marks, store, |store, _, before| async move {
            store.prune_inbox(before, janitor::ROWS_MAX).await
        });
        let letters = Chore { role, what: janitor::DEAD_LETTERS, keep: self.config.keep.dead_letters() };
        self.forget(letters, store, |store, _, before| async move {
            store.prune_parked(before, janitor::ROWS_MAX).await
        });
    }

    /// Does a chore for ever; `step` takes the store, now by the wall's clock, and what is old.
    fn forget<F, Fut>(&self, chore: Chore, store: &sqlite::Store, step: F)
    where
        F: Fn(sqlite::Store, Timestamp, Timestamp) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<usize, Error>> + Send + 'static,
    {
        let (store, wall) = (store.clone(), self.clocks.wall.clone());
        self.tasks.spawn_background(chore.role, async move {
            chore.run(|| wall.now(), |before| step(store.clone(), wall.now(), before)).await;
            anyhow::Ok(())
        });
    }

    /// How long a role keeps the details of its rows.
    fn details_of(&self, role: &'static str) -> Chore {
        Chore { role, what: janitor::DETAILS, keep: self.config.keep.details() }
    }
}

/// How long a recognised event is remembered, counted from when the log took it: half as long again as
/// the log keeps it.
const INBOX_MEMORY: Duration = Duration::from_hours(45 * 24);

/// A consumer's end as a task's result: only what a person must decide is an error.
fn ended(stopped: Stopped) -> anyhow::Result<()> {
    match stopped {
        Stopped::Asked => Ok(()),
        Stopped::Discontinuity(error) => Err(error.into()),
    }
}
