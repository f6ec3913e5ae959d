//! The file: how it is opened, its schema, and what the program refuses to open.

use std::path::Path;
use std::time::Duration;

use afterglow_events::Topic;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Row, SqliteExecutor};

use crate::bounds::Bounds;
use crate::embedded::fault::unavailable;
use crate::error::Error;
use crate::topic_number;
use afterglow_domain::Timestamp;

/// The schemas, oldest first; `PRAGMA user_version` counts how many the file has.
const MIGRATIONS: [&str; 1] = [include_str!("../../migrations/0001_log.sql")];

/// How long a statement waits for another process's lock.
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// The bounds of every partition and the `taken_at` of its last record, in one statement and thus of
/// one moment. Each is one seek in the primary key.
const BOUNDS: &str = "
SELECT s.topic, s.partition, s.start_offset,
       coalesce((SELECT max(r.offset) + 1 FROM record r WHERE r.topic = s.topic AND r.partition = s.partition),
                s.start_offset),
       coalesce((SELECT r.taken_at FROM record r WHERE r.topic = s.topic AND r.partition = s.partition
                 ORDER BY r.offset DESC LIMIT 1),
                s.taken_at)
FROM log_start s";

/// How the writer opens the file.
///
/// The cache is small and nothing is mapped: a log touches the ends of its partitions only, and a disk
/// error under a mapping would kill the process where a read gives an error that we can answer.
pub(super) fn write_options(path: &Path) -> SqliteConnectOptions {
    plain(path)
        .create_if_missing(true)
        // Records of about a kilobyte stay in their page.
        .page_size(8192)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("temp_store", "MEMORY")
        .pragma("cache_size", "-16384")
        .pragma("wal_autocheckpoint", "4000")
        .pragma("journal_size_limit", "67108864")
}

/// How readers open it, in this process or another.
pub(super) fn read_options(path: &Path) -> SqliteConnectOptions {
    // Rows cross from SQLite's thread to ours through this buffer.
    plain(path).read_only(true).pragma("cache_size", "-2048").row_buffer_size(256)
}

fn plain(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(path).busy_timeout(LOCK_WAIT).disable_statement_logging()
}

/// What a file says of itself.
pub(super) struct Identity {
    pub(super) log_id: String,
    pub(super) partitions: u16,
}

/// Makes or migrates the file, and refuses one that is newer or was made otherwise.
pub(super) async fn prepare(
    path: &Path,
    connect: &SqliteConnectOptions,
    partitions: u16,
) -> Result<(), Error> {
    let failed = |error: sqlx::Error| unavailable(path, &error);
    let mut connection = connect.connect().await.map_err(failed)?;
    check_version(path, &mut connection).await?;
    migrate(&mut connection, partitions).await.map_err(failed)?;
    let stored = identity(&mut connection).await.map_err(failed)?.partitions;
    connection.close().await.map_err(failed)?;
    if stored != partitions {
        return Err(Error::Partitions { path: path.to_owned(), stored, configured: partitions });
    }
    Ok(())
}

/// The schema of the file; refused where it is newer than the program's.
pub(super) async fn check_version(path: &Path, connection: &mut SqliteConnection) -> Result<usize, Error> {
    let found = user_version(connection).await.map_err(|error| unavailable(path, &error))?;
    match usize::try_from(found) {
        Ok(version) if version <= MIGRATIONS.len() => Ok(version),
        _ => Err(Error::Newer { path: path.to_owned(), found, known: MIGRATIONS.len() }),
    }
}

async fn user_version(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("PRAGMA user_version").fetch_one(connection).await
}

async fn migrate(connection: &mut SqliteConnection, partitions: u16) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    // Read again under the lock: two programs may start at once.
    let version = usize::try_from(user_version(&mut transaction).await?).unwrap_or(MIGRATIONS.len());
    for migration in MIGRATIONS.iter().skip(version) {
        sqlx::raw_sql(*migration).execute(&mut *transaction).await?;
    }
    // A pragma takes no parameters.
    let set_version = format!("PRAGMA user_version = {}", MIGRATIONS.len());
    sqlx::raw_sql(sqlx::AssertSqlSafe(set_version)).execute(&mut *transaction).await?;
    sqlx::query("INSERT OR IGNORE INTO log (one, id, partitions) VALUES (1, lower(hex(randomblob(8))), ?1)")
        .bind(partitions)
        .execute(&mut *transaction)
        .await?;
    for topic in Topic::ALL {
        // The number in the file, not the configured one: a difference is refused after this.
        sqlx::query(
            "WITH RECURSIVE p(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM p, log WHERE n + 1 < log.partitions)
             INSERT OR IGNORE INTO log_start (topic, partition, start_offset, taken_at) SELECT ?1, n, 0, 0 FROM p",
        )
        .bind(topic_number::of(topic))
        .execute(&mut *transaction)
        .await?;
    }
    transaction.commit().await
}

/// Who the file says it is.
pub(super) async fn identity(connection: &mut SqliteConnection) -> Result<Identity, sqlx::Error> {
    let (log_id, partitions) = sqlx::query_as("SELECT id, partitions FROM log").fetch_one(connection).await?;
    Ok(Identity { log_id, partitions })
}

/// The bounds, and the newest `taken_at` that the log has given.
pub(super) async fn bounds(
    executor: impl SqliteExecutor<'_>,
    partitions: u16,
) -> Result<(Bounds, Timestamp), sqlx::Error> {
    let mut bounds = Bounds::empty(partitions);
    let mut newest = Timestamp(0);
    for row in sqlx::query(BOUNDS).fetch_all(executor).await? {
        if let Some(topic) = topic_number::topic(row.try_get(0)?) {
            bounds.set(topic, row.try_get(1)?, row.try_get(2)?..row.try_get(3)?);
        }
        newest = newest.max(Timestamp(row.try_get(4)?));
    }
    Ok((bounds, newest))
}
