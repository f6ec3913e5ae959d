//! The engine's rows as people ask for them, in SQLite.

use afterglow_domain::{EnrolmentId, Tenant};
use afterglow_durable::Error;
use afterglow_journey::Published;
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{AssertSqlSafe, QueryBuilder, Sqlite};

use super::{FOUND_MAX, Rows, local, object};
use crate::rows::{DealRow, EnrolmentRow, ObligationRow};
use crate::store::sqlite::{
    DEAL_COLUMNS, ENROLMENT_COLUMNS, OBLIGATION_COLUMNS, deal_row, definitions, enrolment_row, obligation_row,
};

/// The CRM's own id of a deal, which is indexed.
const OBJECT: &str = "replace(deal, rtrim(deal, replace(deal, ':', '')), '')";

/// A deal's home key without its tenant, which is indexed.
const LOCAL: &str = "substr(home, instr(home, '/') + 1)";

/// The deals that are asked for, by each way to ask: `?1` as it was asked, `?2` what stands behind its last
/// colon and `?3` what stands behind its first slash.
fn found() -> String {
    let exact = ["account", "deal", "account_name collate nocase", LOCAL, OBJECT];
    let exact = exact.map(|column| format!("{column} = ?1")).join(" or ");
    format!(
        "{exact} or ({LOCAL} = ?3 and home = ?1) or ({OBJECT} = ?2 and substr(deal, -length(?1) - 1) = '/' || ?1)"
    )
}

/// As they come to a person.
fn in_order() -> String {
    format!("order by home, deal limit {}", FOUND_MAX + 1)
}

pub(super) fn asking_deals() -> String {
    format!("select {DEAL_COLUMNS} from deal where {} {}", found(), in_order())
}

/// Those that follow the deals, and those that began with them.
pub(super) fn asking_enrolments() -> String {
    format!(
        "with found as materialized (select deal from deal where {})
         select {ENROLMENT_COLUMNS} from enrolment
         where deal in (select deal from found) or began_with in (select deal from found) {}",
        found(),
        in_order()
    )
}

async fn asked_for(readers: &SqlitePool, sql: String, asked: &str) -> Result<Vec<SqliteRow>, Error> {
    // The text is made of constants only.
    let query = sqlx::query(AssertSqlSafe(sql));
    Ok(query.bind(asked).bind(object(asked)).bind(local(asked)).fetch_all(readers).await?)
}

impl Rows for SqlitePool {
    async fn enrolments(&self, asked: &str) -> Result<Vec<EnrolmentRow>, Error> {
        let rows = asked_for(self, asking_enrolments(), asked).await?;
        rows.iter().map(enrolment_row).collect()
    }

    async fn enrolment(&self, id: EnrolmentId) -> Result<Option<EnrolmentRow>, Error> {
        let mut query =
            QueryBuilder::<Sqlite>::new(format!("select {ENROLMENT_COLUMNS} from enrolment where id = "));
        query.push_bind(id.as_bytes().to_vec());
        query.build().fetch_optional(self).await?.as_ref().map(enrolment_row).transpose()
    }

    async fn deals(&self, asked: &str) -> Result<Vec<DealRow>, Error> {
        let rows = asked_for(self, asking_deals(), asked).await?;
        rows.iter().map(deal_row).collect()
    }

    async fn closed_obligations(&self, of: EnrolmentId) -> Result<Vec<ObligationRow>, Error> {
        let mut query = QueryBuilder::<Sqlite>::new(format!(
            "select {OBLIGATION_COLUMNS} from obligation where outcome is not null and enrolment = "
        ));
        let rows = query.push_bind(of.as_bytes().to_vec()).build().fetch_all(self).await?;
        rows.iter().map(obligation_row).collect()
    }

    async fn definition(
        &self,
        tenant: &Tenant,
        journey: &str,
        version: u32,
    ) -> Result<Option<Published>, Error> {
        definitions::load(&mut *self.acquire().await?, tenant, journey, version).await
    }
}
