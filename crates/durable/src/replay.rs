//! Puts a parked letter back on the topic that it came from.
//!
//! One transaction marks the letter and writes its record, as it was parked and under its own id, to the
//! role's outbox; from there the relay of the running product takes it, or that of the next start. So it is
//! put back once, whatever dies in between, and who has had its effect recognises it by its id.
//! Deliberately absent: changing the record. What was wrong is mended outside; a record that is still not
//! usable comes back as an open letter.

use afterglow_domain::{EventId, Shard, Timestamp};
use afterglow_events::{Record, Topic};

use crate::error::Error;
use crate::rows::{OutboxRow, ParkedLetter, Writes};
use crate::shard_set::ShardSet;
use crate::store::{Store, Tx};

/// What a replay came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replay {
    /// It is on its way to this topic.
    Done(Topic),
    /// It was put back before, and nothing was done now.
    Already(Timestamp),
    /// This program has no such topic, so it cannot go back.
    NoTopic(String),
    /// The role has no such letter.
    NoSuchLetter,
}

/// Puts a letter back; repeating it is safe. `at` is now, by the wall's clock.
pub async fn replay<S: Store>(store: &S, id: EventId, at: Timestamp) -> Result<Replay, Error> {
    // A letter's record never changes, so it may be read before its shard is locked.
    let mut tx = store.begin(&ShardSet::default()).await?;
    let letter = tx.load_letter(id).await?;
    drop(tx);
    let Some(letter) = letter else { return Ok(Replay::NoSuchLetter) };
    let Some(topic) = Topic::parse(&letter.topic) else { return Ok(Replay::NoTopic(letter.topic)) };
    let record = record_of(topic, &letter);
    let shard = Shard::of(record.key_text());

    let mut tx = store.begin(&ShardSet::new([shard])).await?;
    if !tx.mark_replayed(id, at).await? {
        let known = tx.load_letter(id).await?;
        let replayed = known.and_then(|known| known.replayed);
        return Ok(replayed.map_or(Replay::NoSuchLetter, Replay::Already));
    }
    tx.write(Writes { outbox: vec![OutboxRow { shard, record }], ..Writes::default() }).await?;
    tx.commit().await?;
    Ok(Replay::Done(topic))
}

fn record_of(topic: Topic, letter: &ParkedLetter) -> Record {
    Record { topic, key: letter.key.clone(), headers: letter.headers.clone(), value: letter.value.clone() }
}
