//! Logs: where records become durable, in order per key, and are read again.
//!
//! [`EmbeddedLog`] keeps them in one SQLite file, `KafkaLog` in Kafka's topics, [`MemoryLog`] is the model
//! of a log for tests; all pass the suite in `conformance`. What is the same for every log is written once,
//! over [`Source`]: the [`Tail`] that people and other services read and, for logs of one machine, the
//! [`Consumer`] of a role.
//!
//! Invariant: within a partition offsets rise by one (on Kafka a stranger's transactions leave gaps) and
//! never start again, also when everything has been pruned; the records of one key are in one partition,
//! in the order in which they were appended; in logs of one machine `taken_at` never falls from one record
//! to a later one, whatever the clock does.
//!
//! Deliberately absent: any idea of what a record means, any recognition of duplicates (identity and
//! the readers do that), and the durable cursors, which live in the readers' own stores.

mod admission;
mod bounds;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod consumer;
pub mod embedded;
mod error;
mod follower;
pub mod going_on;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod memory;
pub mod metric;
mod options;
mod reach;
mod source;
pub mod tail;
mod topic_number;

pub use bounds::Bounds;
pub use consumer::Consumer;
pub use embedded::{EmbeddedLog, LogReader};
pub use error::Error;
pub use going_on::{Group, Misfit, Unremembered, misfits};
#[cfg(feature = "kafka")]
pub use kafka::{KafkaConsumer, KafkaGroup, KafkaLog, KafkaReader};
pub use memory::MemoryLog;
pub use options::Options;
pub use reach::Reach;
pub use source::Source;
pub use tail::{Tail, TailCursor, TailStart, Tailed};
