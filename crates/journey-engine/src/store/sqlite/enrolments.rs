//! Enrolments. [`save_states`] is the statement that every fired timer passes through.

use afterglow_domain::{DealRef, EnrolmentId, Timestamp};
use afterglow_durable::Error;
use afterglow_durable::sqlite::ROWS_PER_STATEMENT;
use afterglow_journey::{STATE_VERSION, State};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};

use crate::rows::EnrolmentRow;
use crate::store::{broken, deal_of, home_of};

/// The columns that [`enrolment_row`] reads.
pub(crate) const ENROLMENT_COLUMNS: &str = "id, home, deal, journey, version, armed_at, state_version, state, counters, account, account_name, traceparent, ended_at, details_removed_at, began_with";

pub(super) async fn load(
    connection: &mut SqliteConnection,
    ids: &[EnrolmentId],
) -> Result<Vec<EnrolmentRow>, Error> {
    let mut rows = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(ROWS_PER_STATEMENT) {
        let mut query =
            QueryBuilder::<Sqlite>::new(format!("select {ENROLMENT_COLUMNS} from enrolment where id in ("));
        let mut list = query.separated(", ");
        for id in chunk {
            list.push_bind(id.as_bytes().as_slice());
        }
        query.push(")");
        for row in query.build().fetch_all(&mut *connection).await? {
            rows.push(enrolment_row(&row)?);
        }
    }
    Ok(rows)
}

pub(super) async fn load_of(
    connection: &mut SqliteConnection,
    deals: &[DealRef],
) -> Result<Vec<EnrolmentRow>, Error> {
    let mut rows = Vec::with_capacity(deals.len());
    for chunk in deals.chunks(ROWS_PER_STATEMENT) {
        let mut query =
            QueryBuilder::<Sqlite>::new(format!("select {ENROLMENT_COLUMNS} from enrolment where deal in ("));
        let mut list = query.separated(", ");
        for deal in chunk {
            list.push_bind(deal.to_string());
        }
        query.push(")");
        for row in query.build().fetch_all(&mut *connection).await? {
            rows.push(enrolment_row(&row)?);
        }
    }
    Ok(rows)
}

/// An enrolment of a row with [`ENROLMENT_COLUMNS`].
pub(crate) fn enrolment_row(row: &SqliteRow) -> Result<EnrolmentRow, Error> {
    let id: &[u8] = row.try_get("id")?;
    let counters: &str = row.try_get("counters")?;
    let armed: Option<i64> = row.try_get("armed_at")?;
    let state = State::from_bytes(row.try_get("state_version")?, row.try_get("state")?);
    Ok(EnrolmentRow {
        id: EnrolmentId::from_slice(id).ok_or_else(|| broken("enrolment.id", "is not 16 bytes"))?,
        home: home_of(row.try_get("home")?)?,
        deal: deal_of(row.try_get("deal")?)?,
        began_with: row.try_get::<Option<&str>, _>("began_with")?.map(deal_of).transpose()?,
        journey: row.try_get("journey")?,
        version: row.try_get("version")?,
        state: state.map_err(|error| broken("enrolment.state", error))?,
        armed: armed.map(Timestamp),
        counters: serde_json::from_str(counters).map_err(|error| broken("enrolment.counters", error))?,
        account: row.try_get("account")?,
        account_name: row.try_get("account_name")?,
        traceparent: row.try_get("traceparent")?,
        ended_at: row.try_get::<Option<i64>, _>("ended_at")?.map(Timestamp),
        details_removed: row.try_get::<Option<i64>, _>("details_removed_at")?.map(Timestamp),
    })
}

fn counters(row: &EnrolmentRow) -> String {
    serde_json::to_string(&row.counters).expect("a map of numbers by text is an object")
}

pub(super) async fn save(connection: &mut SqliteConnection, rows: &[EnrolmentRow]) -> Result<(), Error> {
    for chunk in rows.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "insert into enrolment (id, shard, home, deal, journey, version, status, armed_at, state_version, state,
             counters, account, account_name, traceparent, ended_at, details_removed_at, began_with) ",
        );
        query.push_values(chunk, |mut values, row| {
            values
                .push_bind(row.id.as_bytes().as_slice())
                .push_bind(i64::from(row.shard().number()))
                .push_bind(row.home.as_str())
                .push_bind(row.deal.to_string())
                .push_bind(row.journey.as_str())
                .push_bind(i64::from(row.version))
                .push_bind(row.status())
                .push_bind(row.armed.map(|due| due.0))
                .push_bind(i64::from(STATE_VERSION))
                .push_bind(row.state.to_bytes())
                .push_bind(counters(row))
                .push_bind(row.account.as_str())
                .push_bind(row.account_name.as_str())
                .push_bind(row.traceparent.as_deref())
                .push_bind(row.ended_at.map(|at| at.0))
                .push_bind(row.details_removed.map(|at| at.0))
                .push_bind(row.began_with.as_ref().map(ToString::to_string));
        });
        query.push(
            " on conflict (id) do update set deal = excluded.deal, status = excluded.status,
              armed_at = excluded.armed_at, state_version = excluded.state_version, state = excluded.state,
              counters = excluded.counters, account = excluded.account, account_name = excluded.account_name,
              traceparent = excluded.traceparent, ended_at = excluded.ended_at,
              details_removed_at = excluded.details_removed_at, began_with = excluded.began_with",
        );
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

/// Touches no index of what goes on, so that a fired timer costs one page of the table and no index page.
pub(super) async fn save_states(
    connection: &mut SqliteConnection,
    rows: &[EnrolmentRow],
) -> Result<(), Error> {
    for chunk in rows.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "update enrolment set status = new.column2, armed_at = new.column3, state_version = new.column4,
             state = new.column5, counters = new.column6, ended_at = new.column7,
             details_removed_at = new.column8 from (",
        );
        query.push_values(chunk, |mut values, row| {
            values
                .push_bind(row.id.as_bytes().as_slice())
                .push_bind(row.status())
                .push_bind(row.armed.map(|due| due.0))
                .push_bind(i64::from(STATE_VERSION))
                .push_bind(row.state.to_bytes())
                .push_bind(counters(row))
                .push_bind(row.ended_at.map(|at| at.0))
                .push_bind(row.details_removed.map(|at| at.0));
        });
        query.push(") as new where enrolment.id = new.column1");
        let done = query.build().execute(&mut *connection).await?;
        if done.rows_affected() != chunk.len() as u64 {
            return Err(broken("enrolment.id", "an enrolment to be updated is not there"));
        }
    }
    Ok(())
}
