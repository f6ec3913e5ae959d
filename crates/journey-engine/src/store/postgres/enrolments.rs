//! Enrolments. [`save_states`] is the statement that every fired timer passes through.

use afterglow_domain::{DealRef, EnrolmentId, Timestamp};
use afterglow_durable::Error;
use afterglow_durable::postgres::columns::{column, last_of_each};
use afterglow_durable::postgres::text;
use afterglow_journey::{STATE_VERSION, State};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::count;
use crate::rows::EnrolmentRow;
use crate::store::{broken, deal_of, home_of};

/// The columns that [`enrolment_row`] reads.
pub(crate) const ENROLMENT_COLUMNS: &str = "id, home, deal, journey, version, armed_at, state_version, state, counters, account, account_name, traceparent, ended_at, details_removed_at, began_with";

pub(super) async fn load(
    connection: &mut PgConnection,
    ids: &[EnrolmentId],
) -> Result<Vec<EnrolmentRow>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query(
        "select id, home, deal, journey, version, armed_at, state_version, state, counters, account, account_name,
         traceparent, ended_at, details_removed_at, began_with from enrolment where id = any($1)",
    )
    .bind(ids.iter().map(|id| id.0).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    rows.iter().map(enrolment_row).collect()
}

pub(super) async fn load_of(
    connection: &mut PgConnection,
    deals: &[DealRef],
) -> Result<Vec<EnrolmentRow>, Error> {
    if deals.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query(
        "select id, home, deal, journey, version, armed_at, state_version, state, counters, account, account_name,
         traceparent, ended_at, details_removed_at, began_with from enrolment where deal = any($1)",
    )
    .bind(deals.iter().map(ToString::to_string).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    rows.iter().map(enrolment_row).collect()
}

/// An enrolment of a row with the columns of [`load`].
pub(crate) fn enrolment_row(row: &PgRow) -> Result<EnrolmentRow, Error> {
    let counters: &str = row.try_get("counters")?;
    let armed: Option<i64> = row.try_get("armed_at")?;
    let version: i32 = row.try_get("state_version")?;
    let version = count("enrolment.state_version", i64::from(version))?;
    let state = State::from_bytes(version, row.try_get("state")?);
    let traceparent: Option<String> = row.try_get("traceparent")?;
    Ok(EnrolmentRow {
        id: EnrolmentId(row.try_get("id")?),
        home: home_of(row.try_get("home")?)?,
        deal: deal_of(row.try_get("deal")?)?,
        began_with: row.try_get::<Option<&str>, _>("began_with")?.map(deal_of).transpose()?,
        journey: row.try_get("journey")?,
        version: count("enrolment.version", row.try_get("version")?)?,
        state: state.map_err(|error| broken("enrolment.state", error))?,
        armed: armed.map(Timestamp),
        counters: serde_json::from_str(counters).map_err(|error| broken("enrolment.counters", error))?,
        account: text::told(row.try_get("account")?),
        account_name: text::told(row.try_get("account_name")?),
        traceparent: traceparent.map(text::told),
        ended_at: row.try_get::<Option<i64>, _>("ended_at")?.map(Timestamp),
        details_removed: row.try_get::<Option<i64>, _>("details_removed_at")?.map(Timestamp),
    })
}

fn counters(row: &EnrolmentRow) -> String {
    serde_json::to_string(&row.counters).expect("a map of numbers by text is an object")
}

/// The version of every state that this program writes, as a column.
fn state_version(_: &EnrolmentRow) -> i32 {
    i32::try_from(STATE_VERSION).expect("a version is a small number")
}

pub(super) async fn save(connection: &mut PgConnection, rows: &[EnrolmentRow]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows = last_of_each(rows, |row| row.id);
    sqlx::query(
        "insert into enrolment (id, shard, home, deal, journey, version, status, armed_at, state_version, state,
         counters, account, account_name, traceparent, ended_at, details_removed_at, began_with)
         select * from unnest($1::uuid[], $2::int2[], $3::text[], $4::text[], $5::text[], $6::int8[], $7::text[],
                              $8::int8[], $9::int4[], $10::bytea[], $11::text[], $12::text[], $13::text[],
                              $14::text[], $15::int8[], $16::int8[], $17::text[])
         on conflict (id) do update set deal = excluded.deal, status = excluded.status,
         armed_at = excluded.armed_at, state_version = excluded.state_version, state = excluded.state,
         counters = excluded.counters, account = excluded.account, account_name = excluded.account_name,
         traceparent = excluded.traceparent, ended_at = excluded.ended_at,
         details_removed_at = excluded.details_removed_at, began_with = excluded.began_with",
    )
    .bind(column(&rows, |row| row.id.0))
    .bind(column(&rows, |row| i16::from(row.shard().number())))
    .bind(column(&rows, |row| row.home.as_str()))
    .bind(column(&rows, |row| row.deal.to_string()))
    .bind(column(&rows, |row| row.journey.as_str()))
    .bind(column(&rows, |row| i64::from(row.version)))
    .bind(column(&rows, EnrolmentRow::status))
    .bind(column(&rows, |row| row.armed.map(|due| due.0)))
    .bind(column(&rows, state_version))
    .bind(column(&rows, |row| row.state.to_bytes()))
    .bind(column(&rows, counters))
    .bind(column(&rows, |row| text::stored(&row.account)))
    .bind(column(&rows, |row| text::stored(&row.account_name)))
    .bind(column(&rows, |row| row.traceparent.as_deref().map(text::stored)))
    .bind(column(&rows, |row| row.ended_at.map(|at| at.0)))
    .bind(column(&rows, |row| row.details_removed.map(|at| at.0)))
    .bind(column(&rows, |row| row.began_with.as_ref().map(ToString::to_string)))
    .execute(connection)
    .await?;
    Ok(())
}

/// Touches no index of what goes on, so that the new version of the row stays in its page and no index grows.
pub(super) async fn save_states(connection: &mut PgConnection, rows: &[EnrolmentRow]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows = last_of_each(rows, |row| row.id);
    let done = sqlx::query(
        "update enrolment set status = new.status, armed_at = new.armed_at, state_version = new.state_version,
         state = new.state, counters = new.counters, ended_at = new.ended_at,
         details_removed_at = new.details_removed_at
         from unnest($1::uuid[], $2::text[], $3::int8[], $4::int4[], $5::bytea[], $6::text[], $7::int8[], $8::int8[])
              as new(id, status, armed_at, state_version, state, counters, ended_at, details_removed_at)
         where enrolment.id = new.id",
    )
    .bind(column(&rows, |row| row.id.0))
    .bind(column(&rows, EnrolmentRow::status))
    .bind(column(&rows, |row| row.armed.map(|due| due.0)))
    .bind(column(&rows, state_version))
    .bind(column(&rows, |row| row.state.to_bytes()))
    .bind(column(&rows, counters))
    .bind(column(&rows, |row| row.ended_at.map(|at| at.0)))
    .bind(column(&rows, |row| row.details_removed.map(|at| at.0)))
    .execute(connection)
    .await?;
    if done.rows_affected() != rows.len() as u64 {
        return Err(broken("enrolment.id", "an enrolment to be updated is not there"));
    }
    Ok(())
}
