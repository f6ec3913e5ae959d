//! The engine's rows as people ask for them, in PostgreSQL.

use afterglow_domain::{EnrolmentId, Tenant};
use afterglow_durable::Error;
use afterglow_durable::postgres::text;
use afterglow_journey::Published;
use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgPool, PgRow};

use super::{FOUND_MAX, Rows};
use crate::rows::{DealRow, EnrolmentRow, ObligationRow};
use crate::store::postgres::{
    DEAL_COLUMNS, ENROLMENT_COLUMNS, OBLIGATION_COLUMNS, deal_row, definitions, enrolment_row, obligation_row,
};

/// The CRM's own id of a row's deal, which is indexed.
const OBJECT: &str = "split_part(deal, ':', -1)";

/// A row's home key without its tenant, which is indexed.
const LOCAL: &str = "substr(home, strpos(home, '/') + 1)";

/// The rows of a table that are asked for, `$1` as it was asked and `$2` what stands behind its last colon.
/// Each way to ask is a part of its own: of an "or" with an order and a limit the server might make a walk
/// through the order.
pub(super) fn asking(columns: &str, table: &str, key: &str) -> String {
    let exact = ["account", "home", "deal", LOCAL, OBJECT].map(|column| format!("{column} = $1"));
    let name = "lower(account_name) = lower($1)".to_owned();
    let end = format!("{OBJECT} = $2 and right(deal, length($1) + 1) = '/' || $1");
    let part = |condition| format!("select {key} from {table} where {condition}");
    let parts: Vec<String> = exact.into_iter().chain([name, end]).map(part).collect();
    format!(
        "with found as materialized ({}) select {columns} from {table} where {key} in (select {key} from found)
         order by home collate \"C\", deal collate \"C\" limit {}",
        parts.join(" union "),
        FOUND_MAX + 1
    )
}

async fn asked_for(readers: &PgPool, sql: String, asked: &str) -> Result<Vec<PgRow>, Error> {
    let object = asked.rsplit(':').next().unwrap_or_default();
    // The text is made of constants only.
    let query = sqlx::query(AssertSqlSafe(sql)).bind(text::stored(asked)).bind(text::stored(object));
    Ok(query.fetch_all(readers).await?)
}

impl Rows for PgPool {
    async fn enrolments(&self, asked: &str) -> Result<Vec<EnrolmentRow>, Error> {
        let rows = asked_for(self, asking(ENROLMENT_COLUMNS, "enrolment", "id"), asked).await?;
        rows.iter().map(enrolment_row).collect()
    }

    async fn enrolment(&self, id: EnrolmentId) -> Result<Option<EnrolmentRow>, Error> {
        // The text is made of constants only.
        let sql = AssertSqlSafe(format!("select {ENROLMENT_COLUMNS} from enrolment where id = $1"));
        sqlx::query(sql).bind(id.0).fetch_optional(self).await?.as_ref().map(enrolment_row).transpose()
    }

    async fn deals(&self, asked: &str) -> Result<Vec<DealRow>, Error> {
        let rows = asked_for(self, asking(DEAL_COLUMNS, "deal", "deal"), asked).await?;
        rows.iter().map(deal_row).collect()
    }

    async fn closed_obligations(&self, of: EnrolmentId) -> Result<Vec<ObligationRow>, Error> {
        // The text is made of constants only.
        let sql = AssertSqlSafe(format!(
            "select {OBLIGATION_COLUMNS} from obligation where enrolment = $1 and outcome is not null"
        ));
        let rows = sqlx::query(sql).bind(of.0).fetch_all(self).await?;
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
