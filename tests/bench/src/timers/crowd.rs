//! The crowd: enrolments that wait for a day far ahead, put into the file directly.
//!
//! Each is a copy of one that the engine wrote: a deal, an enrolment with the same state bytes and a
//! timer, under ids of its own, so that tables and indexes are as large as with real customers.

use std::path::Path;

use anyhow::ensure;
use sqlx::{Connection as _, SqliteConnection};

use crate::customers::START;

/// Nothing of the crowd is due within a month; its timers spread over the year after it.
const FAR_US: i64 = START.0 + 30 * 24 * 3600 * 1_000_000;

/// Fast and without safety: a crash here only ends the bench.
const LOADING: &str = "pragma journal_mode = off; pragma synchronous = off; pragma cache_size = -524288";

const DEALS: &str = "
insert into deal (deal, shard, home, rev, won_no, standing, account, account_name, snapshot, waiting, declined)
with recursive n(i) as (select 0 union all select i + 1 from n where i + 1 < ?)
select substr(t.deal, 1, length(t.deal) - 10) || (7000000000 + i), i % 64,
       substr(t.home, 1, length(t.home) - 10) || (6000000000 + i), 1, 1, t.standing,
       substr(t.account, 1, length(t.account) - 10) || (6000000000 + i), 'Crowd ' || i || ' Ltd',
       t.snapshot, t.waiting, t.declined
from n cross join (select * from deal limit 1) t";

const ENROLMENTS: &str = "
insert into enrolment (id, shard, home, deal, journey, version, status, armed_at, state_version, state,
                       counters, account, account_name, traceparent)
with recursive n(i) as (select 0 union all select i + 1 from n where i + 1 < ?1)
select randomblob(16), i % 64, substr(t.home, 1, length(t.home) - 10) || (6000000000 + i),
       substr(t.deal, 1, length(t.deal) - 10) || (7000000000 + i), t.journey, t.version, t.status,
       ?2 + (i * 7919 % 31536000) * 1000000, t.state_version, t.state, t.counters,
       substr(t.account, 1, length(t.account) - 10) || (6000000000 + i), 'Crowd ' || i || ' Ltd', t.traceparent
from n cross join (select * from enrolment limit 1) t";

const TIMERS: &str = "
insert into timer (timeline, shard, due_at, owner, key)
select 1, shard, armed_at, id, 0 from enrolment where armed_at >= ? order by shard, armed_at, id";

/// Adds a crowd of `count` to a store that nobody has open.
pub(super) async fn wait(path: &Path, count: usize) -> anyhow::Result<()> {
    let count = i64::try_from(count)?;
    let mut connection = SqliteConnection::connect(&format!("sqlite:{}", path.display())).await?;
    sqlx::raw_sql(LOADING).execute(&mut connection).await?;
    // Indexes are built at the end, sorted: ten times faster than row by row.
    let indexes: Vec<(String, String)> = sqlx::query_as(
        "select name, sql from sqlite_master
         where type = 'index' and sql is not null and tbl_name in ('deal', 'enrolment')",
    )
    .fetch_all(&mut connection)
    .await?;
    for (name, _) in &indexes {
        sqlx::query(sqlx::AssertSqlSafe(format!("drop index {name}"))).execute(&mut connection).await?;
    }
    sqlx::query(DEALS).bind(count).execute(&mut connection).await?;
    sqlx::query(ENROLMENTS).bind(count).bind(FAR_US).execute(&mut connection).await?;
    let armed = sqlx::query(TIMERS).bind(FAR_US).execute(&mut connection).await?.rows_affected();
    ensure!(i64::try_from(armed) == Ok(count), "a crowd of {count} has {armed} timers");
    for (_, sql) in indexes {
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await?;
    }
    Ok(connection.close().await?)
}
