//! The product's own processes on the servers: configured, migrated, fed with deals.

use std::path::{Path, PathBuf};

use afterglow_eventlog::kafka::KafkaLog;
use afterglow_events::{Append as _, Record};
use anyhow::Context as _;

use super::ground::{PARTITIONS, Place, Servers};
use crate::child;
use crate::product::{Settings, free_ports};

/// How many records are handed to the log at once: two of librdkafka's larger batches for each partition.
const APPEND: usize = 2_000;

/// Topics, a database and the configuration that names them.
pub(crate) struct Cluster {
    /// The topics.
    pub(crate) place: Place,
    /// The database's URL.
    pub(crate) url: String,
    /// The configuration file.
    pub(crate) config: PathBuf,
    /// Where the edge of an `ingest` listens.
    pub(crate) edge: u16,
}

impl Cluster {
    /// Makes all of it under a name; every role's schema is there afterwards.
    pub(crate) async fn make(
        servers: &Servers,
        folder: &Path,
        name: &str,
        journey: &Path,
    ) -> anyhow::Result<Self> {
        let folder = folder.join(name);
        std::fs::create_dir(&folder)?;
        let (place, url) = (servers.topics(name, PARTITIONS).await?, servers.empty_database().await?);
        let [edge, nobody] = free_ports()?;
        let Place { brokers, prefix, partitions } = &place;
        let ground = format!(
            r#"[log]
kind = "kafka"
brokers = "{brokers}"
topic_prefix = "{prefix}"
partitions = {partitions}
[store]
kind = "postgres"
url = "{url}""#
        );
        let config = Settings { edge, nobody, journey, ground }.write(&folder)?;
        let path = config.to_str().context("a path of text")?.to_owned();
        child::run(&["migrate".to_owned(), "--config".to_owned(), path]).await?;
        Ok(Self { place, url, config, edge })
    }
}

/// Appends records; every one must be acknowledged.
pub(crate) async fn append(log: &KafkaLog, records: &[Record]) -> anyhow::Result<()> {
    for chunk in records.chunks(APPEND) {
        for appended in log.append(chunk.to_vec()).await {
            appended.context("a deal for the log")?;
        }
    }
    Ok(())
}
