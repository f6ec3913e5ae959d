//! Other people's clients beside the product, on a real broker.
//!
//! The examples that [proto/README.md](../../../proto/README.md) shows are the files of this folder: `python/`,
//! `kafkajs/`, `kcat/`. The suite runs them as processes and compares what they print with what the product
//! wrote, and writes itself as a stranger would, also what no well-meaning stranger writes.
//!
//! Deliberately absent: any knowledge of the product in the clients beyond `proto/` and its README, and a pass
//! where a client is missing: it is installed, or the test fails and says what to install.

#![expect(clippy::unwrap_used, reason = "a toolkit of tests fails by panicking, where the test sees it")]

pub mod examples;
pub mod operator;
pub mod stranger;
pub mod topics;
