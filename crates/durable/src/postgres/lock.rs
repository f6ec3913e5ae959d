//! Shards: their locks and their low-water marks.

use std::collections::BTreeMap;

use afterglow_domain::{Shard, Timestamp};
use sqlx::PgConnection;

use crate::error::Error;
use crate::rows::Timeline;
use crate::shard_set::ShardSet;

/// A mark is written only when it moved this far, in microseconds: each update leaves a dead row version,
/// and while somebody holds an old snapshot (a backup, a report) these pile up and slow the lock down.
const MARK_STEP_US: i64 = 10_000_000;

/// Locks shards, ascending. The clock is read behind the lock, so that it tells when the lock was given.
macro_rules! lock {
    ($skip:literal) => {
        concat!(
            "with locked as materialized (
                select shard, fired_to_wall, fired_to_journey from shard where shard = any($1)
                order by shard for no key update",
            $skip,
            ")
            select *, ",
            now!(),
            " as now from locked"
        )
    };
}

/// The first statement of a writing transaction, and nothing but the lock.
const LOCK: &str = lock!("");

/// The same for timers, which go on elsewhere where somebody is at work.
const LOCK_FREE: &str = lock!(" skip locked");

/// How long timers wait for shards that somebody is at work on, as PostgreSQL takes it: longer than a page of
/// records takes, and short beside a holder that was stopped, which must not hold up the other classes.
const PATIENCE: &str = "set local lock_timeout = '100ms'";

/// PostgreSQL's code for a lock that was not given in time.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// What a transaction without the lock would read; only the test that shows what the lock is good for
/// asks for it.
#[cfg(test)]
const LOOK: &str =
    "select shard, fired_to_wall, fired_to_journey, 0::int8 as now from shard where shard = any($1)";

/// How the shards are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asking {
    /// For all of them, however long it takes.
    All,
    /// For those that are free.
    Free,
    /// For all of them, for [`PATIENCE`]: whoever only ever looks for free ones gets none while others are busy
    /// without a pause.
    Shortly,
    /// For none: the sabotage of the order checker.
    #[cfg(test)]
    Nothing,
}

/// The shards that a transaction holds.
#[derive(Debug, Default)]
pub(super) struct Held {
    shards: ShardSet,
    fired_to: BTreeMap<(Timeline, Shard), Timestamp>,
    /// The database's clock when the last of them was locked; `None` where none is.
    pub(super) since: Option<Timestamp>,
}

/// A shard, its mark on the wall's clock and on the journey's, and the database's clock.
type Row = (i16, i64, i64, i64);

/// Locks shards, ascending. None is held where they were not to be had in time; the transaction is over then.
pub(super) async fn lock(
    connection: &mut PgConnection,
    shards: &ShardSet,
    asking: Asking,
) -> Result<Held, Error> {
    if shards.is_empty() {
        return Ok(Held::default());
    }
    let statement = match asking {
        Asking::All | Asking::Shortly => LOCK,
        Asking::Free => LOCK_FREE,
        #[cfg(test)]
        Asking::Nothing => LOOK,
    };
    if asking == Asking::Shortly {
        sqlx::query(PATIENCE).execute(&mut *connection).await?;
    }
    let rows: Result<Vec<Row>, sqlx::Error> =
        sqlx::query_as(statement).bind(numbers(shards.iter())).fetch_all(connection).await;
    match rows {
        Err(error) if asking == Asking::Shortly && is_not_available(&error) => Ok(Held::default()),
        rows => Held::of(&rows?),
    }
}

fn is_not_available(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code == LOCK_NOT_AVAILABLE)
}

/// Shards as SQL takes them.
pub(super) fn numbers(shards: impl Iterator<Item = Shard>) -> Vec<i16> {
    shards.map(|shard| i16::from(shard.number())).collect()
}

/// The shard of a stored number.
pub(super) fn shard_of(number: i16) -> Result<Shard, Error> {
    let shard = u8::try_from(number).ok().and_then(Shard::new);
    shard.ok_or_else(|| Error::Refused(format!("{number} is no shard")))
}

impl Held {
    fn of(rows: &[Row]) -> Result<Self, Error> {
        let mut held = Self::default();
        let mut shards = Vec::with_capacity(rows.len());
        for (number, wall, journey, now) in rows {
            let shard = shard_of(*number)?;
            shards.push(shard);
            held.fired_to.insert((Timeline::Wall, shard), Timestamp(*wall));
            held.fired_to.insert((Timeline::Journey, shard), Timestamp(*journey));
            held.since = held.since.max(Some(Timestamp(*now)));
        }
        held.shards = ShardSet::new(shards);
        Ok(held)
    }

    pub(super) fn shards(&self) -> &ShardSet {
        &self.shards
    }

    /// The low-water mark of a shard that is held.
    pub(super) fn fired_to(&self, timeline: Timeline, shard: Shard) -> Timestamp {
        self.fired_to.get(&(timeline, shard)).copied().unwrap_or(Timestamp::MIN)
    }

    /// Writes the marks that moved far enough.
    pub(super) async fn store_marks(
        &self,
        connection: &mut PgConnection,
        marks: &[(Timeline, Shard, Timestamp)],
    ) -> Result<(), Error> {
        for timeline in Timeline::ALL {
            let far = |(of, shard, mark): &&(Timeline, Shard, Timestamp)| {
                *of == timeline && mark.0.saturating_sub(self.fired_to(*of, *shard).0) >= MARK_STEP_US
            };
            let (shards, moved): (Vec<i16>, Vec<i64>) =
                marks.iter().filter(far).map(|(_, shard, mark)| (i16::from(shard.number()), mark.0)).unzip();
            if !shards.is_empty() {
                sqlx::query(store_mark(timeline)).bind(shards).bind(moved).execute(&mut *connection).await?;
            }
        }
        Ok(())
    }
}

fn store_mark(timeline: Timeline) -> &'static str {
    match timeline {
        Timeline::Wall => {
            "update shard set fired_to_wall = moved.mark
             from unnest($1::int2[], $2::int8[]) as moved(shard, mark) where shard.shard = moved.shard"
        }
        Timeline::Journey => {
            "update shard set fired_to_journey = moved.mark
             from unnest($1::int2[], $2::int8[]) as moved(shard, mark) where shard.shard = moved.shard"
        }
    }
}
