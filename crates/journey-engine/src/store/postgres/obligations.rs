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

pub(super) async fn save(connection: &mut PgConnection, rows: &[ObligationRow]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let once = last_of_each(rows, |row| (row.enrolment, &row.moment, row.occurrence));
    let closed = |row: &&ObligationRow| row.closed.is_some();
    // One that is closed earlier in the list may not be there again.
    let closed_before = rows.iter().filter(closed).count() - once.iter().copied().filter(closed).count();
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
    .bind(column(&once, |row| row.closed.as_ref().map(|closed| closed.outcome)))
    .bind(column(&once, |row| row.closed.as_ref().map(|closed| text::stored(&closed.reason))))
    .bind(column(&once, |row| row.closed.as_ref().map(|closed| closed.at.0)))
    .execute(connection)
    .await?;
    if closed_before > 0 || done.rows_affected() != once.len() as u64 {
        return Err(Error::Refused(format!("{}: an obligation is closed already", codes::CLOSED_TWICE)));
    }
    Ok(())
}

/// An obligation of a row with all columns.
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

fn closed(row: &PgRow) -> Result<Option<Closed>, Error> {
    let Some(outcome): Option<&str> = row.try_get("outcome")? else { return Ok(None) };
    let known = OUTCOMES.into_iter().find(|known| *known == outcome);
    Ok(Some(Closed {
        outcome: known.ok_or_else(|| broken("obligation.outcome", outcome))?,
        reason: text::told(row.try_get("reason")?),
        at: Timestamp(row.try_get("closed_at")?),
    }))
}
