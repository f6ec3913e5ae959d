//! The dispatcher's rows as people ask for them, in SQLite.

use afterglow_domain::{AttemptId, Tenant, Timestamp, TouchpointId};
use afterglow_durable::Error;
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{QueryBuilder, Row, Sqlite};

use super::{AttemptView, Rows, Told, Whose};
use crate::attempt::AttemptState;
use crate::ledger::{Budget, Suppression};
use crate::store::blobs::broken;
use crate::store::sqlite::{BUDGET, TOUCHPOINT, budget, suppression, touchpoint};
use crate::touchpoint::Step;

const ATTEMPT: &str =
    "select id, touchpoint, step, n, state, vendor, vendor_id, started_at, ended_at, reason from attempt";

/// The states stand in it as the index has them.
const FOR_A_PERSON: &str =
    "select id, touchpoint, step, n, state, vendor, vendor_id, started_at, ended_at, reason from attempt
     where state in ('in_doubt', 'not_handed_over') order by started_at, id limit ?";

impl Rows for SqlitePool {
    async fn touchpoints(&self, whose: Whose<'_>) -> Result<Told, Error> {
        let (column, value) = match whose {
            Whose::Home(home) => ("home", home.as_str()),
            Whose::Enrolment(id) => ("enrolment", id),
        };
        let mut snapshot = self.begin().await?;
        let mut query = QueryBuilder::<Sqlite>::new(TOUCHPOINT);
        query.push(" where ").push(column).push(" = ").push_bind(value).push(" order by received_at, id");
        let touchpoints = query.build().fetch_all(&mut *snapshot).await?;
        let mut query = QueryBuilder::<Sqlite>::new(ATTEMPT);
        query.push(" where touchpoint in (select id from touchpoint where ").push(column).push(" = ");
        query.push_bind(value).push(") order by touchpoint, n");
        let attempts = query.build().fetch_all(&mut *snapshot).await?;
        let touchpoints = touchpoints.iter().map(touchpoint).collect::<Result<_, _>>()?;
        Ok((touchpoints, attempts.iter().map(attempt).collect::<Result<_, _>>()?))
    }

    async fn for_a_person(&self, max: u32) -> Result<Vec<AttemptView>, Error> {
        sqlx::query(FOR_A_PERSON).bind(max).fetch_all(self).await?.iter().map(attempt).collect()
    }

    async fn budgets(&self, tenant: &Tenant, account: &str) -> Result<Vec<Budget>, Error> {
        let mut query = QueryBuilder::<Sqlite>::new(BUDGET);
        query.push(" where tenant = ").push_bind(tenant.as_str()).push(" and account = ").push_bind(account);
        query.push(" order by year desc, currency");
        query.build().fetch_all(self).await?.iter().map(budget).collect()
    }

    async fn suppressed(&self, tenant: &Tenant, hmac: &[u8; 32]) -> Result<Option<Suppression>, Error> {
        let row = sqlx::query(
            "select tenant, address_hmac, since, reason from suppression where tenant = ? and address_hmac = ?",
        )
        .bind(tenant.as_str())
        .bind(hmac.as_slice())
        .fetch_optional(self)
        .await?;
        row.as_ref().map(suppression).transpose()
    }
}

fn attempt(row: &SqliteRow) -> Result<AttemptView, Error> {
    let touchpoint = TouchpointId::from_slice(row.try_get("touchpoint")?);
    Ok(AttemptView {
        id: AttemptId::from_slice(row.try_get("id")?).ok_or_else(|| broken("attempt.id"))?,
        touchpoint: touchpoint.ok_or_else(|| broken("attempt.touchpoint"))?,
        step: Step::parse(row.try_get("step")?).ok_or_else(|| broken("attempt.step"))?,
        n: row.try_get("n")?,
        state: AttemptState::parse(row.try_get("state")?).ok_or_else(|| broken("attempt.state"))?,
        vendor: row.try_get("vendor")?,
        vendor_id: row.try_get("vendor_id")?,
        started_at: Timestamp(row.try_get("started_at")?),
        ended_at: row.try_get::<Option<i64>, _>("ended_at")?.map(Timestamp),
        reason: row.try_get("reason")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::{MIGRATIONS, Store};

    /// What waits for a person is little among all attempts that ever were.
    #[tokio::test]
    async fn what_waits_for_a_person_is_found_by_its_index() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("d.db"), MIGRATIONS).await.unwrap();
        let question = sqlx::AssertSqlSafe(format!("explain query plan {FOR_A_PERSON}"));
        let plan: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(question).bind(9).fetch_all(store.readers()).await.unwrap();
        assert!(plan[0].3.contains("USING INDEX attempt_for_a_person"), "{plan:?}");
    }

    #[test]
    fn the_states_of_the_index_are_those_that_wait_for_a_person() {
        for (state, word) in AttemptState::WORDS {
            let named = FOR_A_PERSON.contains(&format!("'{word}'"));
            assert_eq!(named, state.waits_for_a_person(), "{word}");
            assert_eq!(super::super::postgres::FOR_A_PERSON.contains(&format!("'{word}'")), named, "{word}");
        }
    }
}
