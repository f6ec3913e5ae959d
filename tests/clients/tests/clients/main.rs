//! Other people's clients, and records that nobody should write: all of it on a real broker.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod documented;
mod kafka;
