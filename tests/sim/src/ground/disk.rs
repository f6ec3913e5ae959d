//! What the embedded product stands on: three SQLite files and the embedded log.

use std::sync::Arc;

use afterglow_domain::Clock;
use afterglow_durable::sqlite;
use afterglow_eventlog::{Consumer, EmbeddedLog, LogReader};
use afterglow_events::{Checkpoints, Topic};
use tempfile::TempDir;

use super::{Fates, Ground, log_options};
use crate::op::Role;

/// Everything in one folder, which goes with it.
pub struct Disk {
    folder: TempDir,
    fates: Fates,
    clock: Arc<dyn Clock>,
    stores: [sqlite::Store; 3],
    log: EmbeddedLog,
}

impl Disk {
    /// Empty files in a new folder.
    pub async fn new(fates: &Fates, clock: Arc<dyn Clock>) -> Self {
        let folder = tempfile::tempdir().expect("the machine has a folder for temporary files");
        let stores = stores(&folder, fates).await;
        let log = log(&folder, clock.clone()).await;
        Self { folder, fates: fates.clone(), clock, stores, log }
    }

    fn store(&self, role: Role) -> sqlite::Store {
        self.stores[role as usize].clone()
    }
}

async fn stores(folder: &TempDir, fates: &Fates) -> [sqlite::Store; 3] {
    let open = async |role, name, migrations| {
        let path = folder.path().join(name);
        sqlite::Store::open_with_faults(&path, migrations, fates.of(role)).await.expect("the file opens")
    };
    [
        open(Role::Ingest, "ingest.db", afterglow_ingest::store::MIGRATIONS).await,
        open(Role::Engine, "engine.db", afterglow_journey_engine::store::sqlite::MIGRATIONS).await,
        open(Role::Dispatcher, "dispatcher.db", afterglow_dispatcher::store::sqlite::MIGRATIONS).await,
    ]
}

async fn log(folder: &TempDir, clock: Arc<dyn Clock>) -> EmbeddedLog {
    let path = folder.path().join("log.db");
    EmbeddedLog::open(path, log_options(clock)).await.expect("the log opens")
}

impl Ground for Disk {
    type Ingest = sqlite::Store;
    type Engine = sqlite::Store;
    type Dispatcher = sqlite::Store;
    type Log = EmbeddedLog;
    type Source = LogReader;

    fn ingest(&self) -> sqlite::Store {
        self.store(Role::Ingest)
    }

    fn engine(&self) -> sqlite::Store {
        self.store(Role::Engine)
    }

    fn dispatcher(&self) -> sqlite::Store {
        self.store(Role::Dispatcher)
    }

    fn log(&self) -> EmbeddedLog {
        self.log.clone()
    }

    fn source(&self) -> LogReader {
        self.log.reader()
    }

    fn consumer<C: Checkpoints>(&self, group: &str, topics: &[Topic], at: C) -> Consumer<LogReader, C> {
        self.log.consumer(group, topics, at)
    }

    async fn reopen(&mut self) {
        self.log.close().await;
        self.log = log(&self.folder, self.clock.clone()).await;
        self.stores = stores(&self.folder, &self.fates).await;
    }

    /// The role's checkers look at the model's tables; that these files hold the same is what comparing
    /// a pair of runs shows.
    async fn breaches(&self) -> Vec<String> {
        Vec::new()
    }
}
