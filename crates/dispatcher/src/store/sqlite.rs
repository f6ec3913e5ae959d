//! The dispatcher's rows on SQLite.

use afterglow_domain::{AttemptId, DealRef, Shard, Timestamp, TouchpointId};
use afterglow_durable::sqlite::{Migration, ROWS_PER_STATEMENT, Tx};
use afterglow_durable::{Error, sqlite};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::{AccountOf, AddressKey, DispatcherTx};
use crate::attempt::Attempt;
use crate::ledger::{Budget, DealLedger, Suppression};
use crate::touchpoint::Touchpoint;

mod details;
mod rows;
mod save;
pub(crate) use rows::{BUDGET, DEAL, TOUCHPOINT, attempt, budget, deal, suppression, touchpoint};

/// The role's part of the schema.
pub const MIGRATIONS: &[Migration] = &[
    Migration::new(1, include_str!("sqlite_1.sql")),
    Migration::new(2, include_str!("sqlite_2.sql")),
    Migration::new(3, include_str!("sqlite_3.sql")),
    Migration::new(4, include_str!("sqlite_4.sql")),
];

/// The store of the embedded product.
pub type Store = sqlite::Store;

/// The rows of `select` whose `column` is one of these ids.
async fn by_ids<'a>(
    connection: &mut SqliteConnection,
    select: &str,
    ids: impl Iterator<Item = &'a [u8; 16]>,
) -> Result<Vec<SqliteRow>, Error> {
    let ids: Vec<_> = ids.collect();
    let mut rows = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::<Sqlite>::new(select);
        query.push(" in (");
        let mut list = query.separated(", ");
        for id in chunk {
            list.push_bind(id.as_slice());
        }
        query.push(")");
        rows.extend(query.build().fetch_all(&mut *connection).await?);
    }
    Ok(rows)
}

impl DispatcherTx for Tx {
    async fn load_touchpoints(&mut self, ids: &[TouchpointId]) -> Result<Vec<Touchpoint>, Error> {
        let select = format!("{TOUCHPOINT} where id");
        let rows = by_ids(self.connection(), &select, ids.iter().map(TouchpointId::as_bytes)).await?;
        rows.iter().map(touchpoint).collect()
    }

    async fn save_touchpoints(&mut self, rows: &[Touchpoint]) -> Result<(), Error> {
        save::touchpoints(self.connection(), rows).await
    }

    async fn load_newest_attempts(&mut self, touchpoints: &[TouchpointId]) -> Result<Vec<Attempt>, Error> {
        let select = format!(
            "{} where n = (select max(b.n) from attempt b where b.touchpoint = attempt.touchpoint) and touchpoint",
            rows::ATTEMPT
        );
        let rows = by_ids(self.connection(), &select, touchpoints.iter().map(TouchpointId::as_bytes)).await?;
        rows.iter().map(attempt).collect()
    }

    async fn load_attempt(&mut self, id: AttemptId) -> Result<Option<Attempt>, Error> {
        let select = format!("{} where id", rows::ATTEMPT);
        let rows = by_ids(self.connection(), &select, std::iter::once(id.as_bytes())).await?;
        rows.first().map(attempt).transpose()
    }

    async fn save_attempts(&mut self, rows: &[Attempt]) -> Result<(), Error> {
        save::attempts(self.connection(), rows).await
    }

    async fn find_detailed(
        &mut self,
        before: Timestamp,
        max: usize,
    ) -> Result<Vec<(TouchpointId, Shard)>, Error> {
        details::find(self.connection(), before, max).await
    }

    async fn strip_attempts(&mut self, touchpoints: &[TouchpointId]) -> Result<(), Error> {
        details::strip_attempts(self.connection(), touchpoints).await
    }

    async fn load_deals(&mut self, deals: &[DealRef]) -> Result<Vec<DealLedger>, Error> {
        let mut found = Vec::with_capacity(deals.len());
        for chunk in deals.chunks(ROWS_PER_STATEMENT) {
            let mut query = QueryBuilder::<Sqlite>::new(DEAL);
            query.push(" where (tenant, connection, deal) in (");
            query.push_values(chunk, |mut row, deal| {
                row.push_bind(deal.tenant.as_str())
                    .push_bind(deal.connection.as_str())
                    .push_bind(deal.deal.as_str());
            });
            query.push(")");
            let rows = query.build().fetch_all(self.connection()).await?;
            for row in &rows {
                found.push(deal(row)?);
            }
        }
        Ok(found)
    }

    async fn save_deals(&mut self, rows: &[DealLedger]) -> Result<(), Error> {
        save::deals(self.connection(), rows).await
    }

    async fn load_budgets(&mut self, accounts: &[AccountOf]) -> Result<Vec<Budget>, Error> {
        let mut found = Vec::with_capacity(accounts.len());
        for chunk in accounts.chunks(ROWS_PER_STATEMENT) {
            let mut query = QueryBuilder::<Sqlite>::new(BUDGET);
            query.push(" where (tenant, account) in (");
            query.push_values(chunk, |mut row, (tenant, account)| {
                row.push_bind(tenant.as_str()).push_bind(account.as_str());
            });
            query.push(")");
            let rows = query.build().fetch_all(self.connection()).await?;
            for row in &rows {
                found.push(budget(row)?);
            }
        }
        Ok(found)
    }

    async fn save_budgets(&mut self, rows: &[Budget]) -> Result<(), Error> {
        save::budgets(self.connection(), rows).await
    }

    async fn load_suppressions(&mut self, addresses: &[AddressKey]) -> Result<Vec<Suppression>, Error> {
        let mut found = Vec::new();
        for chunk in addresses.chunks(ROWS_PER_STATEMENT) {
            let mut query = QueryBuilder::<Sqlite>::new(
                "select tenant, address_hmac, since, reason from suppression where (tenant, address_hmac) in (",
            );
            query.push_values(chunk, |mut row, (tenant, hmac)| {
                row.push_bind(tenant.as_str()).push_bind(hmac.as_slice());
            });
            query.push(")");
            let rows = query.build().fetch_all(self.connection()).await?;
            for row in &rows {
                found.push(suppression(row)?);
            }
        }
        Ok(found)
    }

    async fn suppress(&mut self, rows: &[Suppression]) -> Result<(), Error> {
        save::suppressions(self.connection(), rows).await
    }
}
