//! The dispatcher's own rows, as an intent-level extension of the durable transaction.
//!
//! Invariant: everything here is written under the shard lock of the touchpoints concerned. Three things
//! are shared between shards, and named: the ledgers of deals, budgets and suppressions. An adapter with
//! concurrent writers locks them when they are loaded, after the shards, in that order and each in the order
//! of its keys, so that neither a cap is overrun nor a mail claimed beside the suppression of its address.

use std::future::Future;

use afterglow_domain::{AttemptId, DealRef, Shard, Tenant, Timestamp, TouchpointId};
use afterglow_durable::{Error, Tx};

use crate::attempt::Attempt;
use crate::ledger::{Budget, DealLedger, Suppression};
use crate::touchpoint::Touchpoint;

pub(crate) mod blobs;
pub mod memory;
pub mod postgres;
pub mod sqlite;

#[cfg(test)]
mod tests;

/// An address of a tenant, known only by its HMAC.
pub type AddressKey = (Tenant, [u8; 32]);

/// An account of a tenant, or what stands in for one.
pub type AccountOf = (Tenant, String);

/// The dispatcher's rows in a transaction.
pub trait DispatcherTx: Tx {
    /// The touchpoints of these ids that exist, in no promised order.
    fn load_touchpoints(
        &mut self,
        ids: &[TouchpointId],
    ) -> impl Future<Output = Result<Vec<Touchpoint>, Error>> + Send;

    /// Inserts or replaces touchpoints.
    fn save_touchpoints(&mut self, rows: &[Touchpoint]) -> impl Future<Output = Result<(), Error>> + Send;

    /// The newest attempt of each of these touchpoints that has one.
    fn load_newest_attempts(
        &mut self,
        touchpoints: &[TouchpointId],
    ) -> impl Future<Output = Result<Vec<Attempt>, Error>> + Send;

    /// One attempt.
    fn load_attempt(&mut self, id: AttemptId) -> impl Future<Output = Result<Option<Attempt>, Error>> + Send;

    /// Inserts or replaces attempts.
    fn save_attempts(&mut self, rows: &[Attempt]) -> impl Future<Output = Result<(), Error>> + Send;

    /// The touchpoints that were concluded before `before`, by the wall's clock, and still have their
    /// details, oldest first, at most `max`.
    fn find_detailed(
        &mut self,
        before: Timestamp,
        max: usize,
    ) -> impl Future<Output = Result<Vec<(TouchpointId, Shard)>, Error>> + Send;

    /// Takes the request's bytes and the envelope from every attempt of these touchpoints.
    fn strip_attempts(
        &mut self,
        touchpoints: &[TouchpointId],
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// The ledgers of these deals that exist.
    fn load_deals(
        &mut self,
        deals: &[DealRef],
    ) -> impl Future<Output = Result<Vec<DealLedger>, Error>> + Send;

    /// Inserts or replaces ledgers of deals.
    fn save_deals(&mut self, rows: &[DealLedger]) -> impl Future<Output = Result<(), Error>> + Send;

    /// The budgets of these accounts: one per calendar year and currency.
    fn load_budgets(
        &mut self,
        accounts: &[AccountOf],
    ) -> impl Future<Output = Result<Vec<Budget>, Error>> + Send;

    /// Inserts or replaces budgets.
    fn save_budgets(&mut self, rows: &[Budget]) -> impl Future<Output = Result<(), Error>> + Send;

    /// Which of these addresses are suppressed.
    fn load_suppressions(
        &mut self,
        addresses: &[AddressKey],
    ) -> impl Future<Output = Result<Vec<Suppression>, Error>> + Send;

    /// Suppresses addresses; the first reason stays.
    fn suppress(&mut self, rows: &[Suppression]) -> impl Future<Output = Result<(), Error>> + Send;
}
