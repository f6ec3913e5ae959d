//! Deals are found by everything that a person may know of them.

use afterglow_durable::{ShardSet, Store as _, Tx as _, sqlite::Store};

use super::*;
use crate::store::{MIGRATIONS, ResolverTx as _, StageHint, State};
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

#[tokio::test]
async fn deals_are_found_and_say_what_they_wait_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ingest.db");
    let store = Store::open(&path, MIGRATIONS).await.unwrap();
    let mut tx = store.begin(&ShardSet::new([])).await.unwrap();
    tx.save_deals(&[known(1), known(2)]).await.unwrap();
    tx.save_refreshes(&[refresh(2), refresh(3)]).await.unwrap();
    tx.commit().await.unwrap();

    let readers = afterglow_durable::sqlite::open_read_only(&path).await.unwrap();
    let found = async |which: Which| -> Vec<String> {
        let views = deals(&readers, &which).await.unwrap();
        views.iter().map(|view| view.known.deal.deal.object().to_owned()).collect()
    };
    assert_eq!(found(Which::Home(known(1).home.unwrap())).await.len(), 2);
    assert_eq!(found(Which::Account(testing::account(9001).key)).await, ["1"]);
    assert_eq!(found(Which::AccountName(" ACME ünlimited".to_owned())).await.len(), 2);
    assert_eq!(found(Which::Deal(testing::key(2))).await, ["2"]);
    assert_eq!(found(Which::Object("2".to_owned())).await, ["2"]);
    assert!(found(Which::Object("%".to_owned())).await.is_empty());
    let view = deals(&readers, &Which::Object("2".to_owned())).await.unwrap().remove(0);
    assert_eq!(view, DealView { known: known(2), pending: Some(refresh(2)) });
    // The third was announced and never read; the second is known already.
    for which in [Which::Object("3".to_owned()), Which::Deal(testing::key(3))] {
        assert_eq!(unread(&readers, &which).await.unwrap(), [refresh(3)], "{which:?}");
    }
    assert_eq!(unread(&readers, &Which::Object("2".to_owned())).await.unwrap(), []);
    assert_eq!(unread(&readers, &Which::AccountName("acme".to_owned())).await.unwrap(), []);
    let expected = Backlog { refreshes: 2, failing: 2, oldest: Some(START) };
    assert_eq!(backlog(&readers).await.unwrap(), expected);
}

#[tokio::test]
async fn whatever_is_asked_is_found_by_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("ingest.db"), MIGRATIONS).await.unwrap();
    let asked = [
        Which::Home(known(1).home.unwrap()),
        Which::Account(testing::account(9001).key),
        Which::AccountName("acme".to_owned()),
        Which::Deal(testing::key(2)),
        Which::Object("2".to_owned()),
    ];
    for which in asked {
        let question = asking(&which).sql().as_str().to_owned();
        let plan: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(sqlx::AssertSqlSafe(format!("explain query plan {question}")))
                .fetch_all(store.readers())
                .await
                .unwrap();
        assert!(plan[0].3.starts_with("SEARCH deal USING INDEX"), "{which:?}: {plan:?}");
    }
}
