//! The engine's own rows, as what it wants done with them.
//!
//! Everything is set-based: one call per kind of row and turn. Rows of a deal or enrolment are only
//! written under the lock of its home key's shard; published journeys and account links belong to no
//! shard, are never changed after they are written, and are written by intents that repeat harmlessly.

#[cfg(any(test, feature = "conformance"))]
pub mod memory;
pub mod postgres;
pub mod sqlite;

#[cfg(test)]
mod conformance;

use std::future::Future;

use afterglow_domain::{ConnectionId, DealKey, DealRef, EnrolmentId, HomeKey, Shard, Tenant, Timestamp};
use afterglow_durable::{Error, Tx};
use afterglow_journey::Published;

use crate::codes;
use crate::rows::{AccountLink, DealRow, EnrolmentRow, ObligationRow};

/// A transaction that also holds the engine's rows.
pub trait EngineTx: Tx {
    /// The known ones of these deals.
    fn load_deals(&mut self, deals: &[DealRef]) -> impl Future<Output = Result<Vec<DealRow>, Error>> + Send;

    /// Writes deals as they are now.
    fn save_deals(&mut self, deals: &[DealRow]) -> impl Future<Output = Result<(), Error>> + Send;

    /// The known ones of these enrolments.
    fn load_enrolments(
        &mut self,
        ids: &[EnrolmentId],
    ) -> impl Future<Output = Result<Vec<EnrolmentRow>, Error>> + Send;

    /// The enrolments that follow these deals.
    fn load_enrolments_of(
        &mut self,
        deals: &[DealRef],
    ) -> impl Future<Output = Result<Vec<EnrolmentRow>, Error>> + Send;

    /// Writes enrolments whole. Refuses a second enrolment of a deal in a journey.
    fn save_enrolments(
        &mut self,
        enrolments: &[EnrolmentRow],
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Writes state, armed timer and counters of enrolments that are there: the path of every timer.
    fn save_states(&mut self, enrolments: &[EnrolmentRow]) -> impl Future<Output = Result<(), Error>> + Send;

    /// Writes how obligations ended. Refuses one that is closed already.
    fn close_obligations(
        &mut self,
        obligations: &[ObligationRow],
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// The enrolments that ended before `before`, by the wall's clock, and still have their details, oldest
    /// first, at most `max`.
    fn find_detailed_enrolments(
        &mut self,
        before: Timestamp,
        max: usize,
    ) -> impl Future<Output = Result<Vec<(EnrolmentId, Shard)>, Error>> + Send;

    /// The deals that were heard of last before `before`, by the wall's clock, that still have their
    /// details, and all of whose enrolments lost theirs; oldest first, at most `max`.
    fn find_detailed_deals(
        &mut self,
        before: Timestamp,
        max: usize,
    ) -> impl Future<Output = Result<Vec<(DealRef, Shard)>, Error>> + Send;

    /// Remembers on which home keys accounts live; repeating is harmless.
    fn link_accounts(&mut self, links: &[AccountLink]) -> impl Future<Output = Result<(), Error>> + Send;

    /// The journeys that new deals of these tenants start in, with their versions.
    fn load_in_use(
        &mut self,
        tenants: &[Tenant],
    ) -> impl Future<Output = Result<Vec<(Tenant, String, u32)>, Error>> + Send;

    /// A published version.
    fn load_definition(
        &mut self,
        tenant: &Tenant,
        journey: &str,
        version: u32,
    ) -> impl Future<Output = Result<Option<Published>, Error>> + Send;

    /// The newest version of a journey and its digest.
    fn newest_definition(
        &mut self,
        tenant: &Tenant,
        journey: &str,
    ) -> impl Future<Output = Result<Option<(u32, [u8; 32])>, Error>> + Send;

    /// Stores a version; one that is there is never changed.
    fn save_definition(
        &mut self,
        tenant: &Tenant,
        version: &Published,
        at: Timestamp,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Says which journeys new deals of a tenant start in, instead of those before.
    fn use_journeys(
        &mut self,
        tenant: &Tenant,
        journeys: &[(String, u32)],
    ) -> impl Future<Output = Result<(), Error>> + Send;
}

/// A stored value that is not of its form.
fn broken(column: &str, why: impl std::fmt::Display) -> Error {
    Error::Refused(format!("{}: {column}: {why}", codes::ROW))
}

fn home_of(text: String) -> Result<HomeKey, Error> {
    HomeKey::new(text).map_err(|error| broken("home", error))
}

/// The deal of its stored text, `tenant/connection/deal`; only the last part may hold anything but a-z,
/// 0-9 and -.
fn deal_of(text: &str) -> Result<DealRef, Error> {
    let mut parts = text.splitn(3, '/');
    let mut part = || parts.next().unwrap_or_default();
    Ok(DealRef {
        tenant: Tenant::new(part()).map_err(|error| broken("deal", error))?,
        connection: ConnectionId::new(part()).map_err(|error| broken("deal", error))?,
        deal: DealKey::new(part()).map_err(|error| broken("deal", error))?,
    })
}
