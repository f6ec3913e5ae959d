//! What the scaled product's roles stand on: a schema each in a PostgreSQL database. The log is the model's:
//! what is compared here is the stores.

use std::sync::Arc;

use afterglow_dispatcher::store::postgres as dispatcher;
use afterglow_domain::Clock;
use afterglow_durable::conformance::postgres::{Database, quiet};
use afterglow_durable::postgres::{Schema, Store};
use afterglow_eventlog::{Consumer, MemoryLog};
use afterglow_events::{Checkpoints, Topic};
use afterglow_ingest::store::postgres as ingest;
use afterglow_journey_engine::store::postgres as engine;

use super::{Fates, Ground, log_options};
use crate::op::Role;

/// A role and its schema, in the order of the roles.
const SCHEMAS: [(Role, Schema); 3] =
    [(Role::Ingest, ingest::SCHEMA), (Role::Engine, engine::SCHEMA), (Role::Dispatcher, dispatcher::SCHEMA)];

/// Everything in one database, which goes with it.
pub struct Server {
    database: Database,
    fates: Fates,
    stores: [Store; 3],
    log: MemoryLog,
}

impl Server {
    /// Empty schemas in a new database.
    pub async fn new(fates: &Fates, clock: Arc<dyn Clock>) -> Self {
        let database = Database::fresh().await;
        let stores = stores(&database, fates).await;
        let log = MemoryLog::new(log_options(clock)).expect("the number of partitions is a good one");
        Self { database, fates: fates.clone(), stores, log }
    }

    fn store(&self, role: Role) -> Store {
        self.stores[role as usize].clone()
    }
}

async fn stores(database: &Database, fates: &Fates) -> [Store; 3] {
    let [first, second, third] = SCHEMAS.map(|(role, schema)| (fates.of(role), schema));
    [
        database.store(&first.1, first.0).await,
        database.store(&second.1, second.0).await,
        database.store(&third.1, third.0).await,
    ]
}

impl Ground for Server {
    type Ingest = Store;
    type Engine = Store;
    type Dispatcher = Store;
    type Log = MemoryLog;
    type Source = MemoryLog;

    fn ingest(&self) -> Store {
        self.store(Role::Ingest)
    }

    fn engine(&self) -> Store {
        self.store(Role::Engine)
    }

    fn dispatcher(&self) -> Store {
        self.store(Role::Dispatcher)
    }

    fn log(&self) -> MemoryLog {
        self.log.clone()
    }

    fn source(&self) -> MemoryLog {
        self.log.clone()
    }

    fn consumer<C: Checkpoints>(&self, group: &str, topics: &[Topic], at: C) -> Consumer<MemoryLog, C> {
        self.log.consumer(group, topics, at)
    }

    async fn reopen(&mut self) {
        for store in &self.stores {
            store.close().await;
        }
        self.stores = stores(&self.database, &self.fates).await;
    }

    async fn quiet(&self) {
        quiet(&self.stores[0]).await;
    }

    /// As on files: that the schemas hold the same as the model is what comparing a pair of runs shows.
    async fn breaches(&self) -> Vec<String> {
        Vec::new()
    }
}
