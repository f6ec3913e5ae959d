//! How a schema goes forward: the same steps for every adapter, each adapter with its own SQL.

/// One step of a schema. Steps are never changed once released; a new one is added.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Counts from 1 without gaps.
    pub version: i64,
    /// What to run.
    pub sql: &'static str,
}
