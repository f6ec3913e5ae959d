//! Bad input for the two webhook forms, as a table: what is sent, what must be answered, what must be
//! stored. The numbers are stable, so that a finding has a name.
//!
//! The rule behind every row: not authentic is 401 and stores nothing; authentic but unusable is kept
//! raw and answered with success, since the sender could do nothing but repeat it; what is no acceptable
//! HTTP is refused before anything is looked at. Every case is followed by a good request that must be
//! taken, so that no case can leave harm behind unseen. Deliberately absent: a log that takes nothing
//! (the end-to-end suite fills a disk, and the edge's own tests have number 52), and the numbers above it
//! that concern other surfaces.

#![expect(clippy::unwrap_used, reason = "a table of tests fails by panicking, where the test sees it")]

pub mod authenticity;
pub mod case;
pub mod http;
pub mod json;
pub mod play;
pub mod soap;

pub use case::{Case, Expect, Stored};
pub use play::Play;
