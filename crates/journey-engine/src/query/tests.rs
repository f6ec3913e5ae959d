//! How rows are found: by an index, whatever is asked, and never more than a person reads.

use afterglow_durable::store::CommitFaults;

use super::*;
use crate::scene::{Deal as Won, Kind, world_on_sqlite};

/// The steps of SQLite's plan for a question.
async fn plan(readers: &SqlitePool, select: &str, table: &str) -> Vec<String> {
    let question = asking(select, table, "hubspot:33:deal:41").sql().as_str().to_owned();
    let rows: Vec<(i64, i64, i64, String)> =
        sqlx::query_as(sqlx::AssertSqlSafe(format!("explain query plan {question}")))
            .fetch_all(readers)
            .await
            .unwrap();
    rows.into_iter().map(|row| row.3).collect()
}

#[tokio::test]
async fn whatever_is_asked_is_found_by_an_index() {
    let (_folder, world) = world_on_sqlite(CommitFaults::default()).await;
    let readers = world.store.readers();
    for (select, table) in [(ENROLMENT_COLUMNS, "enrolment"), (DEAL_COLUMNS, "deal")] {
        let plan = plan(readers, select, table).await;
        assert!(!plan.iter().any(|step| step.starts_with("SCAN")), "{table}: {plan:#?}");
        let searches = plan.iter().filter(|step| step.starts_with(&format!("SEARCH {table} USING INDEX")));
        assert_eq!(searches.count(), 7, "one for each way to ask: {plan:#?}");
    }
}

#[tokio::test]
async fn more_than_a_person_reads_is_one_more_than_that() {
    let (_folder, mut world) = world_on_sqlite(CommitFaults::default()).await;
    let events: Vec<_> = (1..=FOUND_MAX + 20).map(|n| Won::new(&n.to_string()).event(Kind::Won, 1)).collect();
    world.tell(&events).await;
    let readers = world.store.readers();
    assert_eq!(enrolments(readers, "Northwind GmbH").await.unwrap().len(), FOUND_MAX + 1);
    assert_eq!(deals(readers, "Northwind GmbH").await.unwrap().len(), FOUND_MAX + 1);
    assert_eq!(enrolments(readers, "7").await.unwrap().len(), 1);
}
