//! Obligations: an occurrence of a promise is closed once.

use afterglow_domain::{EnrolmentId, Timestamp};
use afterglow_durable::Error;
use afterglow_durable::sqlite::ROWS_PER_STATEMENT;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};

use crate::codes;
use crate::rows::{Closed, OUTCOMES, ObligationRow};
use crate::store::broken;

/// The columns that [`obligation_row`] reads.
pub(crate) const OBLIGATION_COLUMNS: &str =
    "enrolment, moment, occurrence, planned_at, deadline_at, outcome, reason, closed_at";

/// Older programs wrote a row when an obligation was opened, too: it is without an outcome.
pub(super) async fn close(connection: &mut SqliteConnection, rows: &[ObligationRow]) -> Result<(), Error> {
    for chunk in rows.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "insert into obligation (enrolment, moment, occurrence, planned_at, deadline_at, outcome, reason, closed_at) ",
        );
        query.push_values(chunk, |mut values, row| {
            values
                .push_bind(row.enrolment.as_bytes().as_slice())
                .push_bind(row.moment.as_str())
                .push_bind(i64::from(row.occurrence))
                .push_bind(row.planned.0)
                .push_bind(row.deadline.0)
                .push_bind(row.closed.outcome)
                .push_bind(row.closed.reason.as_str())
                .push_bind(row.closed.at.0);
        });
        query.push(
            " on conflict (enrolment, moment, occurrence) do update set planned_at = excluded.planned_at,
              deadline_at = excluded.deadline_at, outcome = excluded.outcome, reason = excluded.reason,
              closed_at = excluded.closed_at
              where obligation.outcome is null",
        );
        let done = query.build().execute(&mut *connection).await?;
        if done.rows_affected() != chunk.len() as u64 {
            return Err(Error::Refused(format!("{}: an obligation is closed already", codes::CLOSED_TWICE)));
        }
    }
    Ok(())
}

/// An obligation of a row with [`OBLIGATION_COLUMNS`], of one that is closed.
pub(crate) fn obligation_row(row: &SqliteRow) -> Result<ObligationRow, Error> {
    let enrolment: &[u8] = row.try_get("enrolment")?;
    Ok(ObligationRow {
        enrolment: EnrolmentId::from_slice(enrolment)
            .ok_or_else(|| broken("obligation.enrolment", "is not 16 bytes"))?,
        moment: row.try_get("moment")?,
        occurrence: row.try_get("occurrence")?,
        planned: Timestamp(row.try_get("planned_at")?),
        deadline: Timestamp(row.try_get("deadline_at")?),
        closed: closed(row)?,
    })
}

fn closed(row: &SqliteRow) -> Result<Closed, Error> {
    let outcome: &str = row.try_get("outcome")?;
    let known = OUTCOMES.into_iter().find(|known| *known == outcome);
    Ok(Closed {
        outcome: known.ok_or_else(|| broken("obligation.outcome", outcome))?,
        reason: row.try_get("reason")?,
        at: Timestamp(row.try_get("closed_at")?),
    })
}
