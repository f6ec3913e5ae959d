//! Inbox and cursors in SQL.

use std::collections::HashSet;

use afterglow_domain::Timestamp;
use afterglow_events::record::headers_from_bytes;
use afterglow_events::{Cursor, Topic};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgPool, Row};
use uuid::Uuid;

use super::text;
use crate::error::Error;
use crate::rows::InboxMark;

/// Inserts the marks; for each whether it was new.
pub(super) async fn first_seen(
    connection: &mut PgConnection,
    marks: &[InboxMark],
) -> Result<Vec<bool>, Error> {
    if marks.is_empty() {
        return Ok(Vec::new());
    }
    let new: Vec<(Uuid, String)> = sqlx::query_as(
        "insert into inbox (event_id, home, taken_at)
         select * from unnest($1::uuid[], $2::text[], $3::int8[])
         on conflict do nothing returning event_id, home",
    )
    .bind(marks.iter().map(|mark| mark.event.0).collect::<Vec<_>>())
    .bind(marks.iter().map(|mark| mark.home.as_str()).collect::<Vec<_>>())
    .bind(marks.iter().map(|mark| mark.taken_at.0).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    let mut new: HashSet<(Uuid, String)> = new.into_iter().collect();
    Ok(marks.iter().map(|mark| new.remove(&(mark.event.0, mark.home.clone()))).collect())
}

pub(super) async fn prune_inbox(pool: &PgPool, before: Timestamp, max: usize) -> Result<usize, Error> {
    let done = sqlx::query(
        "delete from inbox where (event_id, home) in
         (select event_id, home from inbox where taken_at < $1 order by taken_at limit $2)",
    )
    .bind(before.0)
    .bind(i64::try_from(max).unwrap_or(i64::MAX))
    .execute(pool)
    .await?;
    Ok(usize::try_from(done.rows_affected()).unwrap_or(usize::MAX))
}

/// Writes cursors, forwards only; gives what stood there before.
pub(super) async fn store_cursors(
    connection: &mut PgConnection,
    cursors: &[(String, Cursor)],
) -> Result<Vec<(String, String, i32, i64)>, Error> {
    if cursors.is_empty() {
        return Ok(Vec::new());
    }
    let before = sqlx::query_as(
        "with new as (
            select * from unnest($1::text[], $2::text[], $3::int4[], $4::int8[], $5::text[], $6::int8[])
            as n(consumer, topic, partition, next_offset, last_event_id, at)),
         written as (
            insert into cursor (consumer, topic, partition, next_offset, last_event_id, at)
            select consumer, topic, partition, next_offset, last_event_id, at from new
            on conflict (consumer, topic, partition) do update set next_offset = excluded.next_offset,
            last_event_id = excluded.last_event_id, at = excluded.at
            where cursor.next_offset < excluded.next_offset)
         select c.consumer, c.topic, c.partition, c.next_offset
         from new join cursor c using (consumer, topic, partition)",
    )
    .bind(cursors.iter().map(|(group, _)| group.as_str()).collect::<Vec<_>>())
    .bind(cursors.iter().map(|(_, cursor)| cursor.topic.name()).collect::<Vec<_>>())
    .bind(cursors.iter().map(|(_, cursor)| i32::from(cursor.partition)).collect::<Vec<_>>())
    .bind(cursors.iter().map(|(_, cursor)| cursor.next_offset).collect::<Vec<_>>())
    .bind(cursors.iter().map(|(_, cursor)| text::stored(&cursor.last_event_id)).collect::<Vec<_>>())
    .bind(cursors.iter().map(|(_, cursor)| cursor.at.0).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    Ok(before)
}

pub(super) async fn forget_cursors(
    connection: &mut PgConnection,
    places: &[(String, Topic, u16)],
) -> Result<(), Error> {
    for (group, topic, partition) in places {
        sqlx::query("delete from cursor where consumer = $1 and topic = $2 and partition = $3")
            .bind(group)
            .bind(topic.name())
            .bind(i32::from(*partition))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

pub(super) async fn cursors(readers: &PgPool, group: &str) -> Result<Vec<Cursor>, Error> {
    let rows = sqlx::query(
        "select topic, partition, next_offset, last_event_id, at from cursor where consumer = $1
         order by topic, partition",
    )
    .bind(group)
    .fetch_all(readers)
    .await?;
    rows.iter().map(cursor).collect()
}

fn cursor(row: &PgRow) -> Result<Cursor, Error> {
    let topic: &str = row.try_get("topic")?;
    let partition: i32 = row.try_get("partition")?;
    Ok(Cursor {
        topic: Topic::parse(topic).ok_or_else(|| Error::Refused(format!("cursor.topic is {topic:?}")))?,
        partition: small("cursor.partition", partition)?,
        next_offset: row.try_get("next_offset")?,
        last_event_id: text::told(row.try_get("last_event_id")?),
        at: Timestamp(row.try_get("at")?),
    })
}

/// A small number of a column that is wider.
pub(super) fn small<N: TryFrom<i32>>(column: &str, number: i32) -> Result<N, Error> {
    N::try_from(number).map_err(|_| Error::Refused(format!("{column} is {number}")))
}

/// The headers of a row.
pub(super) fn headers_of(row: &PgRow) -> Result<Vec<afterglow_events::record::Header>, Error> {
    headers_from_bytes(row.try_get("headers")?)
        .ok_or_else(|| Error::Refused("a row's headers are not of their form".to_owned()))
}
