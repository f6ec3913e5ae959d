//! The reference of timers, decisions and lateness: the same rows and records without the product. Nothing is
//! locked by shard, nothing is read but what is due, nothing is decided, and no crash is survived.
//!
//! For a timer its row is deleted, a state is updated with the bytes of a firing, an outbox row with those of a
//! touchpoint is inserted and the timer's next row. For a deal there are its row, a state and a timer, and its
//! event goes to the topic when these are committed. All of it set by set, 500 in a transaction.

pub(crate) mod worker;

use std::path::Path;
use std::time::Duration;

use afterglow_durable::turns::TURN_ROWS_MAX;
use afterglow_eventlog::TailStart;
use afterglow_events::Topic;
use afterglow_events::record::headers_to_bytes;
use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use sqlx::{Connection as _, PgConnection, Postgres, Transaction};
use uuid::Uuid;

use super::ground::{Place, Servers};

const TABLES: &str = "
create table deal (deal text primary key, snapshot bytea not null);
create table timer (
    shard int2 not null, due_at int8 not null, owner uuid not null, primary key (shard, due_at, owner)
);
create table state (id uuid primary key, state bytea not null) with (fillfactor = 70);
create table outbox (seq int8 primary key generated always as identity, body bytea not null)
    with (toast_tuple_target = 8160)";

/// How many shards timers have.
const SHARDS: i16 = 64;

/// How long a record that is on a topic may take to come.
const COMES: Duration = Duration::from_secs(10);

/// What the product writes, as it is: rows and records of other bytes would be as long and compress otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bytes {
    /// An enrolment's state.
    pub(crate) state: Vec<u8>,
    /// A touchpoint as an outbox has it; empty where no timer fires.
    pub(crate) touchpoint: Vec<u8>,
    /// What the topic of journeys has of an enrolment.
    pub(crate) enrolled: Vec<u8>,
}

impl Bytes {
    /// What an engine has written to a database and to topics; without a touchpoint.
    pub(crate) async fn of_decisions(url: &str, place: &Place) -> anyhow::Result<Self> {
        let mut connection = PgConnection::connect(url).await?;
        let state = sqlx::query_scalar("select state from engine.enrolment limit 1");
        let state = state.fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok(Self { state, touchpoint: Vec::new(), enrolled: first(place, Topic::Journeys).await? })
    }

    /// The same with a touchpoint.
    pub(crate) async fn of_all(url: &str, place: &Place) -> anyhow::Result<Self> {
        let touchpoint = first(place, Topic::Touchpoints).await?;
        Ok(Self { touchpoint, ..Self::of_decisions(url, place).await? })
    }

    /// Reads them.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        Ok(serde_json::from_slice(&std::fs::read(path)?)?)
    }

    /// Writes them where workers read them.
    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        Ok(std::fs::write(path, serde_json::to_vec(self)?)?)
    }
}

/// A topic's first record, as an outbox has it.
async fn first(place: &Place, topic: Topic) -> anyhow::Result<Vec<u8>> {
    let mut tail = place.log()?.reader().await?.tail(topic, TailStart::Beginning).await?;
    let tailed = tail.next(1, COMES).await?;
    let record = &tailed.first().with_context(|| format!("{} is empty", topic.name()))?.received.record;
    Ok([record.key.as_ref(), &headers_to_bytes(&record.headers), record.value.as_ref()].concat())
}

/// A fresh database of bare rows: its URL.
pub(crate) async fn database(servers: &Servers) -> anyhow::Result<String> {
    let url = servers.empty_database().await?;
    let mut connection = PgConnection::connect(&url).await?;
    sqlx::raw_sql(TABLES).execute(&mut connection).await?;
    connection.close().await?;
    Ok(url)
}

