//! Reads of the file, in this process or in another one while the product runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use afterglow_domain::Timestamp;
use afterglow_events::record::headers_from_bytes;
use afterglow_events::{Received, Record, Topic};
use bytes::Bytes;
use futures::TryStreamExt;
use sqlx::sqlite::{SqlitePool, SqlitePoolOptions, SqliteRow};
use sqlx::{ConnectOptions, Connection, Row};
use tokio::sync::watch;

use crate::bounds::Bounds;
use crate::embedded::fault::unavailable;
use crate::embedded::file::{self, Identity};
use crate::error::Error;
use crate::metric::record_bytes;
use crate::source::Source;
use crate::tail::{Tail, TailStart};
use crate::topic_number;

/// Readers at the same time; each is a thread, and more of them only compete for the same disk.
const CONNECTIONS_MAX: u32 = 4;

/// How long a read may hold its snapshot: while one is held, the write-ahead log cannot be cut.
const SNAPSHOT_MAX: Duration = Duration::from_secs(5);

/// How many bytes one read gives before it stops early.
const READ_BYTES_MAX: usize = 1024 * 1024;

const READ: &str = "SELECT offset, taken_at, key, headers, value FROM record
WHERE topic = ?1 AND partition = ?2 AND offset >= ?3 ORDER BY offset LIMIT ?4";

/// Reads a log's file. Clones share the connections.
#[derive(Clone)]
pub struct LogReader {
    path: Arc<PathBuf>,
    log_id: Arc<str>,
    partitions: u16,
    pool: SqlitePool,
    hub: Arc<watch::Sender<Bounds>>,
}

impl LogReader {
    /// Opens a log that exists, without ever writing to it; the product may be running or not.
    ///
    /// Errors: [`Error::Newer`], or [`Error::Unavailable`] where there is no log.
    pub async fn open_read_only(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let failed = |error: sqlx::Error| unavailable(path, &error);
        let mut connection = file::read_options(path).connect().await.map_err(failed)?;
        if file::check_version(path, &mut connection).await? == 0 {
            return Err(Error::Unavailable(format!(
                "{}: it is no log yet; start the product first",
                path.display()
            )));
        }
        let Identity { log_id, partitions } = file::identity(&mut connection).await.map_err(failed)?;
        let (bounds, _) = file::bounds(&mut connection, partitions).await.map_err(failed)?;
        connection.close().await.map_err(failed)?;
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .acquire_timeout(SNAPSHOT_MAX)
            .test_before_acquire(false)
            .max_lifetime(None)
            .idle_timeout(None)
            .connect_lazy_with(file::read_options(path));
        let hub = Arc::new(watch::Sender::new(bounds));
        Ok(Self { path: Arc::new(path.to_owned()), log_id: log_id.into(), partitions, pool, hub })
    }

    /// Each partition of a topic with its first offset and the first that is not there yet.
    pub async fn ends(&self, topic: Topic) -> Result<Vec<(u16, i64, i64)>, Error> {
        Ok(self.bounds().await?.of_topic(topic))
    }

    /// Reads a topic as one stream; see [`Tail::open`].
    pub async fn tail(&self, topic: Topic, start: TailStart) -> Result<Tail<Self>, Error> {
        Tail::open(self.clone(), topic, start).await
    }

    pub(super) fn hub(&self) -> Arc<watch::Sender<Bounds>> {
        self.hub.clone()
    }

    /// Ends the connections; later reads fail.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// A read, ended when it would hold its snapshot too long.
    async fn bounded<T>(&self, read: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, Error> {
        let outcome = tokio::time::timeout(SNAPSHOT_MAX, read).await.map_err(|_| {
            let path = self.path.display();
            Error::Unavailable(format!("{path}: a read took longer than {SNAPSHOT_MAX:?}; is the disk busy?"))
        })?;
        outcome.map_err(|error| unavailable(&self.path, &error))
    }

    async fn read_rows(
        &self,
        topic: Topic,
        (partition, from): (u16, i64),
        max: usize,
    ) -> Result<Vec<Received>, sqlx::Error> {
        let mut rows = sqlx::query(READ)
            .bind(topic_number::of(topic))
            .bind(partition)
            .bind(from)
            .bind(i64::try_from(max).unwrap_or(i64::MAX))
            .fetch(&self.pool);
        let (mut records, mut bytes) = (Vec::new(), 0);
        while bytes < READ_BYTES_MAX
            && let Some(row) = rows.try_next().await?
        {
            let received = received(&row, topic, partition)?;
            bytes += record_bytes(&received.record);
            records.push(received);
        }
        Ok(records)
    }
}

impl Source for LogReader {
    fn log_id(&self) -> &str {
        &self.log_id
    }

    fn partitions(&self) -> u16 {
        self.partitions
    }

    async fn bounds(&self) -> Result<Bounds, Error> {
        let (bounds, _) = self.bounded(file::bounds(&self.pool, self.partitions)).await?;
        self.hub.send_if_modified(|known| known.merge(&bounds));
        Ok(bounds)
    }

    fn known(&self) -> watch::Receiver<Bounds> {
        self.hub.subscribe()
    }

    async fn read(
        &self,
        topic: Topic,
        partition: u16,
        from: i64,
        max: usize,
    ) -> Result<Vec<Received>, Error> {
        self.bounded(self.read_rows(topic, (partition, from), max)).await
    }
}

fn received(row: &SqliteRow, topic: Topic, partition: u16) -> Result<Received, sqlx::Error> {
    let bytes = |column| row.try_get::<Vec<u8>, _>(column).map(Bytes::from);
    let headers = headers_from_bytes(&bytes(3)?)
        .ok_or_else(|| sqlx::Error::Decode("the headers of a record are damaged".into()))?;
    Ok(Received {
        record: Record { topic, key: bytes(2)?, headers, value: bytes(4)? },
        partition,
        offset: row.try_get(0)?,
        taken_at: Timestamp(row.try_get(1)?),
    })
}
