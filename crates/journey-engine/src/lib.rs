//! The journey engine: deals and deliveries in, touchpoints and journey events out.
//!
//! It keeps what a decision needs (deals, enrolments, published journeys), asks
//! [`afterglow_journey::decide`] what follows, and makes the answer durable in one transaction: state,
//! closed obligations, the one armed timer and the events to publish.
//!
//! Invariants: a deal's events have their effect once and in the order of their `rev`, whatever the
//! order and number in which they arrive; an enrolment that is not ended has exactly one armed timer;
//! an obligation is closed once; an enrolment never leaves the journey version it started with.
//!
//! Deliberately absent: money, suppression and vendors (the dispatcher's), the CRM (the resolver's),
//! and any decision: what happens when is the `journey` crate's.

pub mod codes;
pub mod engine;
mod facts;
mod forget;
mod journeys;
pub mod metric;
pub mod publish;
pub mod query;
mod reach;
mod record;
pub mod rows;
pub mod store;
mod turn;
pub mod waiting;

#[cfg(any(test, feature = "conformance"))]
pub mod invariants;

#[cfg(test)]
mod scene;
#[cfg(test)]
mod tests;

pub use engine::{Engine, Options, ROLE};
pub use forget::forget;
pub use store::EngineTx;
