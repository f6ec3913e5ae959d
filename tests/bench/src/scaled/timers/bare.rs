//! The reference: what a timer costs in SQL and nothing else.
//!
//! For each timer its row is deleted, a state of as many bytes is updated, an outbox row of as many bytes is
//! inserted and the timer's next row, set by set, 500 in a transaction. No shard is locked, nothing is read
//! but the timers, and nothing is decided.

use afterglow_durable::turns::TURN_ROWS_MAX;
use anyhow::ensure;
use sqlx::postgres::PgPoolOptions;
use sqlx::{PgPool, Postgres, Transaction};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::measure::{Measured, Meter};
use super::world::Bytes;

const TABLES: &str = "
create table timer (
    shard int2 not null, due_at int8 not null, owner uuid not null, primary key (shard, due_at, owner)
);
create table state (id uuid primary key, state bytea not null) with (fillfactor = 70);
create table outbox (seq int8 primary key generated always as identity, body bytea not null)";

/// A database of bare rows.
pub(super) struct Bare {
    pool: PgPool,
    bytes: Bytes,
    count: usize,
    /// How often all of them have fired: what is due now.
    round: i64,
}

impl Bare {
    /// Makes the tables with `count` timers that are due.
    pub(super) async fn make(url: &str, count: usize, bytes: Bytes) -> anyhow::Result<Self> {
        let pool = PgPoolOptions::new().max_connections(4).connect(url).await?;
        sqlx::raw_sql(TABLES).execute(&pool).await?;
        sqlx::query("insert into state select gen_random_uuid(), $2 from generate_series(1, $1)")
            .bind(i64::try_from(count)?)
            .bind(noise(bytes.state))
            .execute(&pool)
            .await?;
        let arm = "insert into timer select row_number() over (order by id) % 64, 0, id from state";
        sqlx::query(arm).execute(&pool).await?;
        Ok(Self { pool, bytes, count, round: 0 })
    }

    /// Fires all of them with so many workers.
    pub(super) async fn fire(&mut self, workers: u8, meter: &Meter<'_>) -> anyhow::Result<Measured> {
        let start = meter.start().await?;
        let mut running = JoinSet::new();
        for worker in 0..workers {
            let shards = (0..64).filter(|shard| shard % i16::from(workers) == i16::from(worker)).collect();
            running.spawn(work(self.pool.clone(), shards, self.round, self.bytes));
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

/// Bytes that nothing makes shorter, as PostgreSQL would with rows of one letter.
fn noise(length: usize) -> Vec<u8> {
    std::iter::repeat_with(|| *Uuid::new_v4().as_bytes()).flatten().take(length).collect()
}

/// Fires what is due on some shards, page by page; how many there were.
async fn work(pool: PgPool, shards: Vec<i16>, round: i64, bytes: Bytes) -> anyhow::Result<usize> {
    let mut fired = 0;
    loop {
        let mut tx = pool.begin().await?;
        let page = page(&mut tx, &shards, round, bytes).await?;
        tx.commit().await?;
        fired += page;
        if page == 0 {
            return Ok(fired);
        }
    }
}

async fn page(
    tx: &mut Transaction<'_, Postgres>,
    shards: &[i16],
    round: i64,
    bytes: Bytes,
) -> anyhow::Result<usize> {
    let due: Vec<(i16, Uuid)> = sqlx::query_as(
        "delete from timer where (shard, due_at, owner) in
         (select shard, due_at, owner from timer where shard = any($1) and due_at = $2 limit $3)
         returning shard, owner",
    )
    .bind(shards)
    .bind(round)
    .bind(i64::try_from(TURN_ROWS_MAX)?)
    .fetch_all(&mut **tx)
    .await?;
    if due.is_empty() {
        return Ok(0);
    }
    let (shards, owners): (Vec<i16>, Vec<Uuid>) = due.into_iter().unzip();
    let states = vec![noise(bytes.state); owners.len()];
    let update = "update state set state = new.state from unnest($1::uuid[], $2::bytea[]) new(id, state)
                  where state.id = new.id";
    sqlx::query(update).bind(&owners).bind(states).execute(&mut **tx).await?;
    let events = vec![noise(bytes.outbox); owners.len()];
    let insert = "insert into outbox (body) select * from unnest($1::bytea[])";
    sqlx::query(insert).bind(events).execute(&mut **tx).await?;
    let arm = "insert into timer select shard, $3, owner from unnest($1::int2[], $2::uuid[]) t(shard, owner)";
    sqlx::query(arm).bind(shards).bind(&owners).bind(round + 1).execute(&mut **tx).await?;
    Ok(owners.len())
}
