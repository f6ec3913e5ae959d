//! Parked letters in SQL.

use afterglow_domain::{EventId, Timestamp};
use afterglow_events::record::headers_to_bytes;
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};

use super::core::headers_of;
use crate::error::Error;
use crate::letters::{Letters, ReadLetters};
use crate::rows::ParkedLetter;

const SELECT: &str = "select id, reason, topic, partition, \"offset\", key, headers, value, attempts, at, replayed_at from parked";

/// Parks letters once. One that was put back and comes again is open again.
pub(super) async fn park(connection: &mut SqliteConnection, letters: &[ParkedLetter]) -> Result<(), Error> {
    for letter in letters {
        sqlx::query(
            "insert into parked (id, reason, topic, partition, \"offset\", key, headers, value, attempts, at)
             values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             on conflict (id) do update set reason = excluded.reason, at = excluded.at,
              attempts = parked.attempts + excluded.attempts, replayed_at = null
              where parked.replayed_at is not null",
        )
        .bind(letter.id.as_bytes().as_slice())
        .bind(&letter.reason)
        .bind(&letter.topic)
        .bind(i64::from(letter.partition))
        .bind(letter.offset)
        .bind(letter.key.as_ref())
        .bind(headers_to_bytes(&letter.headers))
        .bind(letter.value.as_ref())
        .bind(i64::from(letter.attempts))
        .bind(letter.at.0)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Marks an open letter as put back; whether it was open.
pub(super) async fn mark_replayed(
    connection: &mut SqliteConnection,
    id: EventId,
    at: Timestamp,
) -> Result<bool, Error> {
    let done = sqlx::query("update parked set replayed_at = ? where id = ? and replayed_at is null")
        .bind(at.0)
        .bind(id.as_bytes().as_slice())
        .execute(connection)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Forgets the oldest of the letters parked before `before`.
pub(super) async fn prune(
    connection: &mut SqliteConnection,
    before: Timestamp,
    max: usize,
) -> Result<usize, Error> {
    let done = sqlx::query(
        "delete from parked where id in (select id from parked where at < ? order by at limit ?)",
    )
    .bind(before.0)
    .bind(i64::try_from(max).unwrap_or(i64::MAX))
    .execute(connection)
    .await?;
    Ok(usize::try_from(done.rows_affected()).unwrap_or(usize::MAX))
}

pub(super) async fn load(
    connection: &mut SqliteConnection,
    id: EventId,
) -> Result<Option<ParkedLetter>, Error> {
    let mut query = QueryBuilder::<Sqlite>::new(SELECT);
    query.push(" where id = ").push_bind(id.as_bytes().to_vec());
    query.build().fetch_optional(connection).await?.as_ref().map(letter).transpose()
}

/// The newest parked letters.
pub(super) async fn read(
    readers: &SqlitePool,
    which: Letters,
    max: usize,
) -> Result<Vec<ParkedLetter>, Error> {
    let mut query = QueryBuilder::<Sqlite>::new(SELECT);
    if which == Letters::Open {
        query.push(" where replayed_at is null");
    }
    query.push(" order by at desc, id limit ").push_bind(i64::try_from(max).unwrap_or(i64::MAX));
    query.build().fetch_all(readers).await?.iter().map(letter).collect()
}

impl ReadLetters for SqlitePool {
    async fn read_parked(&self, which: Letters, max: usize) -> Result<Vec<ParkedLetter>, Error> {
        read(self, which, max).await
    }

    async fn read_letter(&self, id: EventId) -> Result<Option<ParkedLetter>, Error> {
        load(&mut *self.acquire().await?, id).await
    }

    async fn read_open_ids(&self, reason: &str, max: usize) -> Result<Vec<EventId>, Error> {
        let ids: Vec<Vec<u8>> = sqlx::query_scalar(
            "select id from parked where replayed_at is null and instr(reason, ?) > 0
             order by at, \"offset\", id limit ?",
        )
        .bind(reason)
        .bind(i64::try_from(max).unwrap_or(i64::MAX))
        .fetch_all(self)
        .await?;
        ids.iter().map(|id| id_of(id)).collect()
    }
}

fn id_of(bytes: &[u8]) -> Result<EventId, Error> {
    EventId::from_slice(bytes).ok_or_else(|| Error::Refused("parked.id is not 16 bytes".to_owned()))
}

fn letter(row: &SqliteRow) -> Result<ParkedLetter, Error> {
    Ok(ParkedLetter {
        id: id_of(row.try_get("id")?)?,
        reason: row.try_get("reason")?,
        topic: row.try_get("topic")?,
        partition: row.try_get("partition")?,
        offset: row.try_get("offset")?,
        key: row.try_get::<Vec<u8>, _>("key")?.into(),
        headers: headers_of(row)?,
        value: row.try_get::<Vec<u8>, _>("value")?.into(),
        attempts: row.try_get("attempts")?,
        at: Timestamp(row.try_get("at")?),
        replayed: row.try_get::<Option<i64>, _>("replayed_at")?.map(Timestamp),
    })
}
