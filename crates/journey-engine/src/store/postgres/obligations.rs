//! Obligations: an occurrence of a promise is closed once.

use afterglow_domain::{EnrolmentId, Timestamp};
use afterglow_durable::Error;
use afterglow_durable::postgres::columns::{column, last_of_each};
use afterglow_durable::postgres::text;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::count;
use crate::codes;
use crate::rows::{Closed, OUTCOMES, ObligationRow};
use crate::store::broken;

/// The columns that [`obligation_row`] reads.
pub(crate) const OBLIGATION_COLUMNS: &str =
    "enrolment, moment, occurrence, planned_at, deadline_at, outcome, reason, closed_at";

/// Older programs wrote a row when an obligation was opened, too: it is without an outcome.
pub(super) async fn close(connection: &mut PgConnection, rows: &[ObligationRow]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let once = last_of_each(rows, |row| (row.enrolment, &row.moment, row.occurrence));
    let done = sqlx::query(
        "insert into obligation (enrolment, moment, occurrence, planned_at, deadline_at, outcome, reason, closed_at)
         select * from unnest($1::uuid[], $2::text[], $3::int8[], $4::int8[], $5::int8[], $6::text[], $7::text[],
                              $8::int8[])
         on conflict (enrolment, moment, occurrence) do update set planned_at = excluded.planned_at,
         deadline_at = excluded.deadline_at, outcome = excluded.outcome, reason = excluded.reason,
         closed_at = excluded.closed_at
         where obligation.outcome is null",
    )
    .bind(column(&once, |row| row.enrolment.0))
    .bind(column(&once, |row| row.moment.as_str()))
    .bind(column(&once, |row| i64::from(row.occurrence)))
    .bind(column(&once, |row| row.planned.0))
    .bind(column(&once, |row| row.deadline.0))
    .bind(column(&once, |row| row.closed.outcome))
    .bind(column(&once, |row| text::stored(&row.closed.reason)))
    .bind(column(&once, |row| row.closed.at.0))
    .execute(connection)
    .await?;
    if done.rows_affected() != rows.len() as u64 {
        return Err(Error::Refused(format!("{}: an obligation is closed already", codes::CLOSED_TWICE)));
    }
    Ok(())
}

/// An obligation of a row with [`OBLIGATION_COLUMNS`], of one that is closed.
pub(crate) fn obligation_row(row: &PgRow) -> Result<ObligationRow, Error> {
    Ok(ObligationRow {
        enrolment: EnrolmentId(row.try_get("enrolment")?),
        moment: row.try_get("moment")?,
        occurrence: count("obligation.occurrence", row.try_get("occurrence")?)?,
        planned: Timestamp(row.try_get("planned_at")?),
        deadline: Timestamp(row.try_get("deadline_at")?),
        closed: closed(row)?,
    })
}

fn closed(row: &PgRow) -> Result<Closed, Error> {
    let outcome: &str = row.try_get("outcome")?;
    let known = OUTCOMES.into_iter().find(|known| *known == outcome);
    Ok(Closed {
        outcome: known.ok_or_else(|| broken("obligation.outcome", outcome))?,
        reason: text::told(row.try_get("reason")?),
        at: Timestamp(row.try_get("closed_at")?),
    })
}
