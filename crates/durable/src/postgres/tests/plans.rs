//! Plans that do not depend on what the statistics say at the moment when they are made.

use sqlx::{AssertSqlSafe, Executor as _};

use super::*;
use crate::postgres::outbox::OLDEST;

/// An outbox is empty nearly always, also when it is analyzed, and full when the log was away. A plan for an empty
/// table, kept while it is full, must still find each row by its key.
#[tokio::test]
async fn what_is_relayed_is_found_by_its_key_although_the_outbox_was_empty() {
    let database = Database::fresh().await;
    let (store, _) = database.fresh_store(&CORE, CommitFaults::default()).await;
    let mut connection = store.readers().acquire().await.unwrap();
    connection.execute("vacuum analyze outbox").await.unwrap();
    connection.execute("set plan_cache_mode = force_generic_plan").await.unwrap();
    let prepare = AssertSqlSafe(format!("prepare oldest (int2[], int8) as {OLDEST}"));
    sqlx::raw_sql(prepare).execute(&mut *connection).await.unwrap();
    let plan: Vec<String> = sqlx::query_scalar("explain execute oldest ('{1,2}', 1000)")
        .persistent(false)
        .fetch_all(&mut *connection)
        .await
        .unwrap();
    let plan = plan.join("\n");
    assert!(plan.contains("Index Cond: ((shard = oldest.shard) AND (seq = oldest.seq))"), "{plan}");
    assert!(!plan.contains("Join Filter"), "{plan}");
}
