//! Details of what is long concluded: found by age, and taken from attempts.

use afterglow_domain::{Shard, Timestamp, TouchpointId};
use afterglow_durable::Error;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::store::blobs::broken;

/// The touchpoints that were concluded before `before` and have their details, oldest first.
pub(super) async fn find(
    connection: &mut PgConnection,
    before: Timestamp,
    max: usize,
) -> Result<Vec<(TouchpointId, Shard)>, Error> {
    let rows: Vec<(Uuid, i16)> = sqlx::query_as(
        "select id, shard from touchpoint where detailed_since < $1 order by detailed_since, id limit $2",
    )
    .bind(before.0)
    .bind(i64::try_from(max).unwrap_or(i64::MAX))
    .fetch_all(connection)
    .await?;
    let found = |(id, number): (Uuid, i16)| {
        let shard = u8::try_from(number).ok().and_then(Shard::new);
        Ok((TouchpointId(id), shard.ok_or_else(|| broken("touchpoint.shard"))?))
    };
    rows.into_iter().map(found).collect()
}

/// Takes request and envelope from every attempt of these touchpoints.
pub(super) async fn strip_attempts(
    connection: &mut PgConnection,
    touchpoints: &[TouchpointId],
) -> Result<(), Error> {
    sqlx::query(
        "update attempt set request = '', mail_from = null, mail_to = null where touchpoint = any($1)",
    )
    .bind(touchpoints.iter().map(|id| id.0).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}
