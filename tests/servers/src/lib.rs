//! Real servers for tests: Apache Kafka and PostgreSQL, each in a folder of its own, on ports of its own.
//!
//! Most tests use the two that `with-servers` has started for the whole run and read their addresses from
//! [`named`]. A suite that kills servers starts its own with [`Kafka::start`] and [`Postgres::start`].
//!
//! Invariant: no server outlives who started it, however that ends; [`Supervised`] says how. What a server
//! needs is searched for in one order: named by a variable, found on the path, Maven Central, the system's
//! packages, and else one line says what to install.
//!
//! Deliberately absent: containers, fixed ports, and anything that stands in for a server.

mod account;
pub mod cache;
pub mod kafka;
pub mod named;
pub mod ports;
pub mod postgres;
pub mod prepare;
mod supervised;

pub use kafka::Kafka;
pub use postgres::Postgres;
pub use supervised::Supervised;
