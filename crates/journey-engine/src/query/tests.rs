//! How rows are found: by an index, whatever is asked, and never more than a person reads.

use afterglow_durable::store::CommitFaults;

use super::sqlite::{asking_deals, asking_enrolments};
use super::*;
use crate::scene::{Deal as Won, Inspect, Kind, World, world_on_sqlite};

#[tokio::test]
async fn whatever_is_asked_is_found_by_an_index() {
    let (_folder, world) = world_on_sqlite(CommitFaults::default()).await;
    for (table, question, ways) in [("enrolment", asking_enrolments(), 2), ("deal", asking_deals(), 0)] {
        let plan: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(sqlx::AssertSqlSafe(format!("explain query plan {question}")))
                .bind("hubspot:33:deal:41")
                .bind("41")
                .bind("hubspot:33:deal:41")
                .fetch_all(world.store.readers())
                .await
                .unwrap();
        let steps: Vec<String> = plan.into_iter().map(|row| row.3).collect();
        let scanned = |step: &&String| step.starts_with("SCAN") && !step.starts_with("SCAN found");
        assert_eq!(steps.iter().find(scanned), None, "{table}: {steps:#?}");
        let by_index = |table: &str| {
            let search = format!("SEARCH {table} USING ");
            steps.iter().filter(|step| step.starts_with(&search) && step.contains("INDEX")).count()
        };
        assert_eq!(by_index("deal"), 7, "one for each way to ask: {steps:#?}");
        assert_eq!(by_index("enrolment"), ways, "{steps:#?}");
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
    use crate::query::postgres::{asking_deals, asking_enrolments};
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
        for (question, conditions) in [(asking_enrolments(), 10), (asking_deals(), 8)] {
            let question = AssertSqlSafe(format!("explain {question}"));
            let plan: Vec<String> = sqlx::query_scalar(question)
                .bind("hubspot:33:deal:41")
                .bind("41")
                .bind("hubspot:33:deal:41")
                .fetch_all(&mut *connection)
                .await
                .unwrap();
            let plan = plan.join("\n");
            assert!(!plan.contains("Seq Scan"), "{plan}");
            // One for each way to ask, one for the deals or for the enrolments' two ways to them and their rows.
            assert_eq!(plan.matches("Index Cond").count(), conditions, "{plan}");
        }
    }
}
