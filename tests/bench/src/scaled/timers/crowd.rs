//! The crowd: enrolments that wait for a day far ahead, put into the database directly.
//!
//! Each is a copy of one that the engine wrote: a deal, an enrolment with the same state bytes and a timer,
//! under ids of its own, so that tables and indexes are as large as with real customers.

use anyhow::ensure;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::customers::START;

/// Nothing of the crowd is due within a month; its timers spread over the year after it.
const FAR_US: i64 = START.0 + 30 * 24 * 3600 * 1_000_000;

const DEALS: &str = "
insert into deal (deal, shard, home, rev, won_no, standing, account, account_name, snapshot, waiting, declined,
                  heard_at)
select left(t.deal, -10) || (7000000000 + i), i % 64, left(t.home, -10) || (6000000000 + i), 1, 1, t.standing,
       left(t.account, -10) || (6000000000 + i), 'Crowd ' || i || ' Ltd', t.snapshot, t.waiting, t.declined,
       t.heard_at
from generate_series(0, $1 - 1) i cross join (select * from deal limit 1) t";

const ENROLMENTS: &str = "
insert into enrolment (id, shard, home, deal, journey, version, status, armed_at, state_version, state,
                       counters, account, account_name, traceparent)
select gen_random_uuid(), i % 64, left(t.home, -10) || (6000000000 + i), left(t.deal, -10) || (7000000000 + i),
       t.journey, t.version, t.status, $2 + (i * 7919 % 31536000) * 1000000, t.state_version, t.state,
       t.counters, left(t.account, -10) || (6000000000 + i), 'Crowd ' || i || ' Ltd', t.traceparent
from generate_series(0, $1 - 1) i cross join (select * from enrolment limit 1) t";

const TIMERS: &str = "
insert into timer (timeline, shard, due_at, owner, key)
select 1, shard, armed_at, id, 0 from enrolment where armed_at >= $1 order by shard, armed_at, id";

/// Adds a crowd of `count` to a database that nobody else is connected to.
pub(super) async fn wait(url: &str, count: usize) -> anyhow::Result<()> {
    let count = i64::try_from(count)?;
    let mut connection = PgConnection::connect(url).await?;
    sqlx::raw_sql(
        "set search_path = engine; set synchronous_commit = off; set maintenance_work_mem = '256MB'",
    )
    .execute(&mut connection)
    .await?;
    // Indexes are built at the end, sorted: several times faster than row by row.
    let indexes: Vec<(String, String)> = sqlx::query_as(
        "select indexname::text, indexdef from pg_indexes
         where schemaname = 'engine' and tablename in ('deal', 'enrolment') and indexname not like '%_pkey'",
    )
    .fetch_all(&mut connection)
    .await?;
    for (name, _) in &indexes {
        sqlx::query(AssertSqlSafe(format!("drop index {name}"))).execute(&mut connection).await?;
    }
    sqlx::query(DEALS).bind(count).execute(&mut connection).await?;
    sqlx::query(ENROLMENTS).bind(count).bind(FAR_US).execute(&mut connection).await?;
    let armed = sqlx::query(TIMERS).bind(FAR_US).execute(&mut connection).await?.rows_affected();
    ensure!(i64::try_from(armed) == Ok(count), "a crowd of {count} has {armed} timers");
    for (_, definition) in indexes {
        sqlx::query(AssertSqlSafe(definition)).execute(&mut connection).await?;
    }
    // What a server does by itself some time after such a load would be done during the measurement.
    sqlx::raw_sql("vacuum analyze").execute(&mut connection).await?;
    sqlx::raw_sql("checkpoint").execute(&mut connection).await?;
    Ok(connection.close().await?)
}
