//! The role as a whole, on both stores, with vendors that act, refuse and lose their answers.

mod bench;
mod causes;
mod customers;
mod faults;
mod forgets;
mod gifts;
mod leaving;
mod loops;
mod mails;
mod money;
mod questions;
mod races;
mod vendors;
