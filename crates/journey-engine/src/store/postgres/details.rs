//! What is old and still has its details, found by age.

use afterglow_domain::{DealRef, EnrolmentId, Shard, Timestamp};
use afterglow_durable::Error;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::store::{broken, deal_of};

pub(super) async fn enrolments(
    connection: &mut PgConnection,
    before: Timestamp,
    max: usize,
) -> Result<Vec<(EnrolmentId, Shard)>, Error> {
    let rows: Vec<(Uuid, i16)> = sqlx::query_as(
        "select id, shard from enrolment
         where ended_at is not null and details_removed_at is null and ended_at < $1
         order by ended_at, id limit $2",
    )
    .bind(before.0)
    .bind(i64::try_from(max).unwrap_or(i64::MAX))
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(|(id, number)| Ok((EnrolmentId(id), shard(number)?))).collect()
}

/// Deals that no journey under way needs, and none that still has its own details.
pub(super) async fn deals(
    connection: &mut PgConnection,
    before: Timestamp,
    max: usize,
) -> Result<Vec<(DealRef, Shard)>, Error> {
    let rows: Vec<(String, i16)> = sqlx::query_as(
        "select deal, shard from deal
         where details_removed_at is null and heard_at < $1 and not exists
         (select from enrolment where enrolment.deal = deal.deal and enrolment.details_removed_at is null)
         order by heard_at, deal limit $2",
    )
    .bind(before.0)
    .bind(i64::try_from(max).unwrap_or(i64::MAX))
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(|(deal, number)| Ok((deal_of(&deal)?, shard(number)?))).collect()
}

fn shard(number: i16) -> Result<Shard, Error> {
    u8::try_from(number).ok().and_then(Shard::new).ok_or_else(|| broken("shard", number))
}
