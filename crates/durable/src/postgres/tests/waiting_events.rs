//! How an event lies in the outbox.

use afterglow_domain::Shard;
use afterglow_events::{Record, Topic};

use super::*;
use crate::rows::{OutboxRow, Writes};
use crate::shard_set::ShardSet;
use crate::store::{Store as _, Tx as _};

/// The bytes of an event that fits into a page, and is beyond the two kilobytes from which on rows are shortened.
const LONG: i32 = 6_000;

/// More than a page has.
const LONGER: i32 = 60_000;

#[tokio::test]
async fn an_event_that_fits_into_a_page_is_not_compressed() {
    let database = Database::fresh().await;
    let (store, _) = database.fresh_store(&CORE, CommitFaults::default()).await;
    let key = "acme/hub/deal:1";
    let shard = Shard::of(key);
    let row = |length: i32| {
        let value = "a".repeat(length.try_into().unwrap()).into();
        let record = Record { topic: Topic::Deals, key: key.into(), headers: Vec::new(), value };
        OutboxRow { shard, record }
    };
    let mut tx = store.begin(&ShardSet::new([shard])).await.unwrap();
    tx.write(Writes { outbox: vec![row(LONG), row(LONGER)], ..Writes::default() }).await.unwrap();
    tx.commit().await.unwrap();

    let stored: Vec<i32> = sqlx::query_scalar("select pg_column_size(value) from outbox order by seq")
        .fetch_all(store.readers())
        .await
        .unwrap();
    let [fits, does_not] = stored[..] else { panic!("{stored:?}") };
    assert!(fits >= LONG && does_not < LONG, "{stored:?}");
    let read = store.outbox_read(2).await.unwrap();
    assert_eq!(read.into_iter().map(|(_, row)| row).collect::<Vec<_>>(), [row(LONG), row(LONGER)]);
}
