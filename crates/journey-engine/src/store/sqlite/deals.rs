//! Deals and account links.

use afterglow_domain::{DealRef, Timestamp};
use afterglow_durable::Error;
use afterglow_durable::sqlite::ROWS_PER_STATEMENT;
use prost::Message;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};

use crate::rows::{AccountLink, DealRow, Standing};
use crate::store::{broken, deal_of, home_of};
use crate::waiting::Waiting;

/// The columns that [`deal_row`] reads.
pub(crate) const DEAL_COLUMNS: &str =
    "deal, home, rev, won_no, standing, snapshot, waiting, declined, heard_at, details_removed_at";

pub(super) async fn load(
    connection: &mut SqliteConnection,
    deals: &[DealRef],
) -> Result<Vec<DealRow>, Error> {
    let mut rows = Vec::with_capacity(deals.len());
    for chunk in deals.chunks(ROWS_PER_STATEMENT) {
        let mut query =
            QueryBuilder::<Sqlite>::new(format!("select {DEAL_COLUMNS} from deal where deal in ("));
        let mut list = query.separated(", ");
        for deal in chunk {
            list.push_bind(deal.to_string());
        }
        query.push(")");
        for row in query.build().fetch_all(&mut *connection).await? {
            rows.push(deal_row(&row)?);
        }
    }
    Ok(rows)
}

/// A deal of a row with [`DEAL_COLUMNS`].
pub(crate) fn deal_row(row: &SqliteRow) -> Result<DealRow, Error> {
    let deal = deal_of(row.try_get("deal")?)?;
    let standing: &str = row.try_get("standing")?;
    let snapshot: &[u8] = row.try_get("snapshot")?;
    let waiting: &[u8] = row.try_get("waiting")?;
    Ok(DealRow {
        home: home_of(row.try_get("home")?)?,
        rev: row.try_get("rev")?,
        won_no: row.try_get("won_no")?,
        standing: Standing::parse(standing).ok_or_else(|| broken("deal.standing", standing))?,
        snapshot: Message::decode(snapshot).map_err(|error| broken("deal.snapshot", error))?,
        waiting: Waiting::from_bytes(&deal, waiting).map_err(|error| broken("deal.waiting", error))?,
        declined: row.try_get("declined")?,
        heard_at: Timestamp(row.try_get("heard_at")?),
        details_removed: row.try_get::<Option<i64>, _>("details_removed_at")?.map(Timestamp),
        deal,
    })
}

pub(super) async fn save(connection: &mut SqliteConnection, deals: &[DealRow]) -> Result<(), Error> {
    for chunk in deals.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "insert into deal (deal, shard, home, rev, won_no, standing, account, account_name, snapshot, waiting, declined, heard_at, details_removed_at) ",
        );
        query.push_values(chunk, |mut values, row| {
            values
                .push_bind(row.deal.to_string())
                .push_bind(i64::from(row.shard().number()))
                .push_bind(row.home.as_str())
                .push_bind(row.rev)
                .push_bind(row.won_no)
                .push_bind(row.standing.as_str())
                .push_bind(row.snapshot.account.as_str())
                .push_bind(row.snapshot.account_name.as_str())
                .push_bind(row.snapshot.encode_to_vec())
                .push_bind(row.waiting.to_bytes())
                .push_bind(row.declined.as_deref())
                .push_bind(row.heard_at.0)
                .push_bind(row.details_removed.map(|at| at.0));
        });
        query.push(
            " on conflict (deal) do update set shard = excluded.shard, home = excluded.home, rev = excluded.rev,
              won_no = excluded.won_no, standing = excluded.standing, account = excluded.account,
              account_name = excluded.account_name, snapshot = excluded.snapshot, waiting = excluded.waiting,
              declined = excluded.declined, heard_at = excluded.heard_at,
              details_removed_at = excluded.details_removed_at",
        );
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

pub(super) async fn link(connection: &mut SqliteConnection, links: &[AccountLink]) -> Result<(), Error> {
    for chunk in links.chunks(ROWS_PER_STATEMENT) {
        let mut query =
            QueryBuilder::<Sqlite>::new("insert or ignore into account_link (tenant, account, home) ");
        query.push_values(chunk, |mut values, link| {
            values
                .push_bind(link.tenant.as_str())
                .push_bind(link.account.as_str())
                .push_bind(link.home.as_str());
        });
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}
