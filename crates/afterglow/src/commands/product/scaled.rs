//! The scaled product: Kafka, and a schema per role in PostgreSQL.

use afterglow_domain::Clocks;
use afterglow_durable::postgres;
use afterglow_eventlog::kafka::{KafkaGroup, KafkaReader};
use afterglow_service::config::Config;
use afterglow_service::data_dir::{self, DataDir};
use anyhow::Context as _;

use super::Product;
use crate::codes;
use crate::ground::RoleStore;
use crate::scaled::{clocks, log, server};

/// The servers of a configuration; each is asked when it is needed, so `explain` needs no Kafka and `tail`
/// no database.
pub(super) struct Servers {
    pub(super) config: Config,
}

impl Product for Servers {
    type Readers = postgres::Readers;
    type Store = postgres::Store;
    type Log = KafkaReader;
    type Group = KafkaGroup;

    async fn readers(&self, role: &RoleStore) -> anyhow::Result<postgres::Readers> {
        let server = server(&self.config)?;
        let opened = postgres::open_read_only(&server, &role.schema).await;
        opened.with_context(|| format!("{}: {server}", codes::DATABASE))
    }

    async fn store(&self, role: &RoleStore) -> anyhow::Result<postgres::Store> {
        let server = server(&self.config)?;
        let opened = postgres::Store::open(&server, &role.schema).await;
        opened.with_context(|| format!("{}: {server}", codes::DATABASE))
    }

    async fn log(&self) -> anyhow::Result<KafkaReader> {
        log(&self.config)?.reader().await.context(codes::KAFKA)
    }

    async fn group(&self, role: &RoleStore) -> anyhow::Result<KafkaGroup> {
        log(&self.config)?.group(role.role).await.context(codes::KAFKA)
    }

    fn hold(&self) -> Result<Option<DataDir>, data_dir::Error> {
        Ok(None)
    }

    fn config(&self) -> Option<&Config> {
        Some(&self.config)
    }

    async fn clocks(&self, config: &Config) -> anyhow::Result<Clocks> {
        clocks(config).await
    }
}
