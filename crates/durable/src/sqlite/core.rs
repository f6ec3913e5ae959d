//! Inbox, outbox and cursors in SQL.

use afterglow_domain::{Shard, Timestamp};
use afterglow_events::record::{headers_from_bytes, headers_to_bytes};
use afterglow_events::{Cursor, Record, Topic};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};

use super::ROWS_PER_STATEMENT;
use crate::error::Error;
use crate::rows::{InboxMark, OutboxRow};

/// Inserts the marks; for each whether it was new.
pub(super) async fn first_seen(
    connection: &mut SqliteConnection,
    marks: &[InboxMark],
) -> Result<Vec<bool>, Error> {
    let mut first = Vec::with_capacity(marks.len());
    for mark in marks {
        let done = sqlx::query("insert or ignore into inbox (event_id, home, taken_at) values (?, ?, ?)")
            .bind(mark.event.as_bytes().as_slice())
            .bind(&mark.home)
            .bind(mark.taken_at.0)
            .execute(&mut *connection)
            .await?;
        first.push(done.rows_affected() == 1);
    }
    Ok(first)
}

pub(super) async fn append_outbox(
    connection: &mut SqliteConnection,
    rows: &[OutboxRow],
) -> Result<(), Error> {
    for chunk in rows.chunks(ROWS_PER_STATEMENT) {
        let mut query =
            QueryBuilder::<Sqlite>::new("insert into outbox (shard, topic, key, headers, value) ");
        query.push_values(chunk, |mut values, row| {
            values
                .push_bind(i64::from(row.shard.number()))
                .push_bind(row.record.topic.name())
                .push_bind(row.record.key.as_ref())
                .push_bind(headers_to_bytes(&row.record.headers))
                .push_bind(row.record.value.as_ref());
        });
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

/// The oldest outbox rows.
pub(super) const READ_OUTBOX: &str =
    "select seq, shard, topic, key, headers, value from outbox order by seq limit ?";

pub(super) fn outbox_row(row: &SqliteRow) -> Result<(i64, OutboxRow), Error> {
    let shard = u8::try_from(row.try_get::<i64, _>("shard")?).ok().and_then(Shard::new);
    let topic: String = row.try_get("topic")?;
    let record = Record {
        topic: Topic::parse(&topic).ok_or_else(|| Error::Refused(format!("outbox.topic is {topic:?}")))?,
        key: row.try_get::<Vec<u8>, _>("key")?.into(),
        headers: headers_of(row)?,
        value: row.try_get::<Vec<u8>, _>("value")?.into(),
    };
    let shard = shard.ok_or_else(|| Error::Refused("outbox.shard is not one".to_owned()))?;
    Ok((row.try_get("seq")?, OutboxRow { shard, record }))
}

pub(super) fn headers_of(row: &SqliteRow) -> Result<Vec<afterglow_events::record::Header>, Error> {
    headers_from_bytes(row.try_get("headers")?)
        .ok_or_else(|| Error::Refused("a row's headers are not of their form".to_owned()))
}

pub(super) async fn delete_outbox(connection: &mut SqliteConnection, seqs: &[i64]) -> Result<(), Error> {
    for chunk in seqs.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::<Sqlite>::new("delete from outbox where seq in (");
        let mut list = query.separated(", ");
        for seq in chunk {
            list.push_bind(*seq);
        }
        query.push(")");
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

pub(super) async fn store_cursors(
    connection: &mut SqliteConnection,
    cursors: &[(String, Cursor)],
) -> Result<(), Error> {
    for (group, cursor) in cursors {
        sqlx::query(
            "insert into cursor (consumer, topic, partition, next_offset, last_event_id, at)
             values (?, ?, ?, ?, ?, ?)
             on conflict (consumer, topic, partition) do update set next_offset = excluded.next_offset,
             last_event_id = excluded.last_event_id, at = excluded.at
             where cursor.next_offset < excluded.next_offset",
        )
        .bind(group)
        .bind(cursor.topic.name())
        .bind(i64::from(cursor.partition))
        .bind(cursor.next_offset)
        .bind(&cursor.last_event_id)
        .bind(cursor.at.0)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

pub(super) async fn forget_cursors(
    connection: &mut SqliteConnection,
    places: &[(String, Topic, u16)],
) -> Result<(), Error> {
    for (group, topic, partition) in places {
        sqlx::query("delete from cursor where consumer = ? and topic = ? and partition = ?")
            .bind(group)
            .bind(topic.name())
            .bind(i64::from(*partition))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// The cursors of one group.
pub(super) const READ_CURSORS: &str = "select topic, partition, next_offset, last_event_id, at from cursor where consumer = ? order by topic, partition";

pub(super) fn cursor(row: &SqliteRow) -> Result<Cursor, Error> {
    let topic: String = row.try_get("topic")?;
    Ok(Cursor {
        topic: Topic::parse(&topic).ok_or_else(|| Error::Refused(format!("cursor.topic is {topic:?}")))?,
        partition: row.try_get("partition")?,
        next_offset: row.try_get("next_offset")?,
        last_event_id: row.try_get("last_event_id")?,
        at: Timestamp(row.try_get("at")?),
    })
}
