//! Events on their way to the log.

use std::collections::BTreeSet;
use std::sync::Mutex;

use afterglow_domain::clock::ManualClock;
use afterglow_events::{Append, AppendError, Position, Record};

use uuid::Uuid;

use super::{Fixture, at, row};
use crate::relay::{Progress, relay_once};
use crate::rows::{OutboxRow, Writes};
use crate::shard_set::ShardSet;
use crate::standing::made_at;
use crate::store::{CommitFaults, Outgoing, Store, Tx};

/// A log that answers by the event's number and remembers what it took.
struct Scripted {
    taken: Mutex<Vec<Record>>,
    answer: fn(u128) -> Result<Position, AppendError>,
}

impl Append for Scripted {
    /// As every log does it: after the first failure of a key nothing more of it is taken.
    async fn append(&self, records: Vec<Record>) -> Vec<Result<Position, AppendError>> {
        let mut stopped = BTreeSet::new();
        let answer = |record: &Record| {
            if stopped.contains(&record.key) {
                return Err(AppendError::Unavailable("an earlier one of its key was not taken".to_owned()));
            }
            let answer = (self.answer)(number(record));
            if answer.is_err() {
                stopped.insert(record.key.clone());
            }
            answer
        };
        let answers: Vec<_> = records.iter().map(answer).collect();
        let taken = records.into_iter().zip(&answers).filter(|(_, answer)| answer.is_ok());
        self.taken.lock().unwrap().extend(taken.map(|(record, _)| record));
        answers
    }
}

/// The number that the event was made with.
fn number(record: &Record) -> u128 {
    record.header("ce_id").unwrap().parse::<Uuid>().unwrap().as_u128()
}

fn scripted(answer: fn(u128) -> Result<Position, AppendError>) -> Scripted {
    Scripted { taken: Mutex::default(), answer }
}

#[expect(clippy::unnecessary_wraps, reason = "it is one of the answers that a script may give")]
fn taken(_: u128) -> Result<Position, AppendError> {
    Ok(Position { partition: 0, offset: 0 })
}

async fn put<S: Store>(store: &S, rows: Vec<OutboxRow>) {
    let mut tx = store.begin(&ShardSet::new(rows.iter().map(|row| row.shard))).await.unwrap();
    tx.write(Writes { outbox: rows, ..Writes::default() }).await.unwrap();
    tx.commit().await.unwrap();
}

async fn rows_of<S: Store>(store: &S) -> Vec<OutboxRow> {
    store.outbox_read(1000).await.unwrap().into_iter().map(|(_, row)| row).collect()
}

pub(super) async fn rows_keep_the_commit_order(fixture: &impl Fixture) {
    let store = fixture.fresh(CommitFaults::default()).await;
    let expected: Vec<OutboxRow> = (0..600).map(|n| row(n, "a")).collect();
    for rows in expected.chunks(301) {
        put(&store, rows.to_vec()).await;
    }
    assert_eq!(rows_of(&store).await, expected);
    let seqs: Vec<i64> = store.outbox_read(1000).await.unwrap().into_iter().map(|(seq, _)| seq).collect();
    assert!(seqs.windows(2).all(|pair| pair[0] < pair[1]));
    assert_eq!(store.outbox_read(2).await.unwrap().len(), 2);
    let standing = store.standing().await.unwrap();
    assert_eq!((standing.outbox_rows, standing.outbox_since), (600, made_at(&expected[0])));
    assert!(standing.outbox_since.is_some());
}

pub(super) async fn exactly_the_acknowledged_rows_go(fixture: &impl Fixture) {
    let store = fixture.fresh(CommitFaults::default()).await;
    put(&store, (0..4).map(|n| row(n, "a")).collect()).await;
    let seqs: Vec<i64> = store.outbox_read(9).await.unwrap().into_iter().map(|(seq, _)| seq).collect();
    put(&store, vec![row(9, "a")]).await;
    let (outgoing, _) = store.outbox_take(9).await.unwrap().unwrap();
    outgoing.settle(&[seqs[1], seqs[3]], &[]).await.unwrap();
    assert_eq!(rows_of(&store).await, [row(0, "a"), row(2, "a"), row(9, "a")]);
    let store = fixture.reopened(store).await;
    put(&store, vec![row(10, "a")]).await;
    assert_eq!(rows_of(&store).await.last(), Some(&row(10, "a")), "a sequence number is never given twice");
}

