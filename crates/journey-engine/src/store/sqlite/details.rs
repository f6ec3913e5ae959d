//! What is old and still has its details, found by age.

use afterglow_domain::{DealRef, EnrolmentId, Shard, Timestamp};
use afterglow_durable::Error;
use sqlx::SqliteConnection;

use crate::store::{broken, deal_of};

pub(super) async fn enrolments(
    connection: &mut SqliteConnection,
    before: Timestamp,
    max: usize,
) -> Result<Vec<(EnrolmentId, Shard)>, Error> {
    let rows: Vec<(Vec<u8>, u8)> = sqlx::query_as(
        "select id, shard from enrolment
         where ended_at is not null and details_removed_at is null and ended_at < ? order by ended_at limit ?",
    )
    .bind(before.0)
    .bind(i64::try_from(max).unwrap_or(i64::MAX))
    .fetch_all(connection)
    .await?;
    let found = |(id, number): (Vec<u8>, u8)| {
        let id = EnrolmentId::from_slice(&id).ok_or_else(|| broken("enrolment.id", "is not 16 bytes"))?;
        Ok((id, shard(number)?))
    };
    rows.into_iter().map(found).collect()
}

/// Deals that no journey under way needs, and none that still has its own details.
pub(super) async fn deals(
    connection: &mut SqliteConnection,
    before: Timestamp,
    max: usize,
) -> Result<Vec<(DealRef, Shard)>, Error> {
    let rows: Vec<(String, u8)> = sqlx::query_as(
        "select deal, shard from deal
         where details_removed_at is null and heard_at < ? and not exists
         (select 1 from enrolment where enrolment.deal = deal.deal and enrolment.details_removed_at is null)
         order by heard_at limit ?",
    )
    .bind(before.0)
    .bind(i64::try_from(max).unwrap_or(i64::MAX))
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(|(deal, number)| Ok((deal_of(&deal)?, shard(number)?))).collect()
}

fn shard(number: u8) -> Result<Shard, Error> {
    Shard::new(number).ok_or_else(|| broken("shard", number))
}
