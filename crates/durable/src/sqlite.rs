//! The store of the embedded product: one SQLite file per role, one writer, durable at every commit.
//!
//! WAL with `synchronous=FULL`: a commit is on disk when it answers. All writing goes through one
//! connection behind a fair lock, so consumers and timers take turns and no shard needs a row lock. The
//! caller holds the data folder's lock, so the low-water marks may be kept in memory beside it.

mod core;
mod letters;
mod schema;
mod timers;
mod tx;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use afterglow_domain::{Shard, Timestamp};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, SqliteConnection};
use tokio::sync::Mutex;

use crate::changed::Changed;
use crate::error::Error;
use crate::rows::Timeline;
pub use crate::schema::Migration;
use crate::store::CommitFaults;

pub use tx::{Outgoing, Tx};

/// How many readers may look at once; each query is short, and a person rarely asks more.
const READERS_MAX: u32 = 4;

/// The page caches, in KiB: the writer's holds a role's hot pages, a reader looks once. There is no memory
/// map: a disk error under one would kill the process instead of failing a statement.
const WRITER_CACHE_KIB: u32 = 16 * 1024;
const READER_CACHE_KIB: u32 = 2 * 1024;

/// How long a reader or the writer waits for another process's lock before it says so.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How many rows go into one multi-row statement: large enough that the statement's cost vanishes,
/// small enough to stay far below SQLite's 32,766 parameters.
pub const ROWS_PER_STATEMENT: usize = 250;

/// The writing connection and what it knows by heart.
struct Writer {
    connection: SqliteConnection,
    /// A transaction was begun and neither committed nor rolled back.
    open: bool,
    fired_to: BTreeMap<(Timeline, Shard), Timestamp>,
    /// Which class of shards `begin_due` looks at first, so that none starves.
    next_class: u8,
    /// Another process may move the marks: they are read again in every transaction.
    beside: bool,
}

/// A role's store in one file.
#[derive(Clone)]
pub struct Store {
    writer: Arc<Mutex<Writer>>,
    readers: SqlitePool,
    /// Held by the one relay that has taken events.
    relay: Arc<Mutex<()>>,
    changed: Arc<Changed>,
    faults: CommitFaults,
}

impl Store {
    /// Opens or creates the file and brings its schema up to date: the shared pieces', then the role's
    /// `migrations`. A file that a newer program wrote is refused.
    pub async fn open(path: &Path, migrations: &[Migration]) -> Result<Self, Error> {
        Self::open_with_faults(path, migrations, CommitFaults::default()).await
    }

    /// Opens a file that a running product may have open too, for a short change by a person's command:
    /// what the other process may have moved is read again in every transaction.
    pub async fn open_beside(path: &Path, migrations: &[Migration]) -> Result<Self, Error> {
        let store = Self::open(path, migrations).await?;
        store.writer.lock().await.beside = true;
        Ok(store)
    }

    /// The same with commits that fail as `faults` says; for tests.
    pub async fn open_with_faults(
        path: &Path,
        migrations: &[Migration],
        faults: CommitFaults,
    ) -> Result<Self, Error> {
        let mut connection = options(path, WRITER_CACHE_KIB).create_if_missing(true).connect().await?;
        schema::migrate(&mut connection, path, migrations).await?;
        let fired_to = timers::load_marks(&mut connection).await?;
        let writer = Writer { connection, open: false, fired_to, next_class: 0, beside: false };
        Ok(Self {
            writer: Arc::new(Mutex::new(writer)),
            readers: readers(path).await?,
            relay: Arc::default(),
            changed: Arc::default(),
            faults,
        })
    }

    /// A pool of connections that can only read.
    pub fn readers(&self) -> &SqlitePool {
        &self.readers
    }
}

/// Connections that can only read, of a role's file.
pub type Readers = SqlitePool;

/// Opens a role's file for reading only, while the product may be running.
pub async fn open_read_only(path: &Path) -> Result<Readers, Error> {
    readers(path).await
}

async fn readers(path: &Path) -> Result<SqlitePool, Error> {
    let options = options(path, READER_CACHE_KIB).read_only(true);
    Ok(SqlitePoolOptions::new().max_connections(READERS_MAX).connect_with(options).await?)
}

fn options(path: &Path, cache_kib: u32) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true)
        .statement_cache_capacity(256)
        // A page of rows crosses to the caller's thread in one go; by default every fifty rows wake it.
        .row_buffer_size(1024)
        .pragma("cache_size", format!("-{cache_kib}"))
        .pragma("temp_store", "memory")
        .pragma("wal_autocheckpoint", "4000")
        .pragma("journal_size_limit", "67108864")
        .disable_statement_logging()
}

#[cfg(test)]
mod tests;
