//! The dispatcher's rows as people ask for them, in PostgreSQL.

use afterglow_domain::{AttemptId, Tenant, Timestamp, TouchpointId};
use afterglow_durable::Error;
use afterglow_durable::postgres::text;
use sqlx::Row;
use sqlx::postgres::{PgPool, PgRow};
use uuid::Uuid;

use super::{AttemptView, Rows, Told, Whose};
use crate::attempt::AttemptState;
use crate::ledger::{Budget, Suppression};
use crate::store::blobs::broken;
use crate::store::postgres::rows::{budget, suppression, touchpoint};
use crate::touchpoint::{Step, Touchpoint};

/// Each touchpoint with each of its attempts, or alone: one statement is one moment.
macro_rules! told_of {
    ($column:literal) => {
        concat!(
            "select t.id, t.home, t.status, t.armed_at, t.received_at, t.due, t.state_version, t.state,
                 a.id as attempt, a.touchpoint, a.step, a.n, a.state as attempt_state, a.vendor, a.vendor_id,
                 a.started_at, a.ended_at, a.reason
             from touchpoint t left join attempt a on a.touchpoint = t.id
             where t.",
            $column,
            " = $1 order by t.received_at, t.id, a.n"
        )
    };
}

const OF_HOME: &str = told_of!("home");

const OF_ENROLMENT: &str = told_of!("enrolment");

/// The states stand in it as the index has them.
pub(super) const FOR_A_PERSON: &str =
    "select id as attempt, touchpoint, step, n, state as attempt_state, vendor, vendor_id, started_at, ended_at,
         reason from attempt
     where state in ('in_doubt', 'not_handed_over') order by started_at, id limit $1";

impl Rows for PgPool {
    async fn touchpoints(&self, whose: Whose<'_>) -> Result<Told, Error> {
        let query = match whose {
            Whose::Home(home) => sqlx::query(OF_HOME).bind(home.as_str()),
            Whose::Enrolment(id) => sqlx::query(OF_ENROLMENT).bind(text::stored(id)),
        };
        let (mut touchpoints, mut attempts) = (Vec::new(), Vec::new());
        for row in query.fetch_all(self).await? {
            let of = touchpoint(&row)?;
            if touchpoints.last().is_none_or(|last: &Touchpoint| last.id != of.id) {
                touchpoints.push(of);
            }
            attempts.extend(attempt(&row)?);
        }
        Ok((touchpoints, attempts))
    }

    async fn for_a_person(&self, max: u32) -> Result<Vec<AttemptView>, Error> {
        let rows = sqlx::query(FOR_A_PERSON).bind(i64::from(max)).fetch_all(self).await?;
        rows.iter().filter_map(|row| attempt(row).transpose()).collect()
    }

    async fn budgets(&self, tenant: &Tenant, account: &str) -> Result<Vec<Budget>, Error> {
        let rows = sqlx::query(
            "select tenant, account, year, currency, reserved, spent, cap, joined from budget
             where tenant = $1 and account = $2 order by year desc, currency",
        )
        .bind(tenant.as_str())
        .bind(text::stored(account))
        .fetch_all(self)
        .await?;
        rows.iter().map(budget).collect()
    }

    async fn suppressed(&self, tenant: &Tenant, hmac: &[u8; 32]) -> Result<Option<Suppression>, Error> {
        let row = sqlx::query(
            "select tenant, address_hmac, since, reason from suppression
             where tenant = $1 and address_hmac = $2",
        )
        .bind(tenant.as_str())
        .bind(hmac.as_slice())
        .fetch_optional(self)
        .await?;
        row.as_ref().map(suppression).transpose()
    }
}

/// The attempt of a row, if it has one.
fn attempt(row: &PgRow) -> Result<Option<AttemptView>, Error> {
    let Some(id) = row.try_get::<Option<Uuid>, _>("attempt")? else { return Ok(None) };
    let n: i64 = row.try_get("n")?;
    let state = AttemptState::parse(row.try_get("attempt_state")?);
    Ok(Some(AttemptView {
        id: AttemptId(id),
        touchpoint: TouchpointId(row.try_get("touchpoint")?),
        step: Step::parse(row.try_get("step")?).ok_or_else(|| broken("attempt.step"))?,
        n: u32::try_from(n).map_err(|_| broken("attempt.n"))?,
        state: state.ok_or_else(|| broken("attempt.state"))?,
        vendor: row.try_get("vendor")?,
        vendor_id: text::told(row.try_get("vendor_id")?),
        started_at: Timestamp(row.try_get("started_at")?),
        ended_at: row.try_get::<Option<i64>, _>("ended_at")?.map(Timestamp),
        reason: text::told(row.try_get("reason")?),
    }))
}

#[cfg(test)]
mod tests {
    use afterglow_durable::conformance::postgres::Database;
    use afterglow_durable::store::CommitFaults;
    use sqlx::{AssertSqlSafe, Executor as _};

    use super::*;
    use crate::store::postgres::SCHEMA;

    #[tokio::test]
    async fn rows_are_found_by_their_index() {
        let database = Database::fresh().await;
        let (store, _) = database.fresh_store(&SCHEMA, CommitFaults::default()).await;
        let mut connection = store.readers().acquire().await.unwrap();
        // A table of a few rows is read whole: the server is told not to.
        connection.execute("set enable_seqscan = off").await.unwrap();
        let asked = [
            (OF_HOME.replace("$1", "'acme/x'"), ["touchpoint_by_home", "attempt_by_touchpoint"]),
            (OF_ENROLMENT.replace("$1", "'e-1'"), ["touchpoint_by_enrolment", "attempt_by_touchpoint"]),
            (FOR_A_PERSON.replace("$1", "9"), ["attempt_for_a_person"; 2]),
        ];
        for (question, indexes) in asked {
            let plan: Vec<String> = sqlx::query_scalar(AssertSqlSafe(format!("explain {question}")))
                .fetch_all(&mut *connection)
                .await
                .unwrap();
            let plan = plan.join("\n");
            assert!(indexes.iter().all(|index| plan.contains(index)), "{plan}");
        }
    }
}
