//! The reference: rows of the same size, inserted and committed in batches, and nothing else.

use std::path::Path;

use afterglow_durable::sqlite::ROWS_PER_STATEMENT;
use afterglow_durable::turns::TURN_ROWS_MAX;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, QueryBuilder, Sqlite};
use tokio::time::Instant;

use crate::processor::{Machine, Neighbours, float, ticks_of};

/// A file of bare rows, with the settings of the product's stores.
pub(super) struct Bare {
    connection: SqliteConnection,
    body: Vec<u8>,
}

/// One run.
pub(super) struct Written {
    /// Rows per second.
    pub(super) per_second: f64,
    /// Who else was there.
    pub(super) neighbours: Neighbours,
}

impl Bare {
    /// Makes the file; each row will have this many bytes.
    pub(super) async fn open(path: &Path, bytes: u64) -> anyhow::Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("cache_size", "-65536")
            .pragma("mmap_size", "268435456")
            .pragma("wal_autocheckpoint", "4000")
            .pragma("journal_size_limit", "67108864");
        let mut connection = options.disable_statement_logging().connect().await?;
        let table = "create table row (id integer primary key, body blob not null)";
        sqlx::raw_sql(table).execute(&mut connection).await?;
        Ok(Self { connection, body: vec![0xa5; usize::try_from(bytes)?] })
    }

    /// Inserts so many rows, each page of them durable before the next.
    pub(super) async fn write(&mut self, count: usize) -> anyhow::Result<Written> {
        let (machine, ticks) = (Machine::now()?, ticks_of(std::process::id())?);
        let began = Instant::now();
        let rows = vec![(); count];
        for page in rows.chunks(TURN_ROWS_MAX) {
            sqlx::raw_sql("begin immediate").execute(&mut self.connection).await?;
            for statement in page.chunks(ROWS_PER_STATEMENT) {
                let mut query = QueryBuilder::<Sqlite>::new("insert into row (body) ");
                query.push_values(statement, |mut values, ()| {
                    values.push_bind(self.body.as_slice());
                });
                query.build().execute(&mut self.connection).await?;
            }
            sqlx::raw_sql("commit").execute(&mut self.connection).await?;
        }
        let seconds = began.elapsed().as_secs_f64();
        let own = ticks_of(std::process::id())? - ticks;
        Ok(Written {
            per_second: float(u64::try_from(count)?) / seconds,
            neighbours: Neighbours::between(machine, Machine::now()?, own),
        })
    }
}
