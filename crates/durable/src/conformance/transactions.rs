//! Whole or not at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use afterglow_domain::EventId;
use afterglow_events::identity;
use uuid::Uuid;

use super::{Fixture, at, cursor, row, shard, timer};
use crate::error::Error;
use crate::rows::{InboxMark, ParkedLetter, Timeline, Writes};
use crate::shard_set::ShardSet;
use crate::store::{CommitFault, CommitFaults, Store, Tx};

fn mark(number: u128, home: &str) -> InboxMark {
    InboxMark { event: EventId(Uuid::from_u128(number)), home: home.to_owned(), taken_at: at(10) }
}

fn letter() -> ParkedLetter {
    ParkedLetter {
        id: identity::dead_letter("test", "t", 1, 2),
        reason: "because".to_owned(),
        topic: "t".to_owned(),
        partition: 1,
        offset: 2,
        key: "k".into(),
        headers: vec![("h".into(), vec![0xff].into())],
        value: vec![0, 159].into(),
        attempts: 3,
        at: at(4),
        replayed: None,
    }
}

fn writes() -> Writes {
    Writes {
        disarm: Vec::new(),
        arm: vec![timer(3, at(100), 1)],
        outbox: vec![row(1, "a")],
        cursors: vec![("g".to_owned(), cursor(2, 7))],
        forget: Vec::new(),
        parked: vec![letter()],
    }
}

/// The shards of [`writes`] and of everything that is called "a".
fn held() -> ShardSet {
    ShardSet::new([shard(3), row(1, "a").shard])
}

async fn commit_all<S: Store>(store: &S) -> Result<bool, Error> {
    let mut tx = store.begin(&held()).await?;
    let first = tx.first_seen(&[mark(1, "acme/x")]).await?;
    tx.write(writes()).await?;
    tx.commit().await?;
    Ok(first[0])
}

async fn holds<S: Store>(store: &S) -> [bool; 4] {
    [
        store.next_due(Timeline::Journey).await.unwrap() == Some(at(100)),
        store.outbox_read(9).await.unwrap().iter().any(|(_, found)| *found == row(1, "a")),
        store.cursors("g").await.unwrap() == [cursor(2, 7)],
        store.parked(9).await.unwrap() == [letter()],
    ]
}

pub(super) async fn a_commit_is_whole_and_survives(fixture: &impl Fixture) {
    let store = fixture.fresh(CommitFaults::default()).await;
    assert_eq!(holds(&store).await, [false; 4]);
    assert!(commit_all(&store).await.unwrap());
    assert_eq!(holds(&store).await, [true; 4]);
    let store = fixture.reopened(store).await;
    assert_eq!(holds(&store).await, [true; 4]);
    assert!(!commit_all(&store).await.unwrap(), "the mark was kept");
    assert_eq!(store.cursors("other").await.unwrap(), []);
    assert_eq!(store.parked(9).await.unwrap().len(), 1, "parked once");
}

pub(super) async fn a_dropped_transaction_leaves_nothing(fixture: &impl Fixture) {
    let store = fixture.fresh(CommitFaults::default()).await;
    let mut tx = store.begin(&held()).await.unwrap();
    tx.first_seen(&[mark(1, "acme/x")]).await.unwrap();
    tx.write(writes()).await.unwrap();
    drop(tx);
    assert_eq!(holds(&store).await, [false; 4]);
    assert!(commit_all(&store).await.unwrap());
}

pub(super) async fn a_lost_commit_leaves_nothing_and_an_unanswered_one_all(fixture: &impl Fixture) {
    for (fault, there) in [(CommitFault::Lost, false), (CommitFault::Unanswered, true)] {
        let calls = Arc::new(AtomicUsize::new(0));
        let faults = CommitFaults::new(move || match calls.fetch_add(1, Ordering::SeqCst) {
            0 => fault,
            _ => CommitFault::None,
        });
        let store = fixture.fresh(faults).await;
        assert!(matches!(commit_all(&store).await, Err(Error::Unavailable(_))));
        assert_eq!(holds(&store).await, [there; 4], "{fault:?}");
        assert_eq!(commit_all(&store).await.unwrap(), !there, "{fault:?}: doing it again is right");
    }
}