pub(super) async fn the_relay_repeats_what_was_not_acknowledged(fixture: &impl Fixture) {
    let store = fixture.fresh(CommitFaults::default()).await;
    let wall = ManualClock::new(at(1));
    put(&store, (0..3).map(|n| row(n, "a")).collect()).await;
    let away = scripted(|event| match event {
        0 => taken(0),
        _ => Err(AppendError::Unavailable("away".to_owned())),
    });
    assert!(matches!(relay_once("test", &store, &away, &wall).await.unwrap(), Progress::Stuck(_)));
    assert_eq!(rows_of(&store).await, [row(1, "a"), row(2, "a")]);
    let back = scripted(taken);
    assert_eq!(relay_once("test", &store, &back, &wall).await.unwrap(), Progress::All);
    assert_eq!(relay_once("test", &store, &back, &wall).await.unwrap(), Progress::Nothing);
    let sent: Vec<Record> = back.taken.lock().unwrap().clone();
    assert_eq!(sent, [row(1, "a").record, row(2, "a").record]);
}

pub(super) async fn what_is_taken_is_taken_once(fixture: &impl Fixture) {
    let store = fixture.fresh(CommitFaults::default()).await;
    put(&store, (0..3).map(|n| row(n, "a")).collect()).await;
    let (outgoing, rows) = store.outbox_take(2).await.unwrap().unwrap();
    assert_eq!(rows.len(), 2);
    assert!(store.outbox_take(9).await.unwrap().is_none(), "another relay does not get what this one has");
    drop(outgoing);
    // One that died has it no more. The server may need a moment to notice.
    let (outgoing, rows) = loop {
        if let Some(taken) = store.outbox_take(9).await.unwrap() {
            break taken;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(rows.len(), 3);
    outgoing.settle(&[rows[0].0], &[]).await.unwrap();
    let (_outgoing, rows) = store.outbox_take(9).await.unwrap().unwrap();
    assert_eq!(rows.into_iter().map(|(_, row)| row).collect::<Vec<_>>(), [row(1, "a"), row(2, "a")]);
}

pub(super) async fn a_stuck_event_holds_back_its_key_only(fixture: &impl Fixture) {
    let store = fixture.fresh(CommitFaults::default()).await;
    let wall = ManualClock::new(at(1));
    put(&store, vec![row(1, "a"), row(2, "a")]).await;
    put(&store, vec![row(3, "b"), row(4, "b")]).await;
    let log = scripted(|event| match event {
        1 => Err(AppendError::Unavailable("one partition is away".to_owned())),
        _ => taken(0),
    });
    // One round for each of the two keys, should these be of different classes.
    for _ in 0..2 {
        relay_once("test", &store, &log, &wall).await.unwrap();
    }
    assert_eq!(rows_of(&store).await, [row(1, "a"), row(2, "a")]);
    let sent: Vec<u128> = log.taken.lock().unwrap().iter().map(number).collect();
    assert_eq!(sent, [3, 4]);
}

pub(super) async fn what_the_log_never_takes_is_parked(fixture: &impl Fixture) {
    let store = fixture.fresh(CommitFaults::default()).await;
    put(&store, vec![row(1, "a"), row(2, "b")]).await;
    let log = scripted(|event| match event {
        1 => Err(AppendError::TooLarge { bytes: 2_000_000, max: 524_288 }),
        _ => taken(0),
    });
    let wall = ManualClock::new(at(1));
    while relay_once("test", &store, &log, &wall).await.unwrap() != Progress::Nothing {}
    assert_eq!(rows_of(&store).await, []);
    let parked = store.parked(9).await.unwrap();
    assert_eq!(parked.len(), 1);
    assert_eq!(parked[0].value, row(1, "a").record.value);
    assert!(parked[0].reason.contains("2000000 bytes"), "{}", parked[0].reason);
}
