//! Events on their way to the log, and the right to relay them.
//!
//! A session advisory lock per class of shards is that right. A relay takes one class for one round, so that
//! any number of relays share the work without leases or a plan. Its session dies with its process; one that
//! was stopped is ended by the server when its heartbeat has been missing for `idle_session_timeout`.

use std::convert::Infallible;
use std::time::Duration;

use afterglow_domain::Shard;
use afterglow_domain::shard::CLASSES;
use afterglow_events::record::headers_to_bytes;
use afterglow_events::{Record, Topic};
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgRow;
use sqlx::{Connection, PgConnection, PgPool, Postgres, Row};
use uuid::Uuid;

use super::core::headers_of;
use super::letters::park;
use super::lock::{numbers, shard_of};
use crate::error::Error;
use crate::rows::{OutboxRow, ParkedLetter};
use crate::store::Taken;

/// How often a relay that waits for the log shows that it lives: well within `idle_session_timeout`, so that
/// one late beat loses nothing.
const HEARTBEAT: Duration = Duration::from_secs(3);

pub(super) async fn append(connection: &mut PgConnection, rows: &[OutboxRow]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into outbox (shard, topic, key, headers, value)
         select shard, topic, key, headers, value
         from unnest($1::int2[], $2::text[], $3::bytea[], $4::bytea[], $5::bytea[])
              with ordinality as new(shard, topic, key, headers, value, n)
         order by n",
    )
    .bind(numbers(rows.iter().map(|row| row.shard)))
    .bind(rows.iter().map(|row| row.record.topic.name()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.record.key.as_ref()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| headers_to_bytes(&row.record.headers)).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.record.value.as_ref()).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// The oldest events of shards, `$2` at most. The limit of one makes the server look each row up by its key: of a
/// join it would make, once statistics say that the table is empty, a walk over the whole table for every row.
pub(super) const OLDEST: &str = "
    with oldest as materialized (
        select head.shard, head.seq from unnest($1::int2[]) as of(shard)
        cross join lateral
            (select o.shard, o.seq from outbox o where o.shard = of.shard order by o.seq limit $2) head
        order by head.seq limit $2)
    select oldest.seq, oldest.shard, o.topic, o.key, o.headers, o.value from oldest
    cross join lateral
        (select topic, key, headers, value from outbox where shard = oldest.shard and seq = oldest.seq limit 1) o
    order by oldest.seq";

/// The oldest events of everybody.
pub(super) async fn read(readers: &PgPool, max: usize) -> Result<Vec<(i64, OutboxRow)>, Error> {
    let mut connection = readers.acquire().await?;
    read_of(&mut connection, Shard::all(), max).await
}

/// The oldest events of these shards: first their numbers from the key alone, then the rows themselves.
async fn read_of(
    connection: &mut PgConnection,
    shards: impl Iterator<Item = Shard>,
    max: usize,
) -> Result<Vec<(i64, OutboxRow)>, Error> {
    let rows = sqlx::query(OLDEST)
        .bind(numbers(shards))
        .bind(i64::try_from(max).unwrap_or(i64::MAX))
        .fetch_all(connection)
        .await?;
    rows.iter().map(row_of).collect()
}

fn row_of(row: &PgRow) -> Result<(i64, OutboxRow), Error> {
    let topic: &str = row.try_get("topic")?;
    let record = Record {
        topic: Topic::parse(topic).ok_or_else(|| Error::Refused(format!("outbox.topic is {topic:?}")))?,
        key: row.try_get::<Vec<u8>, _>("key")?.into(),
        headers: headers_of(row)?,
        value: row.try_get::<Vec<u8>, _>("value")?.into(),
    };
    Ok((row.try_get("seq")?, OutboxRow { shard: shard_of(row.try_get("shard")?)?, record }))
}

