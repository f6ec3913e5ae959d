//! The dispatcher: turns touchpoints into gifts, mails and tasks, once each, within money and consent.
//!
//! It owns two ledgers that nobody else reads: money (budgets and reservations) and suppression. A call
//! to a vendor is made in three parts: one transaction checks everything and writes the attempt with the
//! bytes that will be sent ([`claim`](Dispatcher::claim_once)), the call happens outside any transaction,
//! and a second transaction records what came of it, compare-and-set. A mail has one transaction more: when
//! nothing but DATA is left to say, its attempt is marked as one that may have acted.
//!
//! Invariant: whatever dies at whatever moment, an attempt that may have acted is never repeated blindly.
//! A gift is looked up; a mail that may have left, which nobody can look up, is left in doubt where a
//! person sees it.
//!
//! Deliberately absent: when something is due (the engine decides), and vendors' protocols (`providers`).

use afterglow_events::Topic;

mod attempt;
mod backoff;
mod budget;
mod case;
mod checks;
mod claim;
pub mod codes;
mod customer;
mod decide;
mod events;
mod forget;
mod gate;
mod job;
mod lag;
mod leave;
mod ledger;
mod lost;
pub mod metric;
mod options;
mod paced;
pub mod query;
mod receive;
mod render;
mod resolve;
mod run;
mod settle;
pub mod store;
mod touchpoint;
mod turn;

#[cfg(any(test, feature = "conformance"))]
pub mod invariants;
#[cfg(test)]
mod tests;

pub use attempt::{Attempt, AttemptState};
pub use forget::forget;
pub use lag::{SignalsLag, SignalsMark};
pub use ledger::{Budget, BudgetKey, DealLedger, Suppression, Used};
pub use options::Options;
pub use paced::Paced;
pub use resolve::{Resolution, Unresolved, resolve};
pub use run::Dispatcher;
pub use touchpoint::{
    Check, CheckKind, Conclusion, Reservation, ReservationState, State, Status, Step, Touchpoint, Wait,
};

/// The role's name and consumer group.
pub const ROLE: &str = "dispatcher";

/// What the role reads: what is due, who wants no mail, and whose customer a deal is.
pub const TOPICS: [Topic; 3] = [Topic::Touchpoints, Topic::Signals, Topic::Deals];

/// `ce_source` of every event of this role.
pub(crate) const SOURCE: &str = "/afterglow/dispatcher";