pub(super) async fn a_cursor_goes_back_only_where_it_was_forgotten(fixture: &impl Fixture) {
    let store = fixture.fresh(CommitFaults::default()).await;
    let place = ("group".to_owned(), cursor(0, 0).topic, 0);
    for (next_offset, forget, then) in [(7, false, 7), (3, false, 7), (9, false, 9), (4, true, 4)] {
        let mut tx = store.begin(&ShardSet::default()).await.unwrap();
        let cursors = vec![("group".to_owned(), cursor(0, next_offset))];
        let forget = if forget { vec![place.clone()] } else { Vec::new() };
        tx.write(Writes { cursors, forget, ..Writes::default() }).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.cursors("group").await.unwrap(), [cursor(0, then)], "{next_offset} was written");
    }
}

pub(super) async fn a_forgotten_cursor_is_gone(fixture: &impl Fixture) {
    let store = fixture.fresh(CommitFaults::default()).await;
    let mut tx = store.begin(&ShardSet::default()).await.unwrap();
    let cursors = [0, 1].map(|partition| ("group".to_owned(), cursor(partition, 3)));
    tx.write(Writes { cursors: cursors.to_vec(), ..Writes::default() }).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = store.begin(&ShardSet::default()).await.unwrap();
    let place = |group: &str, partition| (group.to_owned(), cursor(0, 0).topic, partition);
    let forget = vec![place("group", 1), place("group", 7), place("another", 0)];
    tx.write(Writes { forget, ..Writes::default() }).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(store.cursors("group").await.unwrap(), [cursor(0, 3)]);
}

pub(super) async fn a_mark_is_new_once(fixture: &impl Fixture) {
    let store = fixture.fresh(CommitFaults::default()).await;
    let mut tx = store.begin(&ShardSet::default()).await.unwrap();
    let marks = [mark(1, "acme/a"), mark(1, "acme/b"), mark(1, "acme/a"), mark(2, "acme/a")];
    assert_eq!(tx.first_seen(&marks).await.unwrap(), [true, true, false, true]);
    tx.commit().await.unwrap();
    let mut tx = store.begin(&ShardSet::default()).await.unwrap();
    assert_eq!(tx.first_seen(&marks).await.unwrap(), [false; 4]);
}

pub(super) async fn marks_are_pruned_by_age(fixture: &impl Fixture) {
    let store = fixture.fresh(CommitFaults::default()).await;
    let mut tx = store.begin(&ShardSet::default()).await.unwrap();
    let young = InboxMark { taken_at: at(20), ..mark(2, "acme/a") };
    tx.first_seen(&[mark(1, "acme/a"), mark(3, "acme/a"), young.clone()]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(store.prune_inbox(at(11), 1).await.unwrap(), 1);
    assert_eq!(store.prune_inbox(at(11), 9).await.unwrap(), 1);
    assert_eq!(store.prune_inbox(at(11), 9).await.unwrap(), 0);
    let mut tx = store.begin(&ShardSet::default()).await.unwrap();
    assert_eq!(tx.first_seen(&[young]).await.unwrap(), [false]);
}

pub(super) async fn writers_take_turns(fixture: &impl Fixture) {
    let store = fixture.fresh(CommitFaults::default()).await;
    let write = |number: u128| {
        let store = store.clone();
        async move {
            let mut tx = store.begin(&held()).await.unwrap();
            tx.write(Writes { outbox: vec![row(number, "a"), row(number + 100, "a")], ..Writes::default() })
                .await
                .unwrap();
            tx.commit().await.unwrap();
        }
    };
    futures::future::join_all((0..20).map(write)).await;
    let rows = store.outbox_read(100).await.unwrap();
    assert_eq!(rows.len(), 40);
    for pair in rows.chunks(2) {
        let number = |index: usize| pair[index].1.record.header("ce_id").unwrap().parse::<Uuid>().unwrap();
        assert_eq!(number(0).as_u128() + 100, number(1).as_u128(), "transactions do not interleave");
    }
}

pub(super) async fn a_shard_that_is_not_held_is_not_written(fixture: &impl Fixture) {
    let store = fixture.fresh(CommitFaults::default()).await;
    let strangers = [
        Writes { arm: vec![timer(4, at(100), 1)], ..Writes::default() },
        Writes { outbox: vec![row(1, "a")], ..Writes::default() },
    ];
    for writes in strangers {
        let mut tx = store.begin(&ShardSet::new([shard(3)])).await.unwrap();
        assert!(matches!(tx.write(writes).await, Err(Error::Refused(_))));
    }
    assert_eq!(holds(&store).await, [false; 4]);
}
