//! Which product a command looks at, and how its parts are opened beside the processes that run on them.
//!
//! A command is written once, over [`Product`]: the embedded one is the files of a data folder, the scaled one
//! Kafka and a schema per role. [`Where`] is the one place that chooses.

mod embedded;
#[cfg(feature = "kafka")]
mod scaled;

use std::path::PathBuf;

use afterglow_dispatcher::{query as deliveries, store::DispatcherTx};
use afterglow_domain::Clocks;
use afterglow_durable::{ReadLetters, Store};
use afterglow_eventlog::{Group, Source};
use afterglow_ingest::query as looks;
use afterglow_journey_engine::query as journeys;
use afterglow_service::config::Config;
use afterglow_service::data_dir::{self, DataDir};
use afterglow_service::exit::Exit;

use super::{block_on, config};
use crate::cli::Outcome;
use crate::ground::RoleStore;

/// Where a product is that nobody named.
const FOLDER: &str = "afterglow-data";

/// Names that folder, too.
const VARIABLE: &str = "AFTERGLOW_DATA_DIR";

/// Which product.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Where {
    /// The data folder of a product in one process; AFTERGLOW_DATA_DIR names it, too. [default:
    /// afterglow-data]
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    pub(crate) data_dir: Option<PathBuf>,
    /// The configuration of the product; of one on Kafka and PostgreSQL the file that its roles have.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// A command on a product, whichever it is.
pub(crate) trait OnProduct {
    /// Does it.
    async fn on<P: Product>(&self, product: &P) -> Outcome;
}

/// A product as a command finds it.
pub(crate) trait Product {
    /// A role's rows, for reading only.
    type Readers: journeys::Rows + deliveries::Rows + looks::Rows + ReadLetters;
    /// A role's rows, for a short change.
    type Store: Store<Tx: DispatcherTx>;
    /// The log, for reading only.
    type Log: Source;
    /// What the log remembers of a role's group.
    type Group: Group;

    /// Opens a role's rows for reading. A refusal names what is missing and how to mend it, here and below.
    async fn readers(&self, role: &RoleStore) -> anyhow::Result<Self::Readers>;

    /// Opens a role's rows for a change that goes through the same locks as the role's own.
    async fn store(&self, role: &RoleStore) -> anyhow::Result<Self::Store>;

    /// Opens the log.
    async fn log(&self) -> anyhow::Result<Self::Log>;

    /// Looks at a role's group.
    async fn group(&self, role: &RoleStore) -> anyhow::Result<Self::Group>;

    /// Keeps a product of one process from running as long as the answer lives. One of several processes
    /// runs on: who moves a group there asks for its members.
    fn hold(&self) -> Result<Option<DataDir>, data_dir::Error>;

    /// The configuration, where the product was named by it.
    fn config(&self) -> Option<&Config>;

    /// The clocks of the configured product.
    async fn clocks(&self, config: &Config) -> anyhow::Result<Clocks>;
}

impl Where {
    /// The product of a configuration.
    pub(crate) fn of(config: PathBuf) -> Self {
        Self { data_dir: None, config: Some(config) }
    }

    /// Does a command on the product.
    pub(crate) fn run(&self, command: &impl OnProduct) -> Outcome {
        let Some(file) = &self.config else {
            return block_on(command.on(&embedded::Folder { path: self.folder(), config: None }));
        };
        let Some(config) = config::named(file) else { return Ok(Exit::Config) };
        if config.log.kafka().is_none() {
            let path = config.data_dir.clone();
            return block_on(command.on(&embedded::Folder { path, config: Some(config) }));
        }
        #[cfg(feature = "kafka")]
        return block_on(command.on(&scaled::Servers { config }));
        #[cfg(not(feature = "kafka"))]
        anyhow::bail!("{}: log.kind is \"kafka\", and this program was built without it", file.display());
    }

    fn folder(&self) -> PathBuf {
        let named = || std::env::var_os(VARIABLE).filter(|name| !name.is_empty()).map(PathBuf::from);
        self.data_dir.clone().or_else(named).unwrap_or_else(|| PathBuf::from(FOLDER))
    }
}
