//! The embedded product: the files of one data folder.

use std::path::PathBuf;

use afterglow_domain::Clocks;
use afterglow_durable::sqlite;
use afterglow_eventlog::{LogReader, Unremembered};
use afterglow_service::clock::{SystemClock, clocks};
use afterglow_service::config::Config;
use afterglow_service::data_dir::{self, DataDir};
use anyhow::Context as _;

use super::Product;
use crate::ground::RoleStore;

/// The files.
pub(super) struct Folder {
    pub(super) path: PathBuf,
    /// Where the folder was named by it.
    pub(super) config: Option<Config>,
}

impl Folder {
    /// A file of the folder. A folder without it is the commonest mistake, and the store's own words for it
    /// name no remedy.
    fn found(&self, file: &str) -> anyhow::Result<PathBuf> {
        let path = self.path.join(file);
        if !path.exists() {
            anyhow::bail!(
                "there is no data of Afterglow in {}: {file} is missing; name the folder of the product with --data-dir or AFTERGLOW_DATA_DIR, or its configuration with --config",
                self.path.display()
            );
        }
        Ok(path)
    }
}

impl Product for Folder {
    type Readers = sqlite::Readers;
    type Store = sqlite::Store;
    type Log = LogReader;
    type Group = Unremembered;

    async fn readers(&self, role: &RoleStore) -> anyhow::Result<sqlite::Readers> {
        let path = self.found(role.file)?;
        sqlite::open_read_only(&path).await.with_context(|| format!("{} cannot be read", path.display()))
    }

    async fn store(&self, role: &RoleStore) -> anyhow::Result<sqlite::Store> {
        Ok(sqlite::Store::open_beside(&self.found(role.file)?, role.migrations).await?)
    }

    async fn log(&self) -> anyhow::Result<LogReader> {
        let opened = LogReader::open_read_only(self.found("log.db")?).await;
        opened.with_context(|| format!("the log in {} cannot be read", self.path.display()))
    }

    async fn group(&self, _: &RoleStore) -> anyhow::Result<Unremembered> {
        Ok(Unremembered)
    }

    fn hold(&self) -> Result<Option<DataDir>, data_dir::Error> {
        DataDir::open(&self.path).map(Some)
    }

    fn config(&self) -> Option<&Config> {
        self.config.as_ref()
    }

    async fn clocks(&self, config: &Config) -> anyhow::Result<Clocks> {
        let (clocks, _anchor) = clocks(&config.clock, &config.data_dir, SystemClock::shared())?;
        Ok(clocks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::block_on;
    use crate::ground::ENGINE;

    #[test]
    fn a_folder_without_data_is_named_with_the_remedy() {
        let folder = Folder { path: PathBuf::from("no-such-folder"), config: None };
        let said = block_on(folder.readers(&ENGINE)).unwrap_err().to_string();
        assert!(said.contains("no-such-folder") && said.contains("engine.db"), "{said}");
        assert!(said.contains("--data-dir") && said.contains("AFTERGLOW_DATA_DIR"), "{said}");
        let said = block_on(folder.store(&ENGINE)).err().unwrap().to_string();
        assert!(said.contains("engine.db is missing"), "nothing is made: {said}");
    }
}
