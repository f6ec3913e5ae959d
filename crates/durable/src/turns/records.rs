//! Records in.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use afterglow_domain::Shard;
use afterglow_events::{Consume, ConsumeError, Cursor, Event, Received, Topic};
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use tokio_util::sync::CancellationToken;

use super::spans::Spans;
use super::{Handler, Incoming, TURN_ROWS_MAX};
use crate::answer::answered;
use crate::error::Error;
use crate::metric;
use crate::parked::{letter_of, outbox_of};
use crate::rows::{ParkedLetter, Timeline, Writes};
use crate::shard_set::ShardSet;
use crate::store::{Store, Tx};
use crate::trouble::Trouble;

/// How long a poll waits for records.
const POLL: Duration = Duration::from_secs(1);

/// Pause after the store or the log failed.
const PAUSE: Duration = Duration::from_millis(500);

/// How many classes of a poll are decided at the same time. Each holds a connection and its class, which timers
/// and other replicas wait for.
const CLASSES_AT_ONCE: usize = 2;

/// How many records a transaction decides on at most, where the store splits classes: timers and other replicas
/// wait for the class until its COMMIT, and an enrolment costs about half a millisecond there.
const TOGETHER_MAX: usize = 100;

const DAY_SECONDS: u64 = 86_400;

/// Why a consumer loop ended.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    /// It was asked to.
    #[error("stopped")]
    Asked,
    /// A person must decide how to go on.
    #[error(transparent)]
    Discontinuity(ConsumeError),
}

/// What a record turned out to be.
enum Item {
    Good { incoming: Incoming, shards: ShardSet },
    Bad { letter: ParkedLetter, received: Received },
}

impl Item {
    fn received(&self) -> &Received {
        match self {
            Self::Good { incoming, .. } => &incoming.received,
            Self::Bad { received, .. } => received,
        }
    }
}

/// Polls and decides until `stop`. Failures of the store or the log are waited out; nothing is skipped.
pub async fn consume<H, S, C>(handler: &H, store: &S, mut consumer: C, stop: &CancellationToken) -> Stopped
where
    H: Handler<Tx = S::Tx>,
    S: Store,
    C: Consume,
{
    let trouble = Trouble::new(handler.role(), "consumer", "");
    loop {
        let turn = tokio::select! {
            biased;
            () = stop.cancelled() => return Stopped::Asked,
            polled = consumer.poll(TURN_ROWS_MAX, POLL) => polled,
        };
        let problem = match turn {
            Ok(records) => match decide(handler, store, records).await {
                Ok(cursors) => consumer.commit(&cursors).await.err().map(|error| error.to_string()),
                Err(error) => Some(error.to_string()),
            },
            Err(error @ ConsumeError::Discontinuity { .. }) => return Stopped::Discontinuity(error),
            Err(error) => Some(error.to_string()),
        };
        handler.turned(problem.as_deref());
        trouble.tell(problem.as_deref());
        if problem.is_some() {
            tokio::time::sleep(PAUSE).await;
            // Going on without going back would skip what was not decided.
            while consumer.rewind().await.is_err() {
                tokio::select! {
                    () = stop.cancelled() => return Stopped::Asked,
                    () = tokio::time::sleep(PAUSE) => {}
                }
            }
        }
    }
}

/// One turn without waiting: for simulations. How many records were decided.
pub async fn consume_once<H, S, C>(handler: &H, store: &S, consumer: &mut C) -> Result<usize, String>
where
    H: Handler<Tx = S::Tx>,
    S: Store,
    C: Consume,
{
    let records = consumer.poll(TURN_ROWS_MAX, Duration::ZERO).await.map_err(|error| error.to_string())?;
    let count = records.len();
    match decide(handler, store, records).await {
        Ok(cursors) => consumer.commit(&cursors).await.map_err(|error| error.to_string())?,
        Err(error) => {
            consumer.rewind().await.map_err(|error| error.to_string())?;
            return Err(error.to_string());
        }
    }
    Ok(count)
}

/// Items of one class with the cursors that are written with them.
type Group = (Vec<Item>, Vec<Cursor>);

