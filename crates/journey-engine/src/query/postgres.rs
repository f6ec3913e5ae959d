//! The engine's rows as people ask for them, in PostgreSQL.

use afterglow_domain::{EnrolmentId, Tenant};
use afterglow_durable::Error;
use afterglow_durable::postgres::text;
use afterglow_journey::Published;
use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgPool, PgRow};

use super::{FOUND_MAX, Rows, local, object};
use crate::rows::{DealRow, EnrolmentRow, ObligationRow};
use crate::store::postgres::{
    DEAL_COLUMNS, ENROLMENT_COLUMNS, OBLIGATION_COLUMNS, deal_row, definitions, enrolment_row, obligation_row,
};

/// The CRM's own id of a deal, which is indexed.
const OBJECT: &str = "split_part(deal, ':', -1)";

/// A deal's home key without its tenant, which is indexed.
const LOCAL: &str = "substr(home, strpos(home, '/') + 1)";

/// The deals that are asked for, `$1` as it was asked, `$2` what stands behind its last colon and `$3` what
/// stands behind its first slash. Each way to ask is a part of its own: of an "or" with an order and a limit the
/// server might make a walk through the order.
fn found() -> String {
    let exact = ["account", "deal", LOCAL, OBJECT].map(|column| format!("{column} = $1"));
    let others = [
        "lower(account_name) = lower($1)".to_owned(),
        format!("{LOCAL} = $3 and home = $1"),
        format!("{OBJECT} = $2 and right(deal, length($1) + 1) = '/' || $1"),
    ];
    let part = |condition| format!("select deal from deal where {condition}");
    let parts: Vec<String> = exact.into_iter().chain(others).map(part).collect();
    format!("with found as materialized ({})", parts.join(" union "))
}

/// As they come to a person.
fn in_order() -> String {
    format!("order by home collate \"C\", deal collate \"C\" limit {}", FOUND_MAX + 1)
}

pub(super) fn asking_deals() -> String {
    format!(
        "{} select {DEAL_COLUMNS} from deal where deal in (select deal from found) {}",
        found(),
        in_order()
    )
}

/// Those that follow the deals, and those that began with them.
pub(super) fn asking_enrolments() -> String {
    format!(
        "{}, of_them as materialized (
             select id from enrolment where deal in (select deal from found) union
             select id from enrolment where began_with is not null and began_with in (select deal from found))
         select {ENROLMENT_COLUMNS} from enrolment where id in (select id from of_them) {}",
        found(),
        in_order()
    )
}

async fn asked_for(readers: &PgPool, sql: String, asked: &str) -> Result<Vec<PgRow>, Error> {
    // The text is made of constants only.
    let query = sqlx::query(AssertSqlSafe(sql));
    let query = query.bind(text::stored(asked));
    let query = query.bind(text::stored(object(asked))).bind(text::stored(local(asked)));
    Ok(query.fetch_all(readers).await?)
}

impl Rows for PgPool {
    async fn enrolments(&self, asked: &str) -> Result<Vec<EnrolmentRow>, Error> {
        let rows = asked_for(self, asking_enrolments(), asked).await?;
        rows.iter().map(enrolment_row).collect()
    }

    async fn enrolment(&self, id: EnrolmentId) -> Result<Option<EnrolmentRow>, Error> {
        // The text is made of constants only.
        let sql = AssertSqlSafe(format!("select {ENROLMENT_COLUMNS} from enrolment where id = $1"));
        sqlx::query(sql).bind(id.0).fetch_optional(self).await?.as_ref().map(enrolment_row).transpose()
    }

    async fn deals(&self, asked: &str) -> Result<Vec<DealRow>, Error> {
        let rows = asked_for(self, asking_deals(), asked).await?;
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
