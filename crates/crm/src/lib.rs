//! HubSpot and Salesforce: verify and split their webhooks, read their records.
//!
//! A webhook is a hint and nothing more: [`hubspot::webhook`] and [`salesforce::outbound`] turn a
//! delivery into [`Hint`]s that say which deal must be read again, and [`Reader::read`] answers what
//! that deal is now, as a [`Snapshot`] in which both CRMs look the same. The invariant of the crate:
//! what happens next is decided from a snapshot, never from a webhook's fields, and one bad event
//! never loses its neighbours.
//!
//! Deliberately absent: comparing snapshots and numbering what changed (the resolver's work), durable
//! retries (the caller has them; here only a few quick ones within its [`Pace`]), writing back.

pub mod hint;
pub mod hubspot;
pub mod metric;
mod quota;
pub mod read;
mod role;
pub mod salesforce;
pub mod secrets;
pub mod snapshot;
#[cfg(test)]
mod testing;
mod transport;

pub use hint::{Hint, Split, Subject, Unusable};
pub use quota::{Pace, rate};
pub use read::{Error, READ_BUDGET, Reader, Reading};
pub use secrets::{EmptySecret, Matched, Secrets};
pub use snapshot::{Account, CloseDate, Contact, Person, Snapshot, Status};
