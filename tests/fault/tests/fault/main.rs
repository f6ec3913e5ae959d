//! The runs, at the same time: both mostly wait for what they have harmed.
//!
//! `AFTERGLOW_SEED=… DEALS=… KILLS=… cargo test -p afterglow-fault --test fault embedded -- --nocapture` repeats
//! or enlarges one, `kafka` the other.

#![expect(clippy::print_stdout, reason = "a run says its seed and its numbers")]

mod embedded;
mod kafka;
