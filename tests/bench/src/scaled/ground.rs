//! What the scaled product stands on here: a Kafka and a PostgreSQL of the bench's own.

use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use afterglow_durable::postgres::{self, Schema};
use afterglow_eventlog::kafka::{KafkaLog, Settings};
use afterglow_events::Topic;
use afterglow_servers::{Kafka, Postgres};
use afterglow_service::clock::SystemClock;
use anyhow::Context as _;
use clap::Args;
use rdkafka::ClientConfig;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokio::time::Instant;

use crate::processor::ticks_below;

/// The product's default.
pub(crate) const PARTITIONS: u16 = 16;

/// What the database's server is told besides; everything else is as it comes, `fsync` on above all.
pub(crate) const SETTINGS: &[&str] = &["shared_buffers=512MB", "max_wal_size=4GB"];

/// How long topics may take to be known everywhere.
const TOPICS: Duration = Duration::from_mins(1);

/// Both servers. Dropping them ends them.
pub(crate) struct Servers {
    kafka: Kafka,
    postgres: Postgres,
}

/// Where topics are: what a child needs to know.
#[derive(Debug, Clone, Args)]
pub(crate) struct Place {
    /// Kafka, as `host:port`.
    pub(crate) brokers: String,
    /// What stands before each topic's name.
    pub(crate) prefix: String,
    /// Partitions of each topic.
    pub(crate) partitions: u16,
}

/// CPU ticks of both servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticks {
    pub(crate) kafka: u64,
    pub(crate) postgres: u64,
}

impl Servers {
    /// Starts both in a folder.
    pub(crate) async fn start(folder: &Path) -> anyhow::Result<Self> {
        let (kafka, postgres) = (folder.join("kafka"), folder.join("postgres"));
        std::fs::create_dir(&kafka)?;
        std::fs::create_dir(&postgres)?;
        let (kafka, postgres) =
            tokio::join!(Kafka::start_fast(&kafka), Postgres::start_with(&postgres, SETTINGS));
        Ok(Self { kafka: kafka?, postgres: postgres? })
    }

    /// Ends both.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        let (kafka, postgres) = tokio::join!(self.kafka.stop(), self.postgres.stop());
        kafka.and(postgres)
    }

    /// The process below which the broker runs.
    pub(crate) fn broker(&self) -> anyhow::Result<u32> {
        self.kafka.supervisor().context("Kafka runs")
    }

    /// The CPU of both until now.
    pub(crate) fn ticks(&self) -> anyhow::Result<Ticks> {
        let postgres = self.postgres.supervisor().context("PostgreSQL runs")?;
        Ok(Ticks { kafka: ticks_below(self.broker()?)?, postgres: ticks_below(postgres)? })
    }

    /// Makes the product's topics under a prefix of their own.
    pub(crate) async fn topics(&self, prefix: &str, partitions: u16) -> anyhow::Result<Place> {
        let place = Place { brokers: self.kafka.address(), prefix: format!("{prefix}."), partitions };
        let log = place.log()?;
        log.create_topics(1).await?;
        // Metadata may be a moment behind what was made.
        let deadline = Instant::now() + TOPICS;
        while let Err(error) = log.check_topics().await {
            anyhow::ensure!(Instant::now() < deadline, "the topics do not come: {error}");
        }
        Ok(place)
    }

    /// A fresh database with one role's schema: its URL.
    pub(crate) async fn database(&self, schema: &Schema) -> anyhow::Result<String> {
        let url = self.postgres.database().await?;
        postgres::migrate(&url.parse()?, schema).await?;
        Ok(url)
    }

    /// A fresh, empty database: its URL.
    pub(crate) async fn empty_database(&self) -> anyhow::Result<String> {
        self.postgres.database().await
    }

    /// A copy of a database that nobody is connected to: its URL.
    pub(crate) async fn copy(&self, of: &str, name: &str) -> anyhow::Result<String> {
        let original = name_of(of)?;
        let mut connection = PgConnection::connect(&self.postgres.address()).await?;
        let copy = format!("create database {name} template {original} strategy file_copy");
        sqlx::raw_sql(AssertSqlSafe(copy)).execute(&mut connection).await?;
        connection.close().await?;
        Ok(of.replacen(original, name, 1))
    }

    /// Removes a database and whatever is in it.
    pub(crate) async fn drop(&self, url: &str) -> anyhow::Result<()> {
        let mut connection = PgConnection::connect(&self.postgres.address()).await?;
        let drop = format!("drop database {} with (force)", name_of(url)?);
        sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut connection).await?;
        Ok(connection.close().await?)
    }
}

/// The database's name in a URL.
fn name_of(url: &str) -> anyhow::Result<&str> {
    let name = url.rsplit('/').next().and_then(|last| last.split('?').next());
    name.filter(|name| !name.is_empty()).context("a URL names its database")
}

impl Place {
    /// The log as a role has it.
    pub(crate) fn log(&self) -> anyhow::Result<KafkaLog> {
        Ok(KafkaLog::new(self.settings())?)
    }

    /// A log to fill topics with, which waits as long as a busy broker takes: what it repeated would be
    /// counted twice.
    pub(crate) fn patient_log(&self) -> anyhow::Result<KafkaLog> {
        Ok(KafkaLog::new(Settings { append_timeout: Duration::from_mins(1), ..self.settings() })?)
    }

    /// A topic's name.
    pub(crate) fn topic_name(&self, topic: Topic) -> String {
        self.settings().topic_name(topic)
    }

    fn settings(&self) -> Settings {
        let settings = Settings::of(&self.brokers, self.partitions, SystemClock::shared());
        Settings { topic_prefix: self.prefix.clone(), ..settings }
    }

    /// A producer as a reference has it, told what the product tells its own.
    pub(crate) fn bare_producer(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("compression.type", "lz4")
            .set("linger.ms", "1");
        config
    }

    /// This as a child's arguments.
    pub(crate) fn to_args(&self) -> [String; 3] {
        [self.brokers.clone(), self.prefix.clone(), self.partitions.to_string()]
    }
}

/// Arguments as a command takes them.
pub(crate) fn as_os(args: &[String]) -> Vec<&OsStr> {
    args.iter().map(AsRef::as_ref).collect()
}
