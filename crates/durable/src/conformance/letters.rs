//! What could not be used, put back and forgotten.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use afterglow_domain::{EventId, Timestamp};
use afterglow_events::{Encoding, Topic, identity};

use super::{Fixture, at, event, shard};
#[cfg(test)]
use crate::letters::{Letters, ReadLetters};
use crate::replay::{Replay, replay};
use crate::rows::{ParkedLetter, Writes};
use crate::shard_set::ShardSet;
use crate::store::{CommitFault, CommitFaults, Store, Tx};

/// A letter of the record with event `number`, parked at `when`.
fn letter(number: u128, when: Timestamp) -> ParkedLetter {
    let record = event(number, "a").to_record(Encoding::Protobuf);
    ParkedLetter {
        id: identity::dead_letter("test", "t", 0, i64::try_from(number).unwrap()),
        reason: format!("reason {number}"),
        topic: record.topic.name().to_owned(),
        partition: 0,
        offset: 2,
        key: record.key,
        headers: record.headers,
        value: record.value,
        attempts: 1,
        at: when,
        replayed: None,
    }
}

async fn park<S: Store>(store: &S, letters: &[ParkedLetter]) {
    let mut tx = store.begin(&ShardSet::new([shard(3)])).await.unwrap();
    tx.write(Writes { parked: letters.to_vec(), ..Writes::default() }).await.unwrap();
    tx.commit().await.unwrap();
}

async fn ids<S: Store>(store: &S) -> Vec<EventId> {
    store.parked(9).await.unwrap().into_iter().map(|letter| letter.id).collect()
}

pub(super) async fn a_letter_goes_back_once_as_it_was(fixture: &impl Fixture) {
    let store = fixture.fresh(CommitFaults::default()).await;
    let (known, unknown) = (letter(1, at(4)), letter(2, at(4)));
    park(&store, std::slice::from_ref(&known)).await;
    assert_eq!(replay(&store, unknown.id, at(5)).await.unwrap(), Replay::NoSuchLetter);
    assert_eq!(replay(&store, known.id, at(5)).await.unwrap(), Replay::Done(Topic::Signals));
    let store = fixture.reopened(store).await;
    assert_eq!(replay(&store, known.id, at(6)).await.unwrap(), Replay::Already(at(5)));
    let rows = store.outbox_read(9).await.unwrap();
    let records: Vec<_> = rows.into_iter().map(|(_, row)| row.record).collect();
    assert_eq!(records, [event(1, "a").to_record(Encoding::Protobuf)], "with its own id, once");
    let replayed = ParkedLetter { replayed: Some(at(5)), ..known };
    assert_eq!(store.parked(9).await.unwrap(), [replayed], "it stays to be seen");
}

pub(super) async fn a_letter_without_a_topic_stays(fixture: &impl Fixture) {
    let store = fixture.fresh(CommitFaults::default()).await;
    let stranger = ParkedLetter { topic: "a.later.topic".to_owned(), ..letter(1, at(4)) };
    park(&store, std::slice::from_ref(&stranger)).await;
    let told = replay(&store, stranger.id, at(5)).await.unwrap();
    assert_eq!(told, Replay::NoTopic("a.later.topic".to_owned()));
    assert_eq!(store.parked(9).await.unwrap(), [stranger]);
    assert_eq!(store.outbox_read(9).await.unwrap(), []);
}

pub(super) async fn a_crash_while_a_letter_goes_back_is_whole_or_nothing(fixture: &impl Fixture) {
    for (fault, again) in
        [(CommitFault::Lost, Replay::Done(Topic::Signals)), (CommitFault::Unanswered, Replay::Already(at(5)))]
    {
        let calls = Arc::new(AtomicUsize::new(0));
        let faults = CommitFaults::new(move || match calls.fetch_add(1, Ordering::SeqCst) {
            1 => fault,
            _ => CommitFault::None,
        });
        let store = fixture.fresh(faults).await;
        let letter = letter(1, at(4));
        park(&store, std::slice::from_ref(&letter)).await;
        replay(&store, letter.id, at(5)).await.unwrap_err();
        assert_eq!(replay(&store, letter.id, at(5)).await.unwrap(), again, "{fault:?}");
        assert_eq!(store.outbox_read(9).await.unwrap().len(), 1, "{fault:?}");
    }
}

