//! Timers and low-water marks in SQL.

use std::collections::BTreeMap;

use afterglow_domain::shard::{CLASSES, SHARDS};
use afterglow_domain::{Shard, Timestamp};
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};
use uuid::Uuid;

use super::ROWS_PER_STATEMENT;
use crate::error::Error;
use crate::rows::{Timeline, Timer};

/// A mark is written only when it moved this far, in microseconds: an update per firing would leave a
/// dead row version each time on a server, and costs a page write here.
const MARK_STEP_US: i64 = 10_000_000;

pub(super) async fn load_marks(
    connection: &mut SqliteConnection,
) -> Result<BTreeMap<(Timeline, Shard), Timestamp>, Error> {
    let rows: Vec<(i64, i64, i64)> =
        sqlx::query_as("select timeline, shard, fired_to from shard").fetch_all(connection).await?;
    let mark = |(timeline, shard, fired_to): (i64, i64, i64)| {
        let timeline = Timeline::ALL.into_iter().find(|t| t.number() == timeline)?;
        Some(((timeline, Shard::new(u8::try_from(shard).ok()?)?), Timestamp(fired_to)))
    };
    Ok(rows.into_iter().filter_map(mark).collect())
}

/// Writes the marks that moved far enough; gives those it wrote.
pub(super) async fn store_marks(
    connection: &mut SqliteConnection,
    known: &BTreeMap<(Timeline, Shard), Timestamp>,
    marks: Vec<(Timeline, Shard, Timestamp)>,
) -> Result<Vec<(Timeline, Shard, Timestamp)>, Error> {
    let far = |(timeline, shard, mark): &(Timeline, Shard, Timestamp)| {
        let stored = known.get(&(*timeline, *shard)).copied().unwrap_or(Timestamp::MIN);
        mark.0.saturating_sub(stored.0) >= MARK_STEP_US
    };
    let moved: Vec<_> = marks.into_iter().filter(far).collect();
    for (timeline, shard, mark) in &moved {
        sqlx::query("update shard set fired_to = ? where timeline = ? and shard = ?")
            .bind(mark.0)
            .bind(timeline.number())
            .bind(i64::from(shard.number()))
            .execute(&mut *connection)
            .await?;
    }
    Ok(moved)
}

/// The shards of one class, starting somewhere else for each class so that none is always last.
pub(super) fn shards_of(class: u8) -> impl Iterator<Item = Shard> {
    (0..SHARDS / CLASSES).filter_map(move |n| Shard::new(class + CLASSES * n))
}

/// The due timers of one shard.
pub(super) async fn due(
    connection: &mut SqliteConnection,
    timeline: Timeline,
    shard: Shard,
    (from, to): (Timestamp, Timestamp),
    max: usize,
) -> Result<Vec<Timer>, Error> {
    let rows: Vec<(i64, Vec<u8>, i64)> = sqlx::query_as(
        "select due_at, owner, key from timer
         where timeline = ? and shard = ? and due_at between ? and ?
         order by due_at, owner, key limit ?",
    )
    .bind(timeline.number())
    .bind(i64::from(shard.number()))
    .bind(from.0)
    .bind(to.0)
    .bind(i64::try_from(max).unwrap_or(i64::MAX))
    .fetch_all(connection)
    .await?;
    let timer = |(due, owner, key): (i64, Vec<u8>, i64)| {
        Ok(Timer {
            timeline,
            shard,
            due: Timestamp(due),
            owner: Uuid::from_slice(&owner).map_err(|_| broken("owner"))?,
            key: i32::try_from(key).map_err(|_| broken("key"))?,
        })
    };
    rows.into_iter().map(timer).collect()
}

fn broken(column: &str) -> Error {
    Error::Refused(format!("timer.{column} is not of its form"))
}

/// When the next timer of a clock is due: one seek per shard.
pub(super) const NEXT_DUE: &str = "select min(due) from (
    select (select min(due_at) from timer t
            where t.timeline = s.timeline and t.shard = s.shard and t.due_at >= s.fired_to) as due
    from shard s where s.timeline = ?)";

/// Appends `values (…), (…)` in the order of the table's columns.
fn push_rows(query: &mut QueryBuilder<Sqlite>, timers: &[Timer]) {
    query.push_values(timers, |mut row, timer| {
        row.push_bind(timer.timeline.number())
            .push_bind(i64::from(timer.shard.number()))
            .push_bind(timer.due.0)
            .push_bind(timer.owner.as_bytes().as_slice())
            .push_bind(i64::from(timer.key));
    });
}

pub(super) async fn arm(connection: &mut SqliteConnection, timers: &[Timer]) -> Result<(), Error> {
    for chunk in timers.chunks(ROWS_PER_STATEMENT) {
        let mut query =
            QueryBuilder::<Sqlite>::new("insert or ignore into timer (timeline, shard, due_at, owner, key) ");
        push_rows(&mut query, chunk);
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

pub(super) async fn disarm(connection: &mut SqliteConnection, timers: &[Timer]) -> Result<(), Error> {
    for chunk in timers.chunks(ROWS_PER_STATEMENT) {
        let mut query =
            QueryBuilder::<Sqlite>::new("delete from timer where (timeline, shard, due_at, owner, key) in (");
        push_rows(&mut query, chunk);
        query.push(")");
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}
