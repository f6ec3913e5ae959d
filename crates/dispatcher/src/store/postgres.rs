//! The dispatcher's rows on PostgreSQL.
//!
//! Ledgers of deals, budgets and suppressions are shared between shards. Each is locked by its name when it
//! is loaded, whether its row is there or not: two that find no budget yet would else both set the same
//! money aside.

mod details;
pub(crate) mod rows;
mod save;

use afterglow_domain::{AttemptId, DealRef, Shard, Tenant, Timestamp, TouchpointId};
use afterglow_durable::Error;
use afterglow_durable::postgres::{self, Migration, Schema, Tx, text};

use super::{AccountOf, AddressKey, DispatcherTx};
use crate::attempt::Attempt;
use crate::ledger::{Budget, DealLedger, Suppression};
use crate::touchpoint::Touchpoint;
use rows::{attempt, budget, deal, suppression, touchpoint};

/// The dispatcher's schema.
pub const SCHEMA: Schema = Schema {
    name: "dispatcher",
    migrations: &[
        Migration::new(1, include_str!("postgres_1.sql")),
        Migration::new(2, include_str!("postgres_2.sql")),
    ],
};

/// The store that processes share.
pub type Store = postgres::Store;

/// What a suppression is locked by.
fn address_name(tenant: &Tenant, hmac: &[u8; 32]) -> String {
    format!("{tenant} {hmac:?}")
}

impl DispatcherTx for Tx {
    async fn load_touchpoints(&mut self, ids: &[TouchpointId]) -> Result<Vec<Touchpoint>, Error> {
        let rows = sqlx::query(
            "select id, home, status, armed_at, received_at, due, state_version, state from touchpoint
             where id = any($1)",
        )
        .bind(ids.iter().map(|id| id.0).collect::<Vec<_>>())
        .fetch_all(self.connection())
        .await?;
        rows.iter().map(touchpoint).collect()
    }

    async fn save_touchpoints(&mut self, rows: &[Touchpoint]) -> Result<(), Error> {
        save::touchpoints(self.connection(), rows).await
    }

    async fn load_newest_attempts(&mut self, touchpoints: &[TouchpointId]) -> Result<Vec<Attempt>, Error> {
        let rows = sqlx::query(
            "select newest.* from unnest($1::uuid[]) as of(touchpoint)
             cross join lateral (
                select id, touchpoint, step, n, state, vendor, request, mail_from, mail_to, started_at,
                       recover_after, ended_at, vendor_id, reason
                from attempt a where a.touchpoint = of.touchpoint order by a.n desc limit 1) newest",
        )
        .bind(touchpoints.iter().map(|id| id.0).collect::<Vec<_>>())
        .fetch_all(self.connection())
        .await?;
        rows.iter().map(attempt).collect()
    }

    async fn load_attempt(&mut self, id: AttemptId) -> Result<Option<Attempt>, Error> {
        let row = sqlx::query(
            "select id, touchpoint, step, n, state, vendor, request, mail_from, mail_to, started_at,
             recover_after, ended_at, vendor_id, reason from attempt where id = $1",
        )
        .bind(id.0)
        .fetch_optional(self.connection())
        .await?;
        row.as_ref().map(attempt).transpose()
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
        self.lock_names("deal", deals.iter().map(ToString::to_string).collect()).await?;
        let rows = sqlx::query(
            "select ledger_version, ledger from deal where (tenant, connection, deal) in
             (select * from unnest($1::text[], $2::text[], $3::text[]))",
        )
        .bind(deals.iter().map(|deal| deal.tenant.as_str()).collect::<Vec<_>>())
        .bind(deals.iter().map(|deal| deal.connection.as_str()).collect::<Vec<_>>())
        .bind(deals.iter().map(|deal| deal.deal.as_str()).collect::<Vec<_>>())
        .fetch_all(self.connection())
        .await?;
        rows.iter().map(deal).collect()
    }

    async fn save_deals(&mut self, rows: &[DealLedger]) -> Result<(), Error> {
        save::deals(self.connection(), rows).await
    }

    async fn load_budgets(&mut self, accounts: &[AccountOf]) -> Result<Vec<Budget>, Error> {
        if accounts.is_empty() {
            return Ok(Vec::new());
        }
        let account =
            |(tenant, account): &AccountOf| (tenant.to_string(), text::stored(account).into_owned());
        let (tenants, accounts): (Vec<String>, Vec<String>) = accounts.iter().map(account).unzip();
        let names = tenants.iter().zip(&accounts).map(|(tenant, account)| format!("{tenant} {account}"));
        self.lock_names("account", names.collect()).await?;
        let rows = sqlx::query(
            "select tenant, account, year, currency, reserved, spent, cap, joined from budget
             where (tenant, account) in (select * from unnest($1::text[], $2::text[]))",
        )
        .bind(tenants)
        .bind(accounts)
        .fetch_all(self.connection())
        .await?;
        rows.iter().map(budget).collect()
    }

    async fn save_budgets(&mut self, rows: &[Budget]) -> Result<(), Error> {
        save::budgets(self.connection(), rows).await
    }

    async fn load_suppressions(&mut self, addresses: &[AddressKey]) -> Result<Vec<Suppression>, Error> {
        if addresses.is_empty() {
            return Ok(Vec::new());
        }
        let names = addresses.iter().map(|(tenant, hmac)| address_name(tenant, hmac));
        self.lock_names("address", names.collect()).await?;
        let rows = sqlx::query(
            "select tenant, address_hmac, since, reason from suppression
             where (tenant, address_hmac) in (select * from unnest($1::text[], $2::bytea[]))",
        )
        .bind(addresses.iter().map(|(tenant, _)| tenant.as_str()).collect::<Vec<_>>())
        .bind(addresses.iter().map(|(_, hmac)| hmac.as_slice()).collect::<Vec<_>>())
        .fetch_all(self.connection())
        .await?;
        rows.iter().map(suppression).collect()
    }

    async fn suppress(&mut self, rows: &[Suppression]) -> Result<(), Error> {
        let names = rows.iter().map(|row| address_name(&row.tenant, &row.address_hmac));
        self.lock_names("address", names.collect()).await?;
        save::suppressions(self.connection(), rows).await
    }
}

/// Everything in the schema, for the checkers of tests and simulations.
#[cfg(any(test, feature = "conformance"))]
pub(crate) async fn all(store: &Store) -> Result<crate::invariants::Ledgers, Error> {
    let read = store.readers();
    let rows = async |select: &'static str| sqlx::query(select).fetch_all(read).await;
    let timers: Vec<(uuid::Uuid, i64)> =
        sqlx::query_as("select owner, due_at from timer").fetch_all(read).await?;
    Ok(crate::invariants::Ledgers {
        touchpoints: rows("select * from touchpoint")
            .await?
            .iter()
            .map(touchpoint)
            .collect::<Result<_, _>>()?,
        attempts: rows("select * from attempt order by touchpoint, n")
            .await?
            .iter()
            .map(attempt)
            .collect::<Result<_, _>>()?,
        deals: rows("select * from deal").await?.iter().map(deal).collect::<Result<_, _>>()?,
        budgets: rows("select * from budget order by tenant, account, year, currency")
            .await?
            .iter()
            .map(budget)
            .collect::<Result<_, _>>()?,
        timers: timers.into_iter().map(|(owner, due)| (TouchpointId(owner), Timestamp(due))).collect(),
    })
}
