//! Stories from the signed webhook to the gift ledger and the mailbox.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod consent;
mod dead_letters;
mod demo;
mod edge;
mod fate;
mod full_disk;
mod kafka;
mod kafka_consent;
mod kafka_continuing;
mod kafka_looking;
mod kafka_outage;
mod kafka_replicas;
mod kafka_traces;
mod ninety_days;
mod process;
mod rates;
mod read_only;
mod stream;
mod traces;
mod unreached;
mod vendors;
