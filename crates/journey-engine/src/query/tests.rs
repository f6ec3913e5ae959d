//! How rows are found: by an index, whatever is asked, and never more than a person reads.

use afterglow_durable::store::CommitFaults;

use sqlx::SqlitePool;

use super::sqlite::asking;
use super::*;
use crate::scene::{Deal as Won, Inspect, Kind, World, world_on_sqlite};
use crate::store::sqlite::{DEAL_COLUMNS, ENROLMENT_COLUMNS};

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

async fn no_more_than_a_person_reads<S: Inspect>(mut world: World<S>, readers: &impl Rows) {
    let events: Vec<_> = (1..=FOUND_MAX + 20).map(|n| Won::new(&n.to_string()).event(Kind::Won, 1)).collect();
    world.tell(&events).await;
    let found = enrolments(readers, "Northwind GmbH").await.unwrap();
    assert_eq!(found.len(), FOUND_MAX + 1);
    let found = deals(readers, "Northwind GmbH").await.unwrap();
    let keys: Vec<String> = found.iter().map(|deal| deal.deal.to_string()).collect();
    assert!(keys.len() == FOUND_MAX + 1 && keys.is_sorted(), "{keys:?}");
    assert_eq!(enrolments(readers, "7").await.unwrap().len(), 1);
}

#[tokio::test]
async fn more_than_a_person_reads_is_one_more_than_that() {
    let (_folder, world) = world_on_sqlite(CommitFaults::default()).await;
    let readers = world.store.readers().clone();
    no_more_than_a_person_reads(world, &readers).await;
}

mod postgres {
    use afterglow_durable::conformance::postgres::Database;
    use sqlx::{AssertSqlSafe, Executor as _};

    use super::*;
    use crate::query::postgres::asking;
    use crate::scene::postgres::world_on;

    #[tokio::test]
    async fn more_than_a_person_reads_is_one_more_than_that() {
        let database = Database::fresh().await;
        let world = world_on(&database, CommitFaults::default()).await;
        let readers = world.store.readers().clone();
        no_more_than_a_person_reads(world, &readers).await;
    }

    /// A table of a few rows is read whole: the server is told not to.
    #[tokio::test]
    async fn whatever_is_asked_is_found_by_an_index() {
        let database = Database::fresh().await;
        let world = world_on(&database, CommitFaults::default()).await;
        let mut connection = world.store.readers().acquire().await.unwrap();
        connection.execute("set enable_seqscan = off").await.unwrap();
        for (table, key) in [("enrolment", "id"), ("deal", "deal")] {
            let question = AssertSqlSafe(format!("explain {}", asking("home, deal", table, key)));
            let plan: Vec<String> = sqlx::query_scalar(question)
                .bind("hubspot:33:deal:41")
                .bind("41")
                .fetch_all(&mut *connection)
                .await
                .unwrap();
            let plan = plan.join("\n");
            assert!(!plan.contains("Seq Scan"), "{plan}");
            assert_eq!(plan.matches("Index Cond").count(), 8, "one for each way, one for the rows: {plan}");
        }
    }
}
