//! The documentation, held against the program: what a README says can be checked is checked here.
//!
//! Tables between a marker and its end (`<!-- codes -->` … `<!-- /codes -->`) are made from the code; the
//! test compares them and prints the right one. `AFTERGLOW_DOCS=overwrite` writes it instead, and
//! `TRYCMD=overwrite` does the same for the output of commands. Look at the difference before committing it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod commands;
mod document;
mod links;
mod settings;
mod tables;
