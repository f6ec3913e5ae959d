//! Parked letters in SQL.

use std::collections::HashSet;

use afterglow_domain::{EventId, Timestamp};
use afterglow_events::record::headers_to_bytes;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgPool, Row};

use super::core::{headers_of, small};
use super::text;
use crate::error::Error;
use crate::letters::{Letters, ReadLetters};
use crate::rows::ParkedLetter;

/// Parks letters once. One that was put back and comes again is open again.
pub(super) async fn park(connection: &mut PgConnection, letters: &[ParkedLetter]) -> Result<(), Error> {
    if letters.is_empty() {
        return Ok(());
    }
    // One statement changes a row once; of two of one id the first is parked, as anywhere.
    let mut ids = HashSet::new();
    let letters: Vec<&ParkedLetter> = letters.iter().filter(|letter| ids.insert(letter.id)).collect();
    sqlx::query(
        "insert into parked (id, reason, topic, partition, \"offset\", key, headers, value, attempts, at)
         select * from unnest($1::uuid[], $2::text[], $3::text[], $4::int4[], $5::int8[], $6::bytea[],
                              $7::bytea[], $8::bytea[], $9::int4[], $10::int8[])
         on conflict (id) do update set reason = excluded.reason, at = excluded.at,
         attempts = parked.attempts + excluded.attempts, replayed_at = null
         where parked.replayed_at is not null",
    )
    .bind(letters.iter().map(|letter| letter.id.0).collect::<Vec<_>>())
    .bind(letters.iter().map(|letter| text::stored(&letter.reason)).collect::<Vec<_>>())
    .bind(letters.iter().map(|letter| text::stored(&letter.topic)).collect::<Vec<_>>())
    .bind(letters.iter().map(|letter| i32::from(letter.partition)).collect::<Vec<_>>())
    .bind(letters.iter().map(|letter| letter.offset).collect::<Vec<_>>())
    .bind(letters.iter().map(|letter| letter.key.as_ref()).collect::<Vec<_>>())
    .bind(letters.iter().map(|letter| headers_to_bytes(&letter.headers)).collect::<Vec<_>>())
    .bind(letters.iter().map(|letter| letter.value.as_ref()).collect::<Vec<_>>())
    .bind(letters.iter().map(|letter| i32::try_from(letter.attempts).unwrap_or(i32::MAX)).collect::<Vec<_>>())
    .bind(letters.iter().map(|letter| letter.at.0).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// Marks an open letter as put back; whether it was open.
pub(super) async fn mark_replayed(
    connection: &mut PgConnection,
    id: EventId,
    at: Timestamp,
) -> Result<bool, Error> {
    let done = sqlx::query("update parked set replayed_at = $1 where id = $2 and replayed_at is null")
        .bind(at.0)
        .bind(id.0)
        .execute(connection)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Forgets the oldest of the letters parked before `before`.
pub(super) async fn prune(pool: &PgPool, before: Timestamp, max: usize) -> Result<usize, Error> {
    let done = sqlx::query(
        "delete from parked where id in (select id from parked where at < $1 order by at limit $2)",
    )
    .bind(before.0)
    .bind(i64::try_from(max).unwrap_or(i64::MAX))
    .execute(pool)
    .await?;
    Ok(usize::try_from(done.rows_affected()).unwrap_or(usize::MAX))
}

pub(super) async fn load(connection: &mut PgConnection, id: EventId) -> Result<Option<ParkedLetter>, Error> {
    let row = sqlx::query(
        "select id, reason, topic, partition, \"offset\", key, headers, value, attempts, at, replayed_at
         from parked where id = $1",
    )
    .bind(id.0)
    .fetch_optional(connection)
    .await?;
    row.as_ref().map(letter).transpose()
}

/// The newest parked letters.
pub(super) async fn read(readers: &PgPool, which: Letters, max: usize) -> Result<Vec<ParkedLetter>, Error> {
    let rows = sqlx::query(
        "select id, reason, topic, partition, \"offset\", key, headers, value, attempts, at, replayed_at
         from parked where $1 or replayed_at is null order by at desc, id limit $2",
    )
    .bind(which == Letters::All)
    .bind(i64::try_from(max).unwrap_or(i64::MAX))
    .fetch_all(readers)
    .await?;
    rows.iter().map(letter).collect()
}

impl ReadLetters for PgPool {
    async fn read_parked(&self, which: Letters, max: usize) -> Result<Vec<ParkedLetter>, Error> {
        read(self, which, max).await
    }

    async fn read_letter(&self, id: EventId) -> Result<Option<ParkedLetter>, Error> {
        load(&mut *self.acquire().await?, id).await
    }

    async fn read_open_ids(&self, reason: &str, max: usize) -> Result<Vec<EventId>, Error> {
        let ids: Vec<uuid::Uuid> = sqlx::query_scalar(
            "select id from parked where replayed_at is null and strpos(reason, $1) > 0
             order by at, \"offset\", id limit $2",
        )
        .bind(text::stored(reason))
        .bind(i64::try_from(max).unwrap_or(i64::MAX))
        .fetch_all(self)
        .await?;
        Ok(ids.into_iter().map(EventId).collect())
    }
}

fn letter(row: &PgRow) -> Result<ParkedLetter, Error> {
    Ok(ParkedLetter {
        id: EventId(row.try_get("id")?),
        reason: text::told(row.try_get("reason")?),
        topic: text::told(row.try_get("topic")?),
        partition: small("parked.partition", row.try_get("partition")?)?,
        offset: row.try_get("offset")?,
        key: row.try_get::<Vec<u8>, _>("key")?.into(),
        headers: headers_of(row)?,
        value: row.try_get::<Vec<u8>, _>("value")?.into(),
        attempts: small("parked.attempts", row.try_get("attempts")?)?,
        at: Timestamp(row.try_get("at")?),
        replayed: row.try_get::<Option<i64>, _>("replayed_at")?.map(Timestamp),
    })
}
