//! The reference: what a timer costs in SQL and nothing else, see [`bare`].

use anyhow::ensure;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::task::JoinSet;

use super::measure::{Measured, Meter};
use crate::scaled::bare::{self, Bytes};
use crate::scaled::ground::Servers;

/// A database of bare rows.
pub(super) struct Bare {
    pool: PgPool,
    bytes: Bytes,
    count: usize,
    /// How often all of them have fired: what is due now.
    round: i64,
}

impl Bare {
    /// A database with `count` timers that are due.
    pub(super) async fn make(servers: &Servers, count: usize, bytes: Bytes) -> anyhow::Result<Self> {
        let url = bare::database(servers).await?;
        let pool = PgPoolOptions::new().max_connections(4).connect(&url).await?;
        bare::arm(&mut *pool.acquire().await?, (count, 0, 0), &bytes).await?;
        Ok(Self { pool, bytes, count, round: 0 })
    }

    /// Fires all of them with so many workers.
    pub(super) async fn fire(&mut self, workers: u8, meter: &Meter<'_>) -> anyhow::Result<Measured> {
        let start = meter.start().await?;
        let mut running = JoinSet::new();
        for worker in 0..workers {
            let shards = bare::shards_of(worker.into(), workers.into());
            running.spawn(work(self.pool.clone(), shards, self.round, self.bytes.clone()));
        }
        let mut fired = 0;
        while let Some(worker) = running.join_next().await {
            fired += worker??;
        }
        ensure!(fired == self.count, "{} bare timers were due and {fired} fired", self.count);
        let measured = start.end(fired).await?;
        self.round += 1;
        sqlx::raw_sql("truncate outbox").execute(&self.pool).await?;
        Ok(measured)
    }

    pub(super) async fn close(self) {
        self.pool.close().await;
    }
}

/// Fires what is due on some shards, page by page; how many there were.
async fn work(pool: PgPool, shards: Vec<i16>, round: i64, bytes: Bytes) -> anyhow::Result<usize> {
    let mut fired = 0;
    loop {
        let mut tx = pool.begin().await?;
        let page = bare::fire(&mut tx, &shards, (round, round + 1), &bytes).await?.len();
        tx.commit().await?;
        fired += page;
        if page == 0 {
            return Ok(fired);
        }
    }
}
