//! Retention, one small transaction after the other, so that appends wait for milliseconds only.

use afterglow_domain::Timestamp;
use afterglow_events::Topic;
use sqlx::sqlite::SqliteConnection;

use crate::bounds::Bounds;
use crate::topic_number;

/// How many records one transaction removes at most.
const SLICE_ROWS_MAX: i64 = 1_000;

/// Removes the oldest expired records of the first partition that has some, and moves its start in
/// `bounds`; zero where nothing in the log has expired.
pub(super) async fn prune_slice(
    connection: &mut SqliteConnection,
    bounds: &mut Bounds,
    before: Timestamp,
) -> Result<u64, sqlx::Error> {
    for topic in Topic::ALL {
        for (partition, start, end) in bounds.of_topic(topic) {
            if start == end {
                continue;
            }
            if let Some((last, taken_at)) = expired(connection, topic, partition, before).await? {
                bounds.set(topic, partition, last + 1..end);
                return remove(connection, (topic, partition), last + 1, taken_at).await;
            }
        }
    }
    Ok(0)
}

/// The last offset of a slice that has expired, and its `taken_at`, which never falls within a partition.
/// The last condition depends on no row, so a partition whose oldest record stays costs one seek.
async fn expired(
    connection: &mut SqliteConnection,
    topic: Topic,
    partition: u16,
    before: Timestamp,
) -> Result<Option<(i64, i64)>, sqlx::Error> {
    let (last, taken_at): (Option<i64>, Option<i64>) = sqlx::query_as(
        "SELECT max(offset), max(taken_at)
         FROM (SELECT offset, taken_at FROM record WHERE topic = ?1 AND partition = ?2 ORDER BY offset LIMIT ?3)
         WHERE taken_at < ?4
         AND (SELECT taken_at FROM record WHERE topic = ?1 AND partition = ?2 ORDER BY offset LIMIT 1) < ?4",
    )
    .bind(topic_number::of(topic))
    .bind(partition)
    .bind(SLICE_ROWS_MAX)
    .bind(before.0)
    .fetch_one(connection)
    .await?;
    Ok(last.zip(taken_at))
}

async fn remove(
    connection: &mut SqliteConnection,
    (topic, partition): (Topic, u16),
    start: i64,
    taken_at: i64,
) -> Result<u64, sqlx::Error> {
    sqlx::query("UPDATE log_start SET start_offset = ?3, taken_at = ?4 WHERE topic = ?1 AND partition = ?2")
        .bind(topic_number::of(topic))
        .bind(partition)
        .bind(start)
        .bind(taken_at)
        .execute(&mut *connection)
        .await?;
    let removed = sqlx::query("DELETE FROM record WHERE topic = ?1 AND partition = ?2 AND offset < ?3")
        .bind(topic_number::of(topic))
        .bind(partition)
        .bind(start)
        .execute(connection)
        .await?;
    Ok(removed.rows_affected())
}