pub(super) async fn a_letter_that_comes_again_is_open_again(fixture: &impl Fixture) {
    let store = fixture.fresh(CommitFaults::default()).await;
    let first = letter(1, at(4));
    park(&store, std::slice::from_ref(&first)).await;
    let repeated = ParkedLetter { reason: "the same transaction once more".to_owned(), ..first.clone() };
    park(&store, std::slice::from_ref(&repeated)).await;
    assert_eq!(store.parked(9).await.unwrap(), std::slice::from_ref(&first), "parked once");
    replay(&store, first.id, at(5)).await.unwrap();
    let back = ParkedLetter { reason: "still".to_owned(), at: at(6), ..first.clone() };
    park(&store, std::slice::from_ref(&back)).await;
    assert_eq!(store.parked(9).await.unwrap(), [ParkedLetter { attempts: 2, ..back }]);
}

/// What commands that only look are told of a store's letters; `readers` are the same store's.
#[cfg(test)]
pub(crate) async fn are_read<S: Store>(store: &S, readers: &impl ReadLetters) {
    let strange = ParkedLetter { reason: "no\0 name, 100 % of \u{2400}".to_owned(), ..letter(2, at(4)) };
    let [first, last] = [letter(1, at(2)), letter(3, at(6))];
    park(store, &[last.clone(), strange.clone(), first.clone()]).await;
    replay(store, first.id, at(7)).await.unwrap();
    let replayed = ParkedLetter { replayed: Some(at(7)), ..first.clone() };
    let parked = async |which, max| readers.read_parked(which, max).await.unwrap();
    assert_eq!(parked(Letters::All, 9).await, [last.clone(), strange.clone(), replayed.clone()]);
    assert_eq!(parked(Letters::Open, 9).await, [last.clone(), strange.clone()]);
    assert_eq!(parked(Letters::Open, 1).await, std::slice::from_ref(&last), "the newest");
    assert_eq!(readers.read_letter(first.id).await.unwrap(), Some(replayed));
    assert_eq!(readers.read_letter(letter(9, at(1)).id).await.unwrap(), None);
    let open = async |reason, max| readers.read_open_ids(reason, max).await.unwrap();
    assert_eq!(open("", 9).await, [strange.id, last.id], "the oldest first");
    assert_eq!(open("", 1).await, [strange.id]);
    for part in ["\0 name", "%", "\u{2400}"] {
        assert_eq!(open(part, 9).await, [strange.id], "{part:?}");
    }
    assert_eq!(open("reason 3", 9).await, [last.id]);
    assert_eq!(open("_", 9).await, []);
}

pub(super) async fn letters_are_pruned_by_age(fixture: &impl Fixture) {
    let store = fixture.fresh(CommitFaults::default()).await;
    let [oldest, replayed, young] = [letter(1, at(1)), letter(2, at(2)), letter(3, at(20))];
    park(&store, &[young.clone(), replayed.clone(), oldest.clone()]).await;
    replay(&store, replayed.id, at(5)).await.unwrap();
    assert_eq!(store.prune_parked(at(11), 1).await.unwrap(), 1);
    assert_eq!(ids(&store).await, [young.id, replayed.id], "the oldest first");
    assert_eq!(store.prune_parked(at(11), 9).await.unwrap(), 1);
    assert_eq!(store.prune_parked(at(11), 9).await.unwrap(), 0);
    assert_eq!(ids(&store).await, [young.id]);
    assert_eq!(store.outbox_read(9).await.unwrap().len(), 1, "what is under way goes on");
}
