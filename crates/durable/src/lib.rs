//! Pieces of a durable transaction: shards, inbox, outbox and relay, timers, cursors, dead letters.
//!
//! A role reads records and due timers, decides purely, and makes each decision durable in **one**
//! transaction: dedupe marks, its own rows, timers, outbox and cursor together ([`Tx`]). Effects happen
//! afterwards, outside any transaction: the [`relay`] appends the outbox to the log.
//!
//! Invariant: whatever is killed at whatever moment, a transaction is there whole or not at all, and
//! the loops ([`turns`]) come back to what is not.
//!
//! [`sqlite`] is the store of the embedded product, [`postgres`] the one that many processes share, and
//! [`memory`] the model that the tests compare both with.
//! Deliberately absent: leases, timing wheels, notifications between processes.

pub mod answer;
pub mod changed;
mod cursors;
pub mod error;
pub mod janitor;
pub mod letters;
pub mod memory;
pub mod metric;
pub mod parked;
pub mod postgres;
pub mod relay;
pub mod replay;
pub mod rows;
pub mod schema;
pub mod shard_set;
pub mod sqlite;
pub mod standing;
pub mod store;
pub mod trouble;
pub mod turns;

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;

pub use answer::answered;
pub use cursors::StoredCursors;
pub use error::Error;
pub use letters::{Letters, ReadLetters};
pub use replay::{Replay, replay};
pub use rows::{InboxMark, OutboxRow, ParkedLetter, Timeline, Timer, Writes};
pub use shard_set::ShardSet;
pub use standing::Standing;
pub use store::{Store, Tx};
pub use trouble::Trouble;
