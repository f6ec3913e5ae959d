//! The rows of the two ledgers: money and suppression.

use afterglow_domain::{Currency, Tenant, Timestamp};
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

/// What an account received and may still receive. Shared between shards: read and written after the
/// shard locks, in the order of the keys.
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
}

impl Budget {
    /// An untouched budget.
    pub fn empty(key: BudgetKey) -> Self {
        Self { key, reserved_minor: 0, spent_minor: 0, cap_minor: 0 }
    }

    /// What is gone or set aside, in minor units.
    pub fn used_minor(&self) -> i64 {
        self.reserved_minor.saturating_add(self.spent_minor)
    }
}

/// An address that gets no more mail from a tenant's journeys, known only by its HMAC.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Suppression {
    /// Whose journeys.
    pub tenant: Tenant,
    /// The address, see `afterglow_service::unsubscribe::address_hmac`.
    pub address_hmac: [u8; 32],
    /// Since when, by the wall's clock.
    pub since: Timestamp,
    /// Why: `unsubscribed (one_click)`, `address does not exist`.
    pub reason: String,
}
