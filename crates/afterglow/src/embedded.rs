//! The embedded product: every role in this process, on SQLite files in one folder.
//!
//! Each role has its own file; they meet only in the log. The parts stop in order: the edge takes
//! nothing more, the roles finish what they have begun, the relays and the log follow. Whatever is cut
//! off is found again at the next start.

use std::path::PathBuf;
use std::sync::Arc;

use afterglow_domain::{Clock, Clocks};
use afterglow_durable::{StoredCursors, sqlite};
use afterglow_eventlog::{Consumer, EmbeddedLog, LogReader, Options as LogOptions};
use afterglow_events::{Append, Topic};
use afterglow_providers::{GiftVendor, Tremendous};
use afterglow_rate::{Limiter, Rate};
use afterglow_service::clock::{SandboxAnchor, clocks};
use afterglow_service::config::Config;
use afterglow_service::data_dir::DataDir;
use afterglow_service::health::{Health, Metrics, admin_router};
use afterglow_service::http;
use afterglow_service::lifecycle::Tasks;
use anyhow::Context as _;
use tokio::net::TcpListener;

use crate::ground::{Ground, RoleStore, option};
use crate::roles::{Journeys, Parts, Readiness, dispatcher, engine, ingest};
use crate::{codes, events_api};

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

/// The log and the files of one folder.
struct Folder {
    path: PathBuf,
    log: EmbeddedLog,
}

impl Ground for Folder {
    type Log = EmbeddedLog;
    type Store = sqlite::Store;
    type Consumer = Consumer<LogReader, StoredCursors<sqlite::Store>>;
    type Reader = LogReader;

    fn named(&self) -> String {
        option("--data-dir", &self.path)
    }

    fn log(&self) -> &EmbeddedLog {
        &self.log
    }

    fn reader(&self) -> LogReader {
        self.log.reader()
    }

    async fn store(&self, role: &RoleStore) -> anyhow::Result<sqlite::Store> {
        let path = self.path.join(role.file);
        let opened = sqlite::Store::open(&path, role.migrations).await;
        opened.with_context(|| format!("{}: {}", codes::STORE, path.display()))
    }

    fn limiter(&self, _name: String, rate: Rate, _store: &sqlite::Store) -> Limiter {
        Limiter::alone(rate)
    }

    fn consumer(
        &self,
        group: &str,
        topics: &[Topic],
        cursors: &sqlite::Store,
    ) -> anyhow::Result<Self::Consumer> {
        Ok(self.log.consumer(group, topics, StoredCursors(cursors.clone())))
    }
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
    let options =
        LogOptions { partitions: config.log.partitions, retention: config.log.retention(), clock: wall };
    let log = EmbeddedLog::open(data.file("log.db"), options).await.context(codes::LOG)?;
    let (health, metrics) = (Health::new(), Metrics::install(env!("CARGO_PKG_VERSION"))?);
    let parts = Parts {
        config: Arc::new(config.clone()),
        clocks: clocks.clone(),
        ground: Folder { path: data.path().to_owned(), log: log.clone() },
        tasks: tasks.clone(),
        health: health.clone(),
        readiness: Readiness::Kept,
    };
    // Everything that can fail first; only then anything runs that a failure would cut off.
    let edge = ingest::edge(config, wiring.edge_log(log.clone()), clocks.clone())?;
    let dispatcher = dispatcher::prepare(&parts, |vendor| wiring.gifts(vendor)).await?;
    let engine = engine::prepare(&parts, journeys).await?;
    let resolver = ingest::prepare(&parts).await?;
    dispatcher(&parts);
    engine(&parts);
    resolver(&parts);

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
