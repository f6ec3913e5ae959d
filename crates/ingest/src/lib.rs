//! Hears the CRM: an edge that takes webhooks, and a resolver that finds out what they mean.
//!
//! The [`edge`] is stateless: it verifies, divides and appends to the log, and says yes only once the
//! log has everything. The [`resolver`] takes each record as a hint, reads the deal afresh, compares it
//! with what was known and emits what became of it. The invariant of the crate: every delivery answered
//! with success ends as a decision, a coalesced hint or a dead letter.
//!
//! [`query`] looks at the resolver's rows without touching them. Deliberately absent: believing a
//! webhook's fields, and any knowledge of journeys.

pub mod codes;
pub mod edge;
pub mod metric;
pub mod place;
pub mod query;
pub mod resolver;
pub mod store;

#[cfg(test)]
mod testing;

/// The role's name: its consumer group, and its label in logs and metrics.
pub const ROLE: &str = "ingest";

/// `ce_source` of every event that the role writes.
pub const SOURCE: &str = "/afterglow/ingest";
