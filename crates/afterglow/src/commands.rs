//! One file per command.

use std::fmt;
use std::future::Future;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use afterglow_durable::sqlite;
use anyhow::Context as _;

pub(crate) mod attempts;
pub(crate) mod config;
pub(crate) mod dead_letters;
pub(crate) mod explain;
pub(crate) mod journey;
pub(crate) mod log;
#[cfg(feature = "kafka")]
pub(crate) mod migrate;
#[cfg(feature = "kafka")]
pub(crate) mod role;
mod role_file;
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

/// Opens a role's file in a data folder to read it.
pub(crate) async fn open(folder: &Path, file: &str) -> anyhow::Result<sqlite::Readers> {
    let path = found(folder, file)?;
    sqlite::open_read_only(&path).await.with_context(|| format!("{} cannot be read", path.display()))
}

/// A file of a data folder. A folder without it is the commonest mistake, and the store's own words for it
/// name no remedy.
pub(crate) fn found(folder: &Path, file: &str) -> anyhow::Result<PathBuf> {
    let path = folder.join(file);
    if !path.exists() {
        anyhow::bail!(
            "there is no data of Afterglow in {}: {file} is missing; name the folder of the product with --data-dir or AFTERGLOW_DATA_DIR",
            folder.display()
        );
    }
    Ok(path)
}

/// Runs a command's future on a small runtime.
pub(crate) fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(future)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_data_is_named_with_the_remedy() {
        let folder = Path::new("no-such-folder");
        let said = block_on(open(folder, "engine.db")).unwrap_err().to_string();
        assert!(said.contains("no-such-folder") && said.contains("engine.db"), "{said}");
        assert!(said.contains("--data-dir") && said.contains("AFTERGLOW_DATA_DIR"), "{said}");
    }
}
