//! The rows of the two ledgers: money, per account and per deal, and suppression.

use afterglow_domain::{Currency, DealRef, Tenant, Timestamp};
use serde::{Deserialize, Serialize};

/// Which budget: an account's, in a calendar year of the journey's clock (UTC), in one currency.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BudgetKey {
    /// Whose customer.
    pub tenant: Tenant,
    /// The account, or what stands in a home key while none is known.
    pub account: String,
    /// The calendar year.
    pub year: i16,
    /// The currency; amounts of different ones are never added.
    pub currency: Currency,
}

/// What an account received and may still receive: the sums of its deals' ledgers. Shared between shards:
/// read and written after the shard locks, in the order of the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// Which budget.
    pub key: BudgetKey,
    /// Set aside for calls that are not decided, in minor units.
    pub reserved_minor: i64,
    /// Ordered, in minor units.
    pub spent_minor: i64,
    /// The cap under which money was last set aside, in minor units.
    pub cap_minor: i64,
    /// What was used in it when a deal last brought its money along, which no cap forbids; 0 once money was
    /// set aside under the cap since then. In minor units.
    pub joined_minor: i64,
}

impl Budget {
    /// An untouched budget.
    pub fn empty(key: BudgetKey) -> Self {
        Self { key, reserved_minor: 0, spent_minor: 0, cap_minor: 0, joined_minor: 0 }
    }

    /// What is gone or set aside, in minor units.
    pub fn used_minor(&self) -> i64 {
        self.reserved_minor.saturating_add(self.spent_minor)
    }
}

/// Whose customer a deal is, and what the deal used of that customer's budgets, so that its money follows it
/// to another account. Shared between shards like budgets, and locked before them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DealLedger {
    /// Which deal.
    pub deal: DealRef,
    /// The account that its money counts for; what stands in its home key while none is known.
    pub account: String,
    /// The `rev` of the newest deal event that named an account; 0 while only touchpoints did.
    pub rev: i64,
    /// The deal that it was merged into: its money is in that one's ledger from then on.
    pub merged_into: Option<DealRef>,
    /// Its money, one entry per calendar year and currency.
    pub used: Vec<Used>,
}

/// A deal's part of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// The calendar year.
    pub year: i16,
    /// The currency.
    pub currency: Currency,
    /// Set aside, in minor units.
    pub reserved_minor: i64,
    /// Ordered, in minor units.
    pub spent_minor: i64,
}

impl DealLedger {
    /// A deal of which nothing but its account is known.
    pub fn empty(deal: DealRef, account: &str) -> Self {
        Self { deal, account: account.to_owned(), rev: 0, merged_into: None, used: Vec::new() }
    }

    /// Adds amounts, which may be negative, to the entry of their year and currency.
    pub(crate) fn add(&mut self, more: Used) {
        let of = |used: &&mut Used| (used.year, used.currency) == (more.year, more.currency);
        match self.used.iter_mut().find(of) {
            Some(used) => {
                used.reserved_minor += more.reserved_minor;
                used.spent_minor += more.spent_minor;
            }
            None => self.used.push(more),
        }
    }
}

/// Why an address gets no more mail that a server does not know; others left on their own account.
pub(crate) const ADDRESS_UNKNOWN: &str = "the address does not exist";

/// An address that gets no more mail from a tenant's journeys, known only by its HMAC.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Suppression {
    /// Whose journeys.
    pub tenant: Tenant,
    /// The address, see `afterglow_service::unsubscribe::address_hmac`.
    pub address_hmac: [u8; 32],
    /// Since when, by the wall's clock.
    pub since: Timestamp,
    /// Why: `unsubscribed (one click)`, `the address does not exist`.
    pub reason: String,
}