/// Decides on a poll's records, one transaction per class where the store wants it; gives the cursors.
async fn decide<H, S>(handler: &H, store: &S, records: Vec<Received>) -> Result<Vec<Cursor>, Error>
where
    H: Handler<Tx = S::Tx>,
    S: Store,
{
    let cursors = cursors_of(&records, handler);
    let (groups, apart) = groups_of(handler, store.splits_classes(), records, &cursors);
    // A cursor is written when everything before it is decided. Where every partition is of one class nothing
    // waits for another class, and the commits' way to the disk is shared.
    let at_once = if apart { CLASSES_AT_ONCE } else { 1 };
    let mut settling = Vec::with_capacity(groups.len());
    for (items, cursors) in &groups {
        settling.push(settle(handler, store, items, cursors));
    }
    stream::iter(settling).buffered(at_once).try_collect::<()>().await?;
    Ok(cursors)
}

/// The records by class, and whether each partition's are all of one class.
fn groups_of<H: Handler>(
    handler: &H,
    split: bool,
    records: Vec<Received>,
    cursors: &[Cursor],
) -> (Vec<Group>, bool) {
    let role = handler.role();
    let mut by_class: BTreeMap<u8, Vec<Item>> = BTreeMap::new();
    // A partition's cursor goes with the last group that has records of it.
    let mut last: BTreeMap<(Topic, u16), u8> = BTreeMap::new();
    let mut apart = true;
    for received in records {
        let class = Shard::of(received.record.key_text()).class();
        let class = if split { class } else { 0 };
        metrics::counter!(metric::RECEIVED, "role" => role, "topic" => received.record.topic.short_name())
            .increment(1);
        let last = last.entry((received.record.topic, received.partition)).or_insert(class);
        apart &= *last == class;
        *last = class.max(*last);
        by_class.entry(class).or_default().push(item_of(handler, received));
    }
    let group = |(class, items)| {
        let mine =
            cursors.iter().filter(|cursor| last.get(&(cursor.topic, cursor.partition)) == Some(&class));
        (items, mine.cloned().collect())
    };
    (by_class.into_iter().map(group).collect(), apart)
}

fn cursors_of<H: Handler>(records: &[Received], handler: &H) -> Vec<Cursor> {
    let mut cursors = BTreeMap::new();
    for received in records {
        let cursor = Cursor {
            topic: received.record.topic,
            partition: received.partition,
            next_offset: received.offset + 1,
            last_event_id: received.record.header("ce_id").unwrap_or_default().to_owned(),
            at: handler.now(Timeline::Wall),
        };
        cursors.insert((received.record.topic, received.partition), cursor);
    }
    cursors.into_values().collect()
}

fn item_of<H: Handler>(handler: &H, received: Received) -> Item {
    let (age, age_max) = (handler.now(Timeline::Wall).since(received.taken_at), handler.terms().age_max);
    match Event::from_record(&received.record) {
        Ok(_) if age > age_max => {
            let reason = format!(
                "it is older than the log's retention of {} days: the log took it at {}",
                age_max.as_secs() / DAY_SECONDS,
                received.taken_at
            );
            bad(handler, received, reason)
        }
        Ok(event) => {
            let incoming = Incoming { event, received };
            Item::Good { shards: ShardSet::new(handler.shards(&incoming)), incoming }
        }
        Err(error) => bad(handler, received, error.to_string()),
    }
}

fn bad<H: Handler>(handler: &H, received: Received, reason: String) -> Item {
    let letter = letter_of(handler.role(), &received, reason, handler.now(Timeline::Wall));
    Item::Bad { letter, received }
}

/// Items that may share a transaction, in order. One that touches shards of another class is alone in its
/// own: it would make all its neighbours hold both classes.
fn together(split: bool, items: &[Item]) -> Vec<&[Item]> {
    let wide = |item: &Item| match item {
        Item::Good { shards, .. } => !shards.one_class(),
        Item::Bad { .. } => false,
    };
    if !split {
        return vec![items];
    }
    let parts = items.chunk_by(|one, next| !wide(one) && !wide(next));
    parts.flat_map(|part| part.chunks(TOGETHER_MAX)).collect()
}

