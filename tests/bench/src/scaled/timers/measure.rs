//! What firing costs: time, the CPU of this process and of the database, bytes of its journal, neighbours.

use sqlx::PgPool;
use tokio::time::Instant;

use crate::figure::Figure;
use crate::processor::{Machine, Neighbours, float, ticks_of, us_each};
use crate::scaled::ground::Servers;

/// Looks at the servers around a measurement.
pub(super) struct Meter<'a> {
    /// Both servers; only the database works here.
    pub(super) servers: &'a Servers,
    /// Connections to ask the database.
    pub(super) pool: PgPool,
}

/// What there was before.
pub(super) struct Start<'a> {
    meter: &'a Meter<'a>,
    machine: Machine,
    own: u64,
    database: u64,
    journal: i64,
    began: Instant,
}

/// One run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Measured {
    pub(super) per_second: f64,
    /// From the start to the last commit.
    pub(super) seconds: f64,
    /// CPU of this process for each, in microseconds.
    pub(super) us_each: f64,
    /// CPU of the database for each, in microseconds.
    pub(super) database_us_each: f64,
    /// Bytes of the write-ahead log for each.
    pub(super) wal_bytes_each: f64,
    /// Who else was there.
    pub(super) neighbours: Neighbours,
}

/// Several runs.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Rate {
    /// Timers per second.
    pub(crate) per_second: Figure,
    /// CPU of the process for each, in microseconds.
    pub(crate) us_each: Figure,
    /// CPU of the database for each, in microseconds.
    pub(crate) database_us_each: Figure,
    /// Bytes of the write-ahead log for each.
    pub(crate) wal_bytes_each: Figure,
}

impl Rate {
    pub(super) fn push(&mut self, measured: &Measured) {
        self.per_second.push(measured.per_second);
        self.us_each.push(measured.us_each);
        self.database_us_each.push(measured.database_us_each);
        self.wal_bytes_each.push(measured.wal_bytes_each);
    }
}

impl Meter<'_> {
    /// Begins.
    pub(super) async fn start(&self) -> anyhow::Result<Start<'_>> {
        Ok(Start {
            meter: self,
            machine: Machine::now()?,
            own: ticks_of(std::process::id())?,
            database: self.servers.ticks()?.postgres,
            journal: self.journal().await?,
            began: Instant::now(),
        })
    }

    /// How many bytes the write-ahead log has had.
    async fn journal(&self) -> anyhow::Result<i64> {
        let bytes = sqlx::query_scalar("select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::int8");
        Ok(bytes.fetch_one(&self.pool).await?)
    }
}

impl Start<'_> {
    /// Ends, with what was done meanwhile.
    pub(super) async fn end(self, count: usize) -> anyhow::Result<Measured> {
        let seconds = self.began.elapsed().as_secs_f64();
        let own = ticks_of(std::process::id())? - self.own;
        let database = self.meter.servers.ticks()?.postgres - self.database;
        let neighbours = Neighbours::between(self.machine, Machine::now()?, own + database);
        let journal = u64::try_from(self.meter.journal().await? - self.journal)?;
        let count = u64::try_from(count)?;
        Ok(Measured {
            per_second: float(count) / seconds,
            seconds,
            us_each: us_each(own, count),
            database_us_each: us_each(database, count),
            wal_bytes_each: float(journal) / float(count.max(1)),
            neighbours,
        })
    }
}
