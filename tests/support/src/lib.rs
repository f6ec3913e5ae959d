//! The toolkit of the black-box suites: a sandbox world, the product as a process in it, and eyes.
//!
//! Invariant: the product is only ever touched as its users and neighbours touch it: HTTP, processes,
//! signals, files opened read-only. The sandbox lives in the test's process, so it survives the product's
//! death; the product dies with the test. Every wait is a condition with a deadline.
//! Deliberately absent: sleeping for things to happen, and any call into the product's own code paths.

#![expect(clippy::unwrap_used, reason = "a toolkit of tests fails by panicking, where the test sees it")]

pub mod cluster;
pub mod collector;
pub mod customers;
pub mod dice;
pub mod history;
pub use afterglow_servers::ports;
pub mod product;
pub mod raw;
pub mod read_only;
pub mod settings;
pub mod topics;
pub mod until;
pub mod webhook;
pub mod wire;
pub mod world;

pub use cluster::{Cluster, PARTITIONS, Role};
pub use customers::key_of;
pub use dice::Dice;
pub use history::History;
pub use product::Product;
pub use read_only::ReadOnlyDisk;
pub use settings::{Journey, ONE_GIFT, Settings};
pub use topics::Topics;
pub use webhook::{Answer, Delivery, Webhook};
pub use wire::Wire;
pub use world::World;
