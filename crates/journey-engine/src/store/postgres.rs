//! The engine's rows in PostgreSQL.
//!
//! Published versions and what is in use belong to no shard: who publishes for a tenant holds its name, so
//! that two processes that start with the same new file publish one version of it.

mod deals;
pub(crate) mod definitions;
mod details;
mod enrolments;
mod obligations;

use afterglow_domain::{DealRef, EnrolmentId, Shard, Tenant, Timestamp};
use afterglow_durable::Error;
use afterglow_durable::postgres::{Migration, Schema, Tx};
use afterglow_journey::Published;

use super::EngineTx;
use crate::rows::{AccountLink, DealRow, EnrolmentRow, ObligationRow};

pub(crate) use deals::{DEAL_COLUMNS, deal_row};
pub(crate) use enrolments::{ENROLMENT_COLUMNS, enrolment_row};
pub(crate) use obligations::{OBLIGATION_COLUMNS, obligation_row};

/// The engine's schema, for [`afterglow_durable::postgres::Store::open`].
pub const SCHEMA: Schema = Schema {
    name: "engine",
    migrations: &[
        Migration::new(1, include_str!("postgres_1.sql")),
        Migration::new(2, include_str!("postgres_2.sql")),
        Migration::new(3, include_str!("postgres_3.sql")),
        Migration::new(4, include_str!("postgres_4.sql")),
        Migration::contracting(5, include_str!("postgres_5.sql"), 4),
    ],
};

/// What a publisher of a tenant holds.
async fn lock_journeys(tx: &mut Tx, tenant: &Tenant) -> Result<(), Error> {
    tx.lock_names("journeys", vec![tenant.as_str().to_owned()]).await
}

impl EngineTx for Tx {
    async fn load_deals(&mut self, deals: &[DealRef]) -> Result<Vec<DealRow>, Error> {
        deals::load(self.connection(), deals).await
    }

    async fn save_deals(&mut self, deals: &[DealRow]) -> Result<(), Error> {
        deals::save(self.connection(), deals).await
    }

    async fn load_enrolments(&mut self, ids: &[EnrolmentId]) -> Result<Vec<EnrolmentRow>, Error> {
        enrolments::load(self.connection(), ids).await
    }

    async fn load_enrolments_of(&mut self, deals: &[DealRef]) -> Result<Vec<EnrolmentRow>, Error> {
        enrolments::load_of(self.connection(), deals).await
    }

    async fn save_enrolments(&mut self, enrolments: &[EnrolmentRow]) -> Result<(), Error> {
        enrolments::save(self.connection(), enrolments).await
    }

    async fn save_states(&mut self, enrolments: &[EnrolmentRow]) -> Result<(), Error> {
        enrolments::save_states(self.connection(), enrolments).await
    }

    async fn close_obligations(&mut self, obligations: &[ObligationRow]) -> Result<(), Error> {
        obligations::close(self.connection(), obligations).await
    }

    async fn find_detailed_enrolments(
        &mut self,
        before: Timestamp,
        max: usize,
    ) -> Result<Vec<(EnrolmentId, Shard)>, Error> {
        details::enrolments(self.connection(), before, max).await
    }

    async fn find_detailed_deals(
        &mut self,
        before: Timestamp,
        max: usize,
    ) -> Result<Vec<(DealRef, Shard)>, Error> {
        details::deals(self.connection(), before, max).await
    }

    async fn link_accounts(&mut self, links: &[AccountLink]) -> Result<(), Error> {
        deals::link(self.connection(), links).await
    }

    async fn load_in_use(&mut self, tenants: &[Tenant]) -> Result<Vec<(Tenant, String, u32)>, Error> {
        definitions::in_use(self.connection(), tenants).await
    }

    async fn load_definition(
        &mut self,
        tenant: &Tenant,
        journey: &str,
        version: u32,
    ) -> Result<Option<Published>, Error> {
        definitions::load(self.connection(), tenant, journey, version).await
    }

    async fn newest_definition(
        &mut self,
        tenant: &Tenant,
        journey: &str,
    ) -> Result<Option<(u32, [u8; 32])>, Error> {
        lock_journeys(self, tenant).await?;
        definitions::newest(self.connection(), tenant, journey).await
    }

    async fn save_definition(
        &mut self,
        tenant: &Tenant,
        version: &Published,
        at: Timestamp,
    ) -> Result<(), Error> {
        definitions::save(self.connection(), tenant, version, at).await
    }

    async fn use_journeys(&mut self, tenant: &Tenant, journeys: &[(String, u32)]) -> Result<(), Error> {
        lock_journeys(self, tenant).await?;
        definitions::use_journeys(self.connection(), tenant, journeys).await
    }
}

/// A number that is never negative in our rows.
fn count(column: &str, number: i64) -> Result<u32, Error> {
    u32::try_from(number).map_err(|_| super::broken(column, number))
}
