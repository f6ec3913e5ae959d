//! The fault run: deals pour in while the product is killed again and again and its gift vendor loses
//! answers; then everything is counted.
//!
//! Three parts that know nothing of each other's insides: the [`run`] does harm and writes down what
//! was accepted, the [`evidence`] is what the world holds afterwards, the [`checker`] is a pure function
//! over it. The checker is itself checked: on evidence made up here, and on a product with a seeded bug
//! (`afterglow-sabotaged`). Deliberately absent: any tolerance, such as "almost all were delivered".

#![expect(clippy::unwrap_used, reason = "a harness of tests fails by panicking, where the test sees it")]

pub mod checker;
pub mod evidence;
pub mod name;
pub mod plan;
pub mod promise;
pub mod run;
pub mod scaled;
pub mod waits;
pub mod watch;

pub use checker::{Violation, check};
pub use evidence::Evidence;
pub use plan::Plan;
pub use watch::Watch;
