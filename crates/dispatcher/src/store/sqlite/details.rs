//! Details of what is long concluded: found by age, and taken from attempts.

use afterglow_domain::{Shard, Timestamp, TouchpointId};
use afterglow_durable::Error;
use afterglow_durable::sqlite::ROWS_PER_STATEMENT;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

/// The touchpoints that were concluded before `before` and have their details, oldest first.
pub(super) async fn find(
    connection: &mut SqliteConnection,
    before: Timestamp,
    max: usize,
) -> Result<Vec<(TouchpointId, Shard)>, Error> {
    let rows: Vec<(Vec<u8>, u8)> = sqlx::query_as(
        "select id, shard from touchpoint where detailed_since < ? order by detailed_since limit ?",
    )
    .bind(before.0)
    .bind(i64::try_from(max).unwrap_or(i64::MAX))
    .fetch_all(connection)
    .await?;
    let found = |(id, shard): (Vec<u8>, u8)| TouchpointId::from_slice(&id).zip(Shard::new(shard));
    let broken = || Error::Refused("touchpoint: id or shard is not of its form".to_owned());
    rows.into_iter().map(|row| found(row).ok_or_else(broken)).collect()
}

/// Takes request and envelope from every attempt of these touchpoints.
pub(super) async fn strip_attempts(
    connection: &mut SqliteConnection,
    touchpoints: &[TouchpointId],
) -> Result<(), Error> {
    for chunk in touchpoints.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "update attempt set request = x'', mail_from = null, mail_to = null where touchpoint in (",
        );
        let mut list = query.separated(", ");
        for id in chunk {
            list.push_bind(id.as_bytes().as_slice());
        }
        query.push(")");
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}
