//! The engine's rows as people ask for them, in SQLite.

use afterglow_domain::{EnrolmentId, Tenant};
use afterglow_durable::Error;
use afterglow_journey::Published;
use sqlx::sqlite::SqlitePool;
use sqlx::{QueryBuilder, Sqlite};

use super::{FOUND_MAX, Rows};
use crate::rows::{DealRow, EnrolmentRow, ObligationRow};
use crate::store::sqlite::{
    DEAL_COLUMNS, ENROLMENT_COLUMNS, OBLIGATION_COLUMNS, deal_row, definitions, enrolment_row, obligation_row,
};

/// The CRM's own id of a row's deal, which is indexed.
const OBJECT: &str = "replace(deal, rtrim(deal, replace(deal, ':', '')), '')";

/// A row's home key without its tenant, which is indexed.
const LOCAL: &str = "substr(home, instr(home, '/') + 1)";

/// The rows of a table that are asked for, by each way to ask.
pub(super) fn asking(select: &str, table: &str, asked: &str) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::<Sqlite>::new(format!("select {select} from {table} where "));
    let exact = ["account", "home", "deal", "account_name collate nocase", LOCAL, OBJECT];
    for condition in exact {
        query.push(condition).push(" = ").push_bind(asked.to_owned()).push(" or ");
    }
    let object = asked.rsplit(':').next().unwrap_or_default();
    query.push(format!("({OBJECT} = ")).push_bind(object.to_owned());
    query.push(" and substr(deal, -length(").push_bind(asked.to_owned());
    query.push(") - 1) = '/' || ").push_bind(asked.to_owned());
    query.push(format!(") order by home, deal limit {}", FOUND_MAX + 1));
    query
}

impl Rows for SqlitePool {
    async fn enrolments(&self, asked: &str) -> Result<Vec<EnrolmentRow>, Error> {
        let rows = asking(ENROLMENT_COLUMNS, "enrolment", asked).build().fetch_all(self).await?;
        rows.iter().map(enrolment_row).collect()
    }

    async fn enrolment(&self, id: EnrolmentId) -> Result<Option<EnrolmentRow>, Error> {
        let mut query =
            QueryBuilder::<Sqlite>::new(format!("select {ENROLMENT_COLUMNS} from enrolment where id = "));
        query.push_bind(id.as_bytes().to_vec());
        query.build().fetch_optional(self).await?.as_ref().map(enrolment_row).transpose()
    }

    async fn deals(&self, asked: &str) -> Result<Vec<DealRow>, Error> {
        let rows = asking(DEAL_COLUMNS, "deal", asked).build().fetch_all(self).await?;
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