/// Decides on items in one transaction; where that is refused or panics, on halves, until the culprit
/// is alone and parked. Order is kept: the left half is committed before the right one is tried.
async fn settle<H, S>(handler: &H, store: &S, items: &[Item], cursors: &[Cursor]) -> Result<(), Error>
where
    H: Handler<Tx = S::Tx>,
    S: Store,
{
    // Last in, first out; the cursors go with the last of them.
    let mut todo: Vec<(&[Item], &[Cursor])> = Vec::new();
    for part in together(store.splits_classes(), items).into_iter().rev() {
        todo.push((part, if todo.is_empty() { cursors } else { &[] }));
    }
    while let Some((items, cursors)) = todo.pop() {
        let reason = match attempt(handler, store, items, cursors).await? {
            Ok(()) => continue,
            Err(reason) => reason,
        };
        metrics::counter!(metric::ERRORED, "role" => handler.role()).increment(1);
        if let [culprit] = items {
            tracing::error!(
                role = handler.role(),
                reason,
                topic = culprit.received().record.topic.name(),
                partition = culprit.received().partition,
                offset = culprit.received().offset,
                "consumer: record parked"
            );
            let parked = [bad(handler, culprit.received().clone(), reason)];
            attempt(handler, store, &parked, cursors).await?.map_err(Error::Refused)?;
        } else {
            let (left, right) = items.split_at(items.len() / 2);
            todo.push((right, cursors));
            todo.push((left, &[]));
        }
    }
    Ok(())
}

/// One transaction. The outer error is the world's (try again), the inner one the items' (bisect). Each event
/// has a span as long as its transaction, and what the role does with it is caused by that.
async fn attempt<H, S>(
    handler: &H,
    store: &S,
    items: &[Item],
    cursors: &[Cursor],
) -> Result<Result<(), String>, Error>
where
    H: Handler<Tx = S::Tx>,
    S: Store,
{
    let mut spans = Spans::default();
    let outcome = transact(handler, store, (items, cursors), &mut spans).await;
    if !matches!(outcome, Ok(Ok(()))) {
        spans.failed();
    }
    outcome
}

async fn transact<H, S>(
    handler: &H,
    store: &S,
    (items, cursors): (&[Item], &[Cursor]),
    spans: &mut Spans,
) -> Result<Result<(), String>, Error>
where
    H: Handler<Tx = S::Tx>,
    S: Store,
{
    let mut good = Vec::new();
    let mut writes = Writes::default();
    let mut shards = Vec::new();
    for item in items {
        match item {
            Item::Good { incoming, shards: its } => {
                shards.extend(its.iter());
                let mut incoming = incoming.clone();
                spans.begin(handler.role(), &mut incoming);
                good.push(incoming);
            }
            Item::Bad { letter, received } => {
                let shard = Shard::of(received.record.key_text());
                shards.push(shard);
                writes.outbox.push(outbox_of(handler.role(), letter, shard, handler.terms().encoding));
                writes.parked.push(letter.clone());
            }
        }
    }
    metrics::counter!(metric::PARKED, "role" => handler.role()).increment(writes.parked.len() as u64);
    writes.cursors = cursors.iter().map(|cursor| (handler.role().to_owned(), cursor.clone())).collect();
    let decided = async {
        let mut tx = store.begin(&ShardSet::new(shards)).await?;
        if !good.is_empty() {
            match guarded(handler.apply(&mut tx, good)).await {
                Ok(()) => {}
                Err(Error::Unavailable(reason)) => return Err(Error::Unavailable(reason)),
                Err(error) => return Ok(Err(error.to_string())),
            }
        }
        tx.write(writes).await?;
        tx.commit().await?;
        Ok(Ok(()))
    };
    answered(store, decided).await
}

/// A decision's result; a panic in it is a refusal that names itself.
pub(super) async fn guarded(decision: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    match AssertUnwindSafe(decision).catch_unwind().await {
        Ok(result) => result,
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(ToString::to_string);
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            Err(Error::Refused(format!("the decision panicked: {text}")))
        }
    }
}

#[cfg(test)]
mod tests;
