//! The conformance suite on a real server, and what only a server with many clients can do wrong.

mod apart;
mod order;
mod plans;
mod rates;
mod sandbox_clock;
mod side_by_side;
mod standing;
mod start;
mod transactions;
mod waiting_events;

use std::sync::Mutex;

use super::*;
use crate::conformance::postgres::{Database, referring_to_shards};
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

#[tokio::test]
async fn letters_are_read_beside_the_product() {
    let database = Database::fresh().await;
    let (store, schema) = database.fresh_store(&CORE, CommitFaults::default()).await;
    let readers = open_read_only(&database.server(), &schema).await.unwrap();
    conformance::letters::are_read(&store, &readers).await;
}

/// Who looks changes nothing, and holds nobody up.
#[tokio::test]
async fn a_reader_writes_nothing_and_asks_shortly() {
    let database = Database::fresh().await;
    let (_store, schema) = database.fresh_store(&CORE, CommitFaults::default()).await;
    let readers = open_read_only(&database.server(), &schema).await.unwrap();
    let refused = sqlx::query("delete from parked").execute(&readers).await.unwrap_err().to_string();
    assert!(refused.contains("read-only transaction"), "{refused}");
    let slow = sqlx::query("select pg_sleep(60)").execute(&readers).await.unwrap_err().to_string();
    assert!(slow.contains("statement timeout"), "{slow}");
}
