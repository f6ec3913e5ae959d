//! The conformance suite on a real server, and what only a server with many clients can do wrong.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::conformance::postgres::Database;
use crate::conformance::{self, Fixture};

/// Stores in schemas of their own: a database for each of them would take a second.
struct Schemas {
    database: Database,
    last: AtomicUsize,
}

fn schema(number: usize) -> Schema {
    Schema { name: format!("role_{number}").leak(), migrations: &[] }
}

impl Fixture for Schemas {
    type Store = Store;

    async fn fresh(&self, faults: CommitFaults) -> Store {
        let number = self.last.fetch_add(1, Ordering::SeqCst) + 1;
        self.database.store(&schema(number), faults).await
    }

    async fn reopened(&self, store: Store) -> Store {
        store.close().await;
        self.database.store(&schema(self.last.load(Ordering::SeqCst)), CommitFaults::default()).await
    }
}

#[tokio::test]
async fn conforms() {
    conformance::all(&Schemas { database: Database::fresh().await, last: AtomicUsize::new(0) }).await;
}
