//! How a schema goes forward: the same steps for every adapter, each adapter with its own SQL.

/// One step of a schema. Steps are never changed once released; a new one is added.
///
/// On PostgreSQL old and new programs run beside each other, by one rule: a step expands, or it contracts.
///
/// - One that *expands* takes nothing from any program that worked before it: a new table, an index, a column
///   that may be null or has a default. `afterglow migrate` runs it before the program that needs it starts.
/// - One that *contracts* removes what older programs need, and says from which version on programs do
///   without. The program that brings it works before it, too; `afterglow migrate --contract` runs it once the
///   older programs are gone.
///
/// So a program opens a schema of its own version, a newer one that is readable from its version, and an
/// older one that lacks nothing but contracting steps. A step behind a contracting one waits for it; a schema
/// that is made anew has no older programs, and gets all steps at once.
///
/// A SQLite file has one program, which runs every step when it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// Counts from 1 without gaps. A program's own is that of the last step it knows.
    pub version: i64,
    /// What to run.
    pub sql: &'static str,
    /// Where it contracts: the lowest version whose program needs nothing of what it removes.
    pub readable_from: Option<i64>,
}

impl Migration {
    /// A step that expands.
    pub const fn new(version: i64, sql: &'static str) -> Self {
        Self { version, sql, readable_from: None }
    }

    /// A step that contracts.
    pub const fn contracting(version: i64, sql: &'static str, readable_from: i64) -> Self {
        assert!(
            0 < readable_from && readable_from <= version,
            "its own program does without what it removes"
        );
        Self { version, sql, readable_from: Some(readable_from) }
    }

    /// Whether older programs must be gone before it.
    pub const fn contracts(&self) -> bool {
        self.readable_from.is_some()
    }
}
