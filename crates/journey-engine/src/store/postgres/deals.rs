//! Deals and account links.

use afterglow_domain::{DealRef, Timestamp};
use afterglow_durable::Error;
use afterglow_durable::postgres::columns::{column, last_of_each};
use afterglow_durable::postgres::text;
use prost::Message;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use crate::rows::{AccountLink, DealRow, Standing};
use crate::store::{broken, deal_of, home_of};
use crate::waiting::Waiting;

/// The columns that [`deal_row`] reads.
pub(crate) const DEAL_COLUMNS: &str =
    "deal, home, rev, won_no, standing, snapshot, waiting, declined, heard_at, details_removed_at";

pub(super) async fn load(connection: &mut PgConnection, deals: &[DealRef]) -> Result<Vec<DealRow>, Error> {
    if deals.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query(
        "select deal, home, rev, won_no, standing, snapshot, waiting, declined, heard_at, details_removed_at
         from deal where deal = any($1)",
    )
    .bind(deals.iter().map(ToString::to_string).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    rows.iter().map(deal_row).collect()
}

/// A deal of a row with the columns of [`load`].
pub(crate) fn deal_row(row: &PgRow) -> Result<DealRow, Error> {
    let deal = deal_of(row.try_get("deal")?)?;
    let standing: &str = row.try_get("standing")?;
    let snapshot: &[u8] = row.try_get("snapshot")?;
    let waiting: &[u8] = row.try_get("waiting")?;
    let declined: Option<String> = row.try_get("declined")?;
    Ok(DealRow {
        home: home_of(row.try_get("home")?)?,
        rev: row.try_get("rev")?,
        won_no: row.try_get("won_no")?,
        standing: Standing::parse(standing).ok_or_else(|| broken("deal.standing", standing))?,
        snapshot: Message::decode(snapshot).map_err(|error| broken("deal.snapshot", error))?,
        waiting: Waiting::from_bytes(&deal, waiting).map_err(|error| broken("deal.waiting", error))?,
        declined: declined.map(text::told),
        heard_at: Timestamp(row.try_get("heard_at")?),
        details_removed: row.try_get::<Option<i64>, _>("details_removed_at")?.map(Timestamp),
        deal,
    })
}

pub(super) async fn save(connection: &mut PgConnection, deals: &[DealRow]) -> Result<(), Error> {
    if deals.is_empty() {
        return Ok(());
    }
    let deals = last_of_each(deals, |row| &row.deal);
    sqlx::query(
        "insert into deal (deal, shard, home, rev, won_no, standing, account, account_name, snapshot, waiting, declined,
         heard_at, details_removed_at)
         select * from unnest($1::text[], $2::int2[], $3::text[], $4::int8[], $5::int4[], $6::text[], $7::text[],
                              $8::text[], $9::bytea[], $10::bytea[], $11::text[], $12::int8[], $13::int8[])
         on conflict (deal) do update set shard = excluded.shard, home = excluded.home, rev = excluded.rev,
         won_no = excluded.won_no, standing = excluded.standing, account = excluded.account,
         account_name = excluded.account_name, snapshot = excluded.snapshot, waiting = excluded.waiting,
         declined = excluded.declined, heard_at = excluded.heard_at,
         details_removed_at = excluded.details_removed_at",
    )
    .bind(column(&deals, |row| row.deal.to_string()))
    .bind(column(&deals, |row| i16::from(row.shard().number())))
    .bind(column(&deals, |row| row.home.as_str()))
    .bind(column(&deals, |row| row.rev))
    .bind(column(&deals, |row| row.won_no))
    .bind(column(&deals, |row| row.standing.as_str()))
    .bind(column(&deals, |row| text::stored(&row.snapshot.account)))
    .bind(column(&deals, |row| text::stored(&row.snapshot.account_name)))
    .bind(column(&deals, |row| row.snapshot.encode_to_vec()))
    .bind(column(&deals, |row| row.waiting.to_bytes()))
    .bind(column(&deals, |row| row.declined.as_deref().map(text::stored)))
    .bind(column(&deals, |row| row.heard_at.0))
    .bind(column(&deals, |row| row.details_removed.map(|at| at.0)))
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn link(connection: &mut PgConnection, links: &[AccountLink]) -> Result<(), Error> {
    if links.is_empty() {
        return Ok(());
    }
    let links = last_of_each(links, |link| link);
    sqlx::query(
        "insert into account_link (tenant, account, home)
         select * from unnest($1::text[], $2::text[], $3::text[]) on conflict do nothing",
    )
    .bind(column(&links, |link| link.tenant.as_str()))
    .bind(column(&links, |link| link.account.as_str()))
    .bind(column(&links, |link| link.home.as_str()))
    .execute(connection)
    .await?;
    Ok(())
}
