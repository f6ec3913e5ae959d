//! One file per command.

use std::fmt;
use std::future::Future;
use std::io::Write as _;

pub(crate) mod attempts;
pub(crate) mod config;
pub(crate) mod dead_letters;
pub(crate) mod explain;
pub(crate) mod journey;
pub(crate) mod log;
#[cfg(feature = "kafka")]
pub(crate) mod migrate;
pub(crate) mod product;
#[cfg(feature = "kafka")]
pub(crate) mod role;
pub(crate) mod run;
pub(crate) mod tail;
#[cfg(feature = "kafka")]
pub(crate) mod topics;

/// Prints a line to standard output; a closed pipe is an error that ends the command.
pub(crate) fn say(line: fmt::Arguments<'_>) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Prints a line to standard error. Where even that is closed there is nobody left to tell.
pub(crate) fn complain(line: fmt::Arguments<'_>) {
    let _nobody_listens = writeln!(std::io::stderr().lock(), "{line}");
}

/// `1 problem`, `2 problems`: a number and what it counts.
pub(crate) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Runs a command's future on a small runtime.
pub(crate) fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(future)
}
