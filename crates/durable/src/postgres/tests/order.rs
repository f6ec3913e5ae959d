//! Per shard the order of the outbox's numbers is the order of the commits. A relay that looks between two
//! of them sees if it is not.

use std::collections::BTreeMap;

use afterglow_domain::Shard;

use super::*;
use crate::conformance::{row, shard};
use crate::rows::{OutboxRow, Writes};
use crate::shard_set::ShardSet;
use crate::store::{Outgoing as _, Store as _, Tx as _};

const WRITERS: u128 = 4;

/// How many events each writer writes.
const EVENTS: u128 = 30;

/// Writes its events on two shards in turn. Every second writer dawdles before its COMMIT, in the database,
/// so that a number given earlier is often committed later, if nothing prevents that.
async fn write(store: &Store, writer: u128) {
    for n in 0..EVENTS {
        let shard = shard(if n % 2 == 0 { 3 } else { 11 });
        let mut tx = store.begin(&ShardSet::new([shard])).await.unwrap();
        let record = row(writer * EVENTS + n, "a").record;
        tx.write(Writes { outbox: vec![OutboxRow { shard, record }], ..Writes::default() }).await.unwrap();
        let dawdle = if writer.is_multiple_of(2) { "select pg_sleep(0.02)" } else { "select pg_sleep(0)" };
        sqlx::query(dawdle).execute(tx.connection()).await.unwrap();
        tx.commit().await.unwrap();
    }
}

/// Relays until everything was seen; how often a number came after a higher one of its shard.
async fn relay(store: &Store) -> usize {
    let (mut seen, mut late, mut highest) = (0, 0, BTreeMap::<Shard, i64>::new());
    while seen < WRITERS * EVENTS {
        let Some((outgoing, rows)) = store.outbox_take(100).await.unwrap() else { continue };
        seen += rows.len() as u128;
        for (seq, row) in &rows {
            let highest = highest.entry(row.shard).or_insert(i64::MIN);
            late += usize::from(seq < highest);
            *highest = (*seq).max(*highest);
        }
        // A log takes its time between the reading and the deleting.
        sqlx::query("select pg_sleep(0.01)").execute(store.readers()).await.unwrap();
        let seqs: Vec<i64> = rows.iter().map(|(seq, _)| *seq).collect();
        outgoing.settle(&seqs, &[]).await.unwrap();
    }
    late
}

/// Everything is relayed once; gives how often the order was broken.
async fn broken_orders(asking: Asking) -> usize {
    let database = Database::fresh().await;
    let (store, _) = database.fresh_store(&CORE, CommitFaults::default()).await;
    let store = Store { asking, ..store };
    let writers = futures::future::join_all((0..WRITERS).map(|writer| write(&store, writer)));
    let (_, late) = tokio::join!(writers, relay(&store));
    assert_eq!(store.outbox_read(9).await.unwrap(), [], "each was relayed and deleted, and nothing else");
    late
}

#[tokio::test]
async fn four_writers_keep_the_order() {
    assert_eq!(broken_orders(Asking::All).await, 0);
}

#[tokio::test]
async fn without_the_lock_the_checker_sees_it_broken() {
    assert!(broken_orders(Asking::Nothing).await > 0);
}
