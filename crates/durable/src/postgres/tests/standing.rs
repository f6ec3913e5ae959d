//! What the server tells of our sessions.

use std::time::Duration;

use sqlx::Connection as _;

use super::*;
use crate::conformance::{row, shard};
use crate::rows::Writes;
use crate::shard_set::ShardSet;
use crate::standing::Sessions;
use crate::store::{Store as _, Tx as _};

/// Waits until the server tells what is wanted.
async fn until(store: &Store, wanted: impl Fn(&Sessions) -> bool) -> Sessions {
    let told = async {
        loop {
            let sessions = store.standing().await.unwrap().server.unwrap();
            if wanted(&sessions) {
                return sessions;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), told).await.expect("the server tells it")
}

#[tokio::test]
async fn open_transactions_and_old_snapshots_are_told() {
    let database = Database::fresh().await;
    let (store, _) = database.fresh_store(&CORE, CommitFaults::default()).await;
    let open = store.begin(&ShardSet::new([shard(3)])).await.unwrap();
    let told = until(&store, |told| told.longest_transaction >= Duration::from_millis(20)).await;
    assert!(told.used >= 2 && told.open >= told.used, "the transaction and the question: {told:?}");
    drop(open);
    until(&store, |told| told.longest_transaction < Duration::from_millis(20)).await;

    let mut report = store.readers().acquire().await.unwrap();
    let mut reading = report.begin_with("begin isolation level repeatable read").await.unwrap();
    sqlx::query("select 1 from shard").execute(&mut *reading).await.unwrap();
    for n in 0..5 {
        let mut tx = store.begin(&ShardSet::new([row(n, "a").shard])).await.unwrap();
        tx.write(Writes { outbox: vec![row(n, "a")], ..Writes::default() }).await.unwrap();
        tx.commit().await.unwrap();
    }
    until(&store, |told| told.oldest_snapshot_age >= 5).await;
    drop(reading);
    until(&store, |told| told.oldest_snapshot_age < 5).await;
}
