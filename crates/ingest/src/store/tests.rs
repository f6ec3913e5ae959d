//! The same operations on both stores give the same rows.

use std::time::Duration;

use afterglow_durable::{Error, ShardSet, Store, Timeline, Tx as _, Writes, memory, sqlite};

use super::*;
use crate::testing::{self, START};

fn refresh(n: u64) -> Refresh {
    Refresh {
        deal: testing::deal(n),
        generation: 3,
        due: START.plus(Duration::from_secs(n)),
        claimed: n.is_multiple_of(2),
        failures: 2,
        rereads: 1,
        stage: (n > 1).then(|| StageHint { stage: "closedwon".to_owned(), at: START }),
        since: START,
        traceparent: (n > 1).then(|| "00-1-2-01".to_owned()),
        problem: (n > 2).then(|| "503".to_owned()),
    }
}

fn known(n: u64) -> KnownDeal {
    KnownDeal {
        deal: testing::deal(n),
        home: (n > 1).then(|| HomeKey::of_account(&testing::deal(n).tenant, &testing::account(n).key)),
        state: State::ALL[usize::try_from(n).unwrap() % 4],
        rev: 4,
        won_no: 2,
        snapshot: testing::won(n),
        modified: START,
        leaving_since: (n > 2).then_some(START),
        merged_into: (n > 3).then(|| testing::key(1)),
        read_at: START,
    }
}

/// More rows than one statement takes.
const ROWS: u64 = sqlite::ROWS_PER_STATEMENT as u64 + 7;

async fn rows_come_back_as_they_were_saved<S: Store<Tx: ResolverTx>>(store: S) {
    let shards = ShardSet::new(Shard::all());
    let (refreshes, deals): (Vec<_>, Vec<_>) = (1..=ROWS).map(|n| (refresh(n), known(n))).unzip();
    let ids: Vec<Uuid> = refreshes.iter().map(Refresh::id).collect();
    let mut tx = store.begin(&shards).await.unwrap();
    tx.save_refreshes(&refreshes).await.unwrap();
    tx.save_deals(&deals).await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = store.begin(&shards).await.unwrap();
    let mut found = tx.load_refreshes(&ids).await.unwrap();
    found.sort_by_key(|row| row.due);
    assert_eq!(found, refreshes);
    let mut found = tx.load_deals(&ids).await.unwrap();
    found.sort_by_key(|row| row.deal.deal.object().parse::<u64>().unwrap());
    assert_eq!(found, deals);
    assert!(tx.load_deals(&[Uuid::from_u128(1)]).await.unwrap().is_empty());
    assert!(tx.load_deals(&[]).await.unwrap().is_empty());

    let changed = Refresh { generation: 9, problem: None, ..refresh(1) };
    tx.save_refreshes(std::slice::from_ref(&changed)).await.unwrap();
    tx.delete_refreshes(&ids[1..]).await.unwrap();
    tx.delete_refreshes(&[]).await.unwrap();
    assert_eq!(tx.load_refreshes(&ids).await.unwrap(), [changed]);
    drop(tx);

    let mut tx = store.begin(&shards).await.unwrap();
    assert_eq!(tx.load_refreshes(&ids).await.unwrap().len(), ids.len(), "nothing was committed");
}

async fn a_refresh_is_found_by_its_timer<S: Store<Tx: ResolverTx>>(store: S) {
    let row = refresh(1);
    let mut tx = store.begin(&ShardSet::new([row.shard()])).await.unwrap();
    tx.save_refreshes(std::slice::from_ref(&row)).await.unwrap();
    tx.write(Writes { arm: vec![row.timer()], ..Writes::default() }).await.unwrap();
    tx.commit().await.unwrap();
    let (mut tx, due) = store.begin_due(Timeline::Wall, row.due, 10).await.unwrap().unwrap();
    assert_eq!(due, [row.timer()]);
    assert_eq!(tx.load_refreshes(&[due[0].owner]).await.unwrap(), [row]);
}

async fn sqlite_store() -> (sqlite::Store, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite::Store::open(&folder.path().join("ingest.db"), MIGRATIONS).await.unwrap();
    (store, folder)
}

#[tokio::test]
async fn both_stores_keep_rows() {
    rows_come_back_as_they_were_saved(memory::Store::<Tables>::default()).await;
    let (store, _folder) = sqlite_store().await;
    rows_come_back_as_they_were_saved(store).await;
}

#[tokio::test]
async fn both_stores_find_a_refresh_by_its_timer() {
    a_refresh_is_found_by_its_timer(memory::Store::<Tables>::default()).await;
    let (store, _folder) = sqlite_store().await;
    a_refresh_is_found_by_its_timer(store).await;
}

mod postgres {
    use afterglow_durable::conformance::postgres::Database;
    use afterglow_durable::store::CommitFaults;

    use super::*;
    use crate::store::postgres::SCHEMA;

    #[tokio::test]
    async fn it_keeps_rows() {
        let database = Database::fresh().await;
        rows_come_back_as_they_were_saved(database.store(&SCHEMA, CommitFaults::default()).await).await;
    }

    #[tokio::test]
    async fn it_finds_a_refresh_by_its_timer() {
        let database = Database::fresh().await;
        a_refresh_is_found_by_its_timer(database.store(&SCHEMA, CommitFaults::default()).await).await;
    }
}

#[tokio::test]
async fn a_row_that_does_not_decode_is_refused_and_tells_nothing_of_people() {
    let (store, _folder) = sqlite_store().await;
    let mut tx = store.begin(&ShardSet::new([])).await.unwrap();
    tx.save_deals(&[known(1)]).await.unwrap();
    let broken = "update deal set snapshot = '{\"name\": \"Ann\"'";
    sqlx::query(broken).execute(tx.connection()).await.unwrap();
    let error = tx.load_deals(&[known(1).id()]).await.unwrap_err();
    assert!(matches!(&error, Error::Refused(text) if !text.contains("Ann")), "{error}");
}
