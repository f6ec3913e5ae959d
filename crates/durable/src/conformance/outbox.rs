//! Events on their way to the log.

use std::sync::Mutex;

use afterglow_domain::clock::ManualClock;
use afterglow_events::{Append, AppendError, Position, Record};

use super::{Fixture, at, row, shard};
use crate::relay::{Progress, relay_once};
use crate::rows::{OutboxRow, Writes};
use crate::shard_set::ShardSet;
use crate::store::{CommitFaults, Store, Tx};

/// A log that answers as told and remembers what it was given.
struct Scripted {
    taken: Mutex<Vec<Record>>,
    answer: fn(usize) -> Result<Position, AppendError>,
}

impl Append for Scripted {
    async fn append(&self, records: Vec<Record>) -> Vec<Result<Position, AppendError>> {
        let answers = (0..records.len()).map(self.answer).collect();
        self.taken.lock().unwrap().extend(records);
        answers
    }
}

fn scripted(answer: fn(usize) -> Result<Position, AppendError>) -> Scripted {
    Scripted { taken: Mutex::default(), answer }
}

#[expect(clippy::unnecessary_wraps, reason = "it is one of the answers that a script may give")]
fn taken(_: usize) -> Result<Position, AppendError> {
    Ok(Position { partition: 0, offset: 0 })
}

async fn put<S: Store>(store: &S, rows: Vec<OutboxRow>) {
    let mut tx = store.begin(&ShardSet::new([shard(3)])).await.unwrap();
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
}

pub(super) async fn exactly_the_acknowledged_rows_go(fixture: &impl Fixture) {
    let store = fixture.fresh(CommitFaults::default()).await;
    put(&store, (0..4).map(|n| row(n, "a")).collect()).await;
    let seqs: Vec<i64> = store.outbox_read(9).await.unwrap().into_iter().map(|(seq, _)| seq).collect();
    put(&store, vec![row(9, "a")]).await;
    store.outbox_settle(&[seqs[1], seqs[3]], &[]).await.unwrap();
    assert_eq!(rows_of(&store).await, [row(0, "a"), row(2, "a"), row(9, "a")]);
    let store = fixture.reopened(store).await;
    put(&store, vec![row(10, "a")]).await;
    assert_eq!(rows_of(&store).await.last(), Some(&row(10, "a")), "a sequence number is never given twice");
}

pub(super) async fn the_relay_repeats_what_was_not_acknowledged(fixture: &impl Fixture) {
    let store = fixture.fresh(CommitFaults::default()).await;
    let wall = ManualClock::new(at(1));
    put(&store, (0..3).map(|n| row(n, "a")).collect()).await;
    let away = scripted(|index| match index {
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

pub(super) async fn what_the_log_never_takes_is_parked(fixture: &impl Fixture) {
    let store = fixture.fresh(CommitFaults::default()).await;
    put(&store, vec![row(1, "a"), row(2, "b")]).await;
    let log = scripted(|index| match index {
        0 => Err(AppendError::TooLarge { bytes: 2_000_000, max: 524_288 }),
        _ => taken(0),
    });
    let wall = ManualClock::new(at(1));
    assert_eq!(relay_once("test", &store, &log, &wall).await.unwrap(), Progress::All);
    assert_eq!(rows_of(&store).await, []);
    let parked = store.parked(9).await.unwrap();
    assert_eq!(parked.len(), 1);
    assert_eq!(parked[0].value, row(1, "a").record.value);
    assert!(parked[0].reason.contains("2000000 bytes"), "{}", parked[0].reason);
}
