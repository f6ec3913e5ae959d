//! Timers in SQL.

use std::collections::BTreeMap;

use afterglow_domain::{Shard, Timestamp};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::lock::{Held, shard_of};
use crate::error::Error;
use crate::rows::{Timeline, Timer};

/// The first timer of each shard behind its mark: one seek each. `fired_to` is chosen by the timeline.
const HEADS: &str = "select s.shard, (
        select min(t.due_at) from timer t
        where t.timeline = $1 and t.shard = s.shard
          and t.due_at >= case $1 when 0 then s.fired_to_wall else s.fired_to_journey end) as due_at
    from shard s";

/// The due timers of locked shards, `$5` of each at most.
const DUE: &str = "select t.shard, t.due_at, t.owner, t.key
    from unnest($2::int2[], $3::int8[]) as held(shard, fired_to)
    cross join lateral (
        select shard, due_at, owner, key from timer
        where timeline = $1 and shard = held.shard and due_at between held.fired_to and $4
        order by due_at, owner, key limit $5) t
    order by t.shard, t.due_at, t.owner, t.key";

async fn heads(readers: &PgPool, timeline: Timeline) -> Result<Vec<(Shard, Timestamp)>, Error> {
    let rows: Vec<(i16, Option<i64>)> =
        sqlx::query_as(HEADS).bind(number(timeline)).fetch_all(readers).await?;
    let due = rows.into_iter().filter_map(|(shard, due)| Some((shard, due?)));
    due.map(|(shard, due)| Ok((shard_of(shard)?, Timestamp(due)))).collect()
}

/// When the next timer is due.
pub(super) async fn next_due(readers: &PgPool, timeline: Timeline) -> Result<Option<Timestamp>, Error> {
    Ok(heads(readers, timeline).await?.into_iter().map(|(_, due)| due).min())
}

/// The shards that have something due, by class.
pub(super) async fn due_shards(
    readers: &PgPool,
    timeline: Timeline,
    now: Timestamp,
) -> Result<BTreeMap<u8, Vec<Shard>>, Error> {
    let mut by_class: BTreeMap<u8, Vec<Shard>> = BTreeMap::new();
    for (shard, due) in heads(readers, timeline).await? {
        if due <= now {
            by_class.entry(shard.class()).or_default().push(shard);
        }
    }
    Ok(by_class)
}

/// A timer's shard, due time, owner and key.
type Row = (i16, i64, Uuid, i32);

/// The due timers of held shards, at most `share` of each, by shard and due time.
pub(super) async fn due(
    connection: &mut PgConnection,
    (timeline, now): (Timeline, Timestamp),
    held: &Held,
    share: usize,
) -> Result<Vec<Timer>, Error> {
    let from = |shard| held.fired_to(timeline, shard).0;
    let (shards, marks): (Vec<i16>, Vec<i64>) =
        held.shards().iter().map(|shard| (i16::from(shard.number()), from(shard))).unzip();
    let rows: Vec<Row> = sqlx::query_as(DUE)
        .bind(number(timeline))
        .bind(shards)
        .bind(marks)
        .bind(now.0)
        .bind(i64::try_from(share).unwrap_or(i64::MAX))
        .fetch_all(connection)
        .await?;
    let timer = |(shard, due, owner, key): Row| {
        Ok(Timer { timeline, shard: shard_of(shard)?, due: Timestamp(due), owner, key })
    };
    rows.into_iter().map(timer).collect()
}

pub(super) async fn arm(connection: &mut PgConnection, timers: &[Timer]) -> Result<(), Error> {
    let statement = "insert into timer (timeline, shard, due_at, owner, key)
        select * from unnest($1::int2[], $2::int2[], $3::int8[], $4::uuid[], $5::int4[])
        on conflict do nothing";
    run(connection, statement, timers).await
}

pub(super) async fn disarm(connection: &mut PgConnection, timers: &[Timer]) -> Result<(), Error> {
    let statement = "delete from timer t
        using unnest($1::int2[], $2::int2[], $3::int8[], $4::uuid[], $5::int4[])
              as d(timeline, shard, due_at, owner, key)
        where (t.timeline, t.shard, t.due_at, t.owner, t.key)
            = (d.timeline, d.shard, d.due_at, d.owner, d.key)";
    run(connection, statement, timers).await
}

async fn run(connection: &mut PgConnection, statement: &'static str, timers: &[Timer]) -> Result<(), Error> {
    if timers.is_empty() {
        return Ok(());
    }
    sqlx::query(statement)
        .bind(timers.iter().map(|timer| number(timer.timeline)).collect::<Vec<_>>())
        .bind(timers.iter().map(|timer| i16::from(timer.shard.number())).collect::<Vec<_>>())
        .bind(timers.iter().map(|timer| timer.due.0).collect::<Vec<_>>())
        .bind(timers.iter().map(|timer| timer.owner).collect::<Vec<_>>())
        .bind(timers.iter().map(|timer| timer.key).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

fn number(timeline: Timeline) -> i16 {
    match timeline {
        Timeline::Wall => 0,
        Timeline::Journey => 1,
    }
}