/// Takes the oldest events of a class that has some and that nobody relays; classes in an order of chance,
/// so that relays do not stand in line for the first.
pub(super) async fn take(relays: &PgPool, max: usize) -> Result<Option<Taken<Outgoing>>, Error> {
    let mut connection = relays.acquire().await?;
    let mut classes = waiting_classes(&mut connection).await?;
    let chance = *Uuid::new_v4().as_bytes();
    classes.sort_by_key(|class| chance[usize::from(*class)]);
    for class in classes {
        if !try_lock(&mut connection, class).await? {
            continue;
        }
        // From here on the lock goes with the session, whatever fails.
        let mut outgoing = Outgoing { session: Some(connection), class };
        let of_class = Shard::all().filter(|shard| shard.class() == class);
        let rows = read_of(outgoing.session()?, of_class, max).await?;
        if !rows.is_empty() {
            return Ok(Some((outgoing, rows)));
        }
        connection = outgoing.give_back().await?;
    }
    Ok(None)
}

/// The classes that have events: one look at the index for each shard, however much waits.
async fn waiting_classes(connection: &mut PgConnection) -> Result<Vec<u8>, Error> {
    let shards: Vec<i16> = sqlx::query_scalar(
        "select s.shard from shard s
         cross join lateral (select from outbox o where o.shard = s.shard limit 1) as has",
    )
    .fetch_all(connection)
    .await?;
    let mut classes = Vec::with_capacity(usize::from(CLASSES));
    for shard in shards {
        classes.push(shard_of(shard)?.class());
    }
    classes.sort_unstable();
    classes.dedup();
    Ok(classes)
}

async fn try_lock(connection: &mut PgConnection, class: u8) -> Result<bool, Error> {
    let locked = sqlx::query_scalar(
        "select pg_try_advisory_lock(hashtext('afterglow relay ' || current_schema()), $1)",
    )
    .bind(i32::from(class))
    .fetch_one(connection)
    .await?;
    Ok(locked)
}

/// The right to relay one class of shards.
#[derive(Debug)]
pub struct Outgoing {
    /// `None` only once it is given back.
    session: Option<PoolConnection<Postgres>>,
    class: u8,
}

impl Outgoing {
    fn session(&mut self) -> Result<&mut PgConnection, Error> {
        let lost = || Error::Unavailable("the relay's session is over".to_owned());
        self.session.as_deref_mut().ok_or_else(lost)
    }

    /// Frees the class and keeps the connection.
    async fn give_back(mut self) -> Result<PoolConnection<Postgres>, Error> {
        let class = i32::from(self.class);
        sqlx::query("select pg_advisory_unlock(hashtext('afterglow relay ' || current_schema()), $1)")
            .bind(class)
            .execute(self.session()?)
            .await?;
        self.session.take().ok_or_else(|| Error::Unavailable("the relay's session is over".to_owned()))
    }
}

impl Drop for Outgoing {
    /// A session that may still hold the lock is closed and not used again.
    fn drop(&mut self) {
        if let Some(mut session) = self.session.take() {
            session.close_on_drop();
        }
    }
}

impl crate::store::Outgoing for Outgoing {
    async fn keep(&mut self) -> Infallible {
        loop {
            tokio::time::sleep(HEARTBEAT).await;
            let Ok(session) = self.session() else { break };
            if session.ping().await.is_err() {
                break;
            }
        }
        // The right is lost. What is under way is only repeated by the successor, and settling fails.
        std::future::pending().await
    }

    async fn settle(mut self, acknowledged: &[i64], parked: &[(i64, ParkedLetter)]) -> Result<(), Error> {
        let of_class = numbers(Shard::all().filter(|shard| shard.class() == self.class));
        let gone: Vec<i64> = acknowledged.iter().copied().chain(parked.iter().map(|(seq, _)| *seq)).collect();
        let letters: Vec<ParkedLetter> = parked.iter().map(|(_, letter)| letter.clone()).collect();
        let mut tx = self.session()?.begin().await?;
        sqlx::query("delete from outbox where shard = any($1) and seq = any($2)")
            .bind(of_class)
            .bind(gone)
            .execute(&mut *tx)
            .await?;
        park(&mut tx, &letters).await?;
        tx.commit().await?;
        // A lock that is not given back here ends with its session.
        let _session = self.give_back().await?;
        Ok(())
    }
}
