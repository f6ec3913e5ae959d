//! Deals are found by everything that a person may know of them.

use afterglow_durable::{ShardSet, Store, Tx as _};

use super::*;
use crate::store::{MIGRATIONS, ResolverTx, StageHint, State};
use crate::testing::{self, START};

fn known(n: u64) -> KnownDeal {
    let deal = testing::deal(n);
    let mut snapshot = testing::won(n);
    snapshot.account.as_mut().unwrap().name = "Acme Ünlimited".to_owned();
    KnownDeal {
        home: Some(HomeKey::of_account(&deal.tenant, &testing::account(9000).key)),
        deal,
        state: State::Won,
        rev: 1,
        won_no: 1,
        snapshot,
        modified: START,
        leaving_since: None,
        merged_into: None,
        read_at: START,
    }
}

fn refresh(n: u64) -> Refresh {
    Refresh {
        deal: testing::deal(n),
        generation: 1,
        due: START,
        claimed: false,
        failures: 1,
        rereads: 0,
        stage: Some(StageHint { stage: "sent".to_owned(), at: START }),
        since: START,
        traceparent: None,
        problem: Some("503".to_owned()),
    }
}

async fn remember<S: Store<Tx: ResolverTx>>(store: &S) {
    let mut tx = store.begin(&ShardSet::new([])).await.unwrap();
    tx.save_deals(&[known(1), known(2)]).await.unwrap();
    tx.save_refreshes(&[refresh(2), refresh(3)]).await.unwrap();
    tx.commit().await.unwrap();
}

/// Both stores answer this; `rows` has what [`remember`] wrote.
async fn answers(rows: &impl Rows) {
    let found = async |which: Which| -> Vec<String> {
        let views = deals(rows, &which).await.unwrap();
        views.iter().map(|view| view.known.deal.deal.object().to_owned()).collect()
    };
    assert_eq!(found(Which::Home(known(1).home.unwrap())).await.len(), 2);
    assert_eq!(found(Which::Account(testing::account(9001).key)).await, ["1"]);
    assert_eq!(found(Which::AccountName(" ACME ünlimited".to_owned())).await.len(), 2);
    assert_eq!(found(Which::Deal(testing::key(2))).await, ["2"]);
    assert_eq!(found(Which::Object("2".to_owned())).await, ["2"]);
    assert!(found(Which::Object("%".to_owned())).await.is_empty());
    assert!(found(Which::AccountName("no\0body".to_owned())).await.is_empty());
    let view = deals(rows, &Which::Object("2".to_owned())).await.unwrap().remove(0);
    assert_eq!(view, DealView { known: known(2), pending: Some(refresh(2)) });
    // The third was announced and never read; the second is known already.
    for which in [Which::Object("3".to_owned()), Which::Deal(testing::key(3))] {
        assert_eq!(rows.unread(&which).await.unwrap(), [refresh(3)], "{which:?}");
    }
    assert_eq!(rows.unread(&Which::Object("2".to_owned())).await.unwrap(), []);
    assert_eq!(rows.unread(&Which::AccountName("acme".to_owned())).await.unwrap(), []);
    let expected = Backlog { refreshes: 2, failing: 2, oldest: Some(START) };
    assert_eq!(rows.backlog().await.unwrap(), expected);
}

/// Each way to ask.
fn every_way() -> [Which; 5] {
    [
        Which::Home(known(1).home.unwrap()),
        Which::Account(testing::account(9001).key),
        Which::AccountName("acme".to_owned()),
        Which::Deal(testing::key(2)),
        Which::Object("2".to_owned()),
    ]
}

#[tokio::test]
async fn deals_are_found_and_say_what_they_wait_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ingest.db");
    let store = afterglow_durable::sqlite::Store::open(&path, MIGRATIONS).await.unwrap();
    remember(&store).await;
    answers(&afterglow_durable::sqlite::open_read_only(&path).await.unwrap()).await;
}

#[tokio::test]
async fn whatever_is_asked_is_found_by_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ingest.db");
    let store = afterglow_durable::sqlite::Store::open(&path, MIGRATIONS).await.unwrap();
    for which in every_way() {
        let question = sqlite::asking(&which).sql().as_str().to_owned();
        let plan: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(sqlx::AssertSqlSafe(format!("explain query plan {question}")))
                .fetch_all(store.readers())
                .await
                .unwrap();
        assert!(plan[0].3.starts_with("SEARCH deal USING INDEX"), "{which:?}: {plan:?}");
    }
}

mod postgres {
    use afterglow_durable::conformance::postgres::Database;
    use afterglow_durable::postgres::open_read_only;
    use afterglow_durable::store::CommitFaults;
    use sqlx::Executor as _;

    use super::*;
    use crate::query::postgres::asking;
    use crate::store::postgres::SCHEMA;

    #[tokio::test]
    async fn deals_are_found_and_say_what_they_wait_for() {
        let database = Database::fresh().await;
        let (store, schema) = database.fresh_store(&SCHEMA, CommitFaults::default()).await;
        remember(&store).await;
        answers(&open_read_only(&database.server(), &schema).await.unwrap()).await;
    }

    /// A table of a few rows is read whole: the server is told not to.
    #[tokio::test]
    async fn whatever_is_asked_is_found_by_an_index() {
        let database = Database::fresh().await;
        let (store, _) = database.fresh_store(&SCHEMA, CommitFaults::default()).await;
        let mut connection = store.readers().acquire().await.unwrap();
        connection.execute("set enable_seqscan = off").await.unwrap();
        for which in every_way() {
            let (question, value) = asking(&which);
            let plan: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("explain {question}")))
                .bind(value)
                .bind(rows_max())
                .fetch_all(&mut *connection)
                .await
                .unwrap();
            let plan = plan.join("\n");
            assert!(plan.contains("Index Cond") && !plan.contains("Filter:"), "{which:?}: {plan}");
        }
    }
}