/// Arms `count` timers, due from `first` on at a distance, both in microseconds.
pub(crate) async fn arm(
    connection: &mut PgConnection,
    (count, first, distance): (usize, i64, i64),
    bytes: &Bytes,
) -> anyhow::Result<()> {
    sqlx::query("insert into state select gen_random_uuid(), $2 from generate_series(1, $1)")
        .bind(i64::try_from(count)?)
        .bind(&bytes.state)
        .execute(&mut *connection)
        .await?;
    let arm = "insert into timer select n % $1, $2 + (n - 1) * $3, id
               from (select row_number() over (order by id) as n, id from state) numbered";
    let armed = sqlx::query(arm).bind(i64::from(SHARDS)).bind(first).bind(distance);
    let armed = armed.execute(&mut *connection).await?.rows_affected();
    ensure!(usize::try_from(armed) == Ok(count), "{armed} bare timers were armed instead of {count}");
    sqlx::raw_sql("vacuum analyze timer").execute(connection).await?;
    Ok(())
}

/// One worker's shards of so many workers.
pub(crate) fn shards_of(part: usize, of: usize) -> Vec<i16> {
    (0..SHARDS).skip(part).step_by(of.max(1)).collect()
}

/// Fires a page of what is due on some shards until `now`, and arms each again for `next`: when they were due.
pub(crate) async fn fire(
    tx: &mut Transaction<'_, Postgres>,
    shards: &[i16],
    (now, next): (i64, i64),
    bytes: &Bytes,
) -> anyhow::Result<Vec<i64>> {
    let due: Vec<(i16, i64, Uuid)> = sqlx::query_as(
        "delete from timer where (shard, due_at, owner) in
         (select shard, due_at, owner from timer where shard = any($1) and due_at <= $2 limit $3)
         returning shard, due_at, owner",
    )
    .bind(shards)
    .bind(now)
    .bind(i64::try_from(TURN_ROWS_MAX)?)
    .fetch_all(&mut **tx)
    .await?;
    if due.is_empty() {
        return Ok(Vec::new());
    }
    let (shards, owners): (Vec<i16>, Vec<Uuid>) =
        due.iter().map(|(shard, _, owner)| (*shard, *owner)).unzip();
    let states = vec![bytes.state.as_slice(); due.len()];
    let update = "update state set state = new.state from unnest($1::uuid[], $2::bytea[]) new(id, state)
                  where state.id = new.id";
    sqlx::query(update).bind(&owners).bind(states).execute(&mut **tx).await?;
    let events = vec![bytes.touchpoint.as_slice(); due.len()];
    let insert = "insert into outbox (body) select * from unnest($1::bytea[])";
    sqlx::query(insert).bind(events).execute(&mut **tx).await?;
    let arm = "insert into timer select shard, $3, owner from unnest($1::int2[], $2::uuid[]) t(shard, owner)";
    sqlx::query(arm).bind(shards).bind(&owners).bind(next).execute(&mut **tx).await?;
    Ok(due.into_iter().map(|(_, due, _)| due).collect())
}

/// Writes a page of deals, their states and their timers, which are due `next`.
async fn enrol(
    tx: &mut Transaction<'_, Postgres>,
    (deals, snapshots): (&[String], &[Vec<u8>]),
    next: i64,
    bytes: &Bytes,
) -> anyhow::Result<()> {
    let insert = "insert into deal select * from unnest($1::text[], $2::bytea[])";
    sqlx::query(insert).bind(deals).bind(snapshots).execute(&mut **tx).await?;
    let owners: Vec<Uuid> = deals.iter().map(|_| Uuid::new_v4()).collect();
    let states = vec![bytes.state.as_slice(); deals.len()];
    let insert = "insert into state select * from unnest($1::uuid[], $2::bytea[])";
    sqlx::query(insert).bind(&owners).bind(states).execute(&mut **tx).await?;
    let arm =
        "insert into timer select n % $2, $3, owner from unnest($1::uuid[]) with ordinality t(owner, n)";
    sqlx::query(arm).bind(&owners).bind(i64::from(SHARDS)).bind(next).execute(&mut **tx).await?;
    Ok(())
}
