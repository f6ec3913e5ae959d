//! The conformance suite on a real server, and what only a server with many clients can do wrong.

mod order;
mod rates;
mod sandbox_clock;
mod standing;
mod start;
mod transactions;

use std::sync::Mutex;

use super::*;
use crate::conformance::postgres::Database;
use crate::conformance::{self, Fixture};

/// The shared pieces alone.
const CORE: Schema = Schema { name: "role", migrations: &[] };

/// A database with a schema for each store.
struct Schemas {
    database: Database,
    last: Mutex<Schema>,
}

impl Fixture for Schemas {
    type Store = Store;

    async fn fresh(&self, faults: CommitFaults) -> Store {
        let (store, schema) = self.database.fresh_store(&CORE, faults).await;
        *self.last.lock().unwrap() = schema;
        store
    }

    async fn reopened(&self, store: Store) -> Store {
        store.close().await;
        let schema = *self.last.lock().unwrap();
        self.database.store(&schema, CommitFaults::default()).await
    }
}

#[tokio::test]
async fn conforms() {
    conformance::all(&Schemas { database: Database::fresh().await, last: Mutex::new(CORE) }).await;
}
