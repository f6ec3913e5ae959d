//! The consumer loop on the model: order, cursors, bisection, panics.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use afterglow_domain::Timestamp;
use afterglow_events::Encoding;
use bytes::Bytes;

use super::*;
use crate::conformance::postgres::Database;
use crate::conformance::{at, event};
use crate::memory::{Store as Model, Tx as ModelTx};
use crate::postgres;
use crate::store::{CommitFault, CommitFaults};
use crate::turns::Terms;

/// A role that notes each event's id per key, and fails on some.
struct Notes {
    fails_on: Vec<u128>,
    panics_on: Vec<u128>,
}

type Tables = BTreeMap<String, Vec<String>>;

impl Handler for Notes {
    type Tx = ModelTx<Tables>;

    fn role(&self) -> &'static str {
        "test"
    }

    async fn apply(&self, tx: &mut Self::Tx, records: Vec<Incoming>) -> Result<(), Error> {
        for incoming in records {
            let id = incoming.event.envelope.id;
            assert!(!self.panics_on.contains(&id.0.as_u128()), "cannot stand {id}");
            if self.fails_on.contains(&id.0.as_u128()) {
                return Err(Error::Refused(format!("will not have {id}")));
            }
            tx.role().entry(incoming.event.envelope.subject.clone()).or_default().push(id.to_string());
        }
        Ok(())
    }

    fn now(&self, _: Timeline) -> Timestamp {
        at(9)
    }
}

/// A partitioned log in memory.
struct Log {
    records: Vec<Received>,
    committed: Mutex<Vec<Cursor>>,
    waiting: VecDeque<Received>,
}

impl Log {
    fn of(events: &[(u128, &str)]) -> Self {
        let received = |(offset, (number, home)): (usize, &(u128, &str))| Received {
            record: event(*number, home).to_record(Encoding::Protobuf),
            partition: 0,
            offset: i64::try_from(offset).unwrap(),
            taken_at: at(2),
        };
        let records: Vec<Received> = events.iter().enumerate().map(received).collect();
        Self { waiting: records.iter().cloned().collect(), records, committed: Mutex::default() }
    }
}

impl Consume for Log {
    async fn poll(&mut self, max: usize, _: Duration) -> Result<Vec<Received>, ConsumeError> {
        let count = max.min(self.waiting.len());
        Ok(self.waiting.drain(..count).collect())
    }

    async fn commit(&mut self, cursors: &[Cursor]) -> Result<(), ConsumeError> {
        self.committed.lock().unwrap().extend_from_slice(cursors);
        Ok(())
    }

    async fn rewind(&mut self) -> Result<(), ConsumeError> {
        let from = self.committed.lock().unwrap().last().map_or(0, |cursor| cursor.next_offset);
        self.waiting = self.records.iter().filter(|record| record.offset >= from).cloned().collect();
        Ok(())
    }
}

const MIXED: [(u128, &str); 6] = [(1, "a"), (2, "b"), (3, "c"), (4, "a"), (5, "b"), (6, "a")];

fn ids(numbers: &[u128]) -> Vec<String> {
    numbers.iter().map(|number| uuid::Uuid::from_u128(*number).to_string()).collect()
}

async fn after(store: &Model<Tables>) -> [Vec<String>; 3] {
    let tables = store.role().await;
    ["a", "b", "c"].map(|home| tables.get(&format!("acme/ext:test:{home}")).cloned().unwrap_or_default())
}

#[tokio::test]
async fn records_are_decided_in_order_and_the_cursor_moves_with_them() {
    let (store, mut log) = (Model::default(), Log::of(&MIXED));
    let handler = Notes { fails_on: vec![], panics_on: vec![] };
    assert_eq!(consume_once(&handler, &store, &mut log).await, Ok(6));
    assert_eq!(after(&store).await, [ids(&[1, 4, 6]), ids(&[2, 5]), ids(&[3])]);
    let cursors = store.cursors("test").await.unwrap();
    assert_eq!(cursors.len(), 1);
    assert_eq!((cursors[0].next_offset, &cursors[0].last_event_id), (6, &ids(&[6])[0]));
    assert_eq!(*log.committed.lock().unwrap(), cursors);
}

#[tokio::test]
async fn a_culprit_is_parked_and_its_neighbours_go_on() {
    for (fails_on, panics_on) in [(vec![4], vec![2]), (vec![], vec![4, 2]), (vec![4, 2], vec![])] {
        let (store, mut log) = (Model::default(), Log::of(&MIXED));
        let handler = Notes { fails_on, panics_on };
        assert_eq!(consume_once(&handler, &store, &mut log).await, Ok(6));
        assert_eq!(after(&store).await, [ids(&[1, 6]), ids(&[5]), ids(&[3])]);
        let parked = store.parked(9).await.unwrap();
        let mut offsets: Vec<i64> = parked.iter().map(|letter| letter.offset).collect();
        offsets.sort_unstable();
        assert_eq!(offsets, [1, 3]);
        let published = store.outbox_read(9).await.unwrap();
        assert_eq!(published.len(), 2, "each is published as a dead letter");
        assert_eq!(store.cursors("test").await.unwrap()[0].next_offset, 6);
    }
}

#[tokio::test]
async fn what_does_not_decode_is_parked_whole() {
    let (store, mut log) = (Model::default(), Log::of(&MIXED));
    log.waiting[1].record.value = Bytes::from_static(&[0xff, 0xff]);
    log.waiting[2].record.key = Bytes::from_static(&[0xff]);
    let handler = Notes { fails_on: vec![], panics_on: vec![] };
    assert_eq!(consume_once(&handler, &store, &mut log).await, Ok(6));
    assert_eq!(after(&store).await, [ids(&[1, 4, 6]), ids(&[5]), vec![]]);
    let parked = store.parked(9).await.unwrap();
    assert!(parked.iter().any(|letter| letter.value == [0xff, 0xff].as_slice()));
    assert!(
        parked.iter().any(|letter| letter.key == [0xff].as_slice() && letter.reason.contains("disagree"))
    );
    for (_, row) in store.outbox_read(9).await.unwrap() {
        Event::from_record(&row.record).unwrap();
    }
}

/// The model's clock stands at nine seconds, so an old record is of before the epoch.
#[tokio::test]
async fn what_is_older_than_the_log_keeps_is_parked_and_its_neighbours_go_on() {
    let (store, mut log) = (Model::default(), Log::of(&MIXED));
    let age_max = Terms::default().age_max;
    log.waiting[1].taken_at = at(9).minus(age_max + Duration::from_micros(1));
    log.waiting[2].taken_at = at(9).minus(age_max);
    let handler = Notes { fails_on: vec![], panics_on: vec![] };
    assert_eq!(consume_once(&handler, &store, &mut log).await, Ok(6));
    assert_eq!(after(&store).await, [ids(&[1, 4, 6]), ids(&[5]), ids(&[3])]);
    let [letter] = store.parked(9).await.unwrap().try_into().unwrap();
    assert_eq!(letter.offset, 1);
    assert!(letter.reason.contains("older than the log's retention of 30 days"), "{}", letter.reason);
}

#[tokio::test]
async fn a_letter_its_event_and_the_cursor_are_one_transaction() {
    for (fault, there) in [(CommitFault::Lost, 0), (CommitFault::Unanswered, 1)] {
        let first = std::sync::atomic::AtomicBool::new(true);
        let faults = CommitFaults::new(move || {
            let first = first.swap(false, std::sync::atomic::Ordering::SeqCst);
            if first { fault } else { CommitFault::None }
        });
        let (store, mut log) = (Model::<Tables>::with_faults(faults), Log::of(&[(1, "a"), (2, "a")]));
        log.records[0].record.value = Bytes::from_static(&[0xff]);
        log.rewind().await.unwrap();
        let handler = Notes { fails_on: vec![], panics_on: vec![] };
        consume_once(&handler, &store, &mut log).await.unwrap_err();
        let found = async || {
            let cursors = store.cursors("test").await.unwrap().len();
            [store.parked(9).await.unwrap().len(), store.outbox_read(9).await.unwrap().len(), cursors]
        };
        assert_eq!(found().await, [there; 3], "{fault:?}: all of it or nothing");
        assert_eq!(consume_once(&handler, &store, &mut log).await, Ok(2));
        let [letters, events, cursors] = found().await;
        assert_eq!((letters, cursors), (1, 1), "parked once");
        assert_eq!(events, 1 + there, "an unanswered commit tells it again, with the same id");
        let rows = store.outbox_read(9).await.unwrap();
        let told: std::collections::BTreeSet<_> =
            rows.iter().map(|(_, row)| row.record.header("ce_id")).collect();
        assert_eq!(told.len(), 1);
    }
}

#[tokio::test]
async fn a_lost_commit_is_decided_again_and_an_unanswered_one_again_too() {
    for fault in [CommitFault::Lost, CommitFault::Unanswered] {
        let first = std::sync::atomic::AtomicBool::new(true);
        let faults = CommitFaults::new(move || {
            let first = first.swap(false, std::sync::atomic::Ordering::SeqCst);
            if first { fault } else { CommitFault::None }
        });
        let (store, mut log) = (Model::with_faults(faults), Log::of(&[(1, "a")]));
        let handler = Notes { fails_on: vec![], panics_on: vec![] };
        consume_once(&handler, &store, &mut log).await.unwrap_err();
        assert_eq!(consume_once(&handler, &store, &mut log).await, Ok(1), "rewound");
        // This handler keeps no dedupe mark, so the unanswered one is seen to have happened twice.
        let times = if fault == CommitFault::Lost { 1 } else { 2 };
        assert_eq!(after(&store).await[0].len(), times);
    }
}

/// Event 3 is a merge: its other deal lives in the next class.
struct Merging;

impl Handler for Merging {
    type Tx = ModelTx<Tables>;

    fn role(&self) -> &'static str {
        "test"
    }

    fn shards(&self, incoming: &Incoming) -> Vec<Shard> {
        let own = Shard::of(incoming.received.record.key_text());
        let other = Shard::new((own.number() + 1) % 64).unwrap();
        let merge = incoming.event.envelope.id.0.as_u128() == 3;
        std::iter::once(own).chain(merge.then_some(other)).collect()
    }

    async fn apply(&self, tx: &mut Self::Tx, records: Vec<Incoming>) -> Result<(), Error> {
        let turn = records.iter().map(|incoming| incoming.event.envelope.id.to_string()).collect();
        let number = tx.role().len().to_string();
        tx.role().insert(number, turn);
        Ok(())
    }

    fn now(&self, _: Timeline) -> Timestamp {
        at(9)
    }
}

#[tokio::test]
async fn a_record_that_touches_a_second_class_is_alone_in_its_transaction() {
    let store: Model<Tables> = Model::default();
    let mut log = Log::of(&[(1, "a"), (2, "a"), (3, "a"), (4, "a"), (5, "a")]);
    assert_eq!(consume_once(&Merging, &store, &mut log).await.unwrap(), 5);
    let turns: Vec<Vec<String>> = store.role().await.into_values().collect();
    assert_eq!(turns, [ids(&[1, 2]), ids(&[3]), ids(&[4, 5])]);
    assert_eq!(store.cursors("test").await.unwrap()[0].next_offset, 5);
}

#[tokio::test]
async fn a_class_is_not_held_for_more_than_some_records() {
    let store: Model<Tables> = Model::default();
    let events: Vec<(u128, &str)> = (10..10 + 2 * TOGETHER_MAX as u128 + 50).map(|n| (n, "a")).collect();
    let mut log = Log::of(&events);
    assert_eq!(consume_once(&Merging, &store, &mut log).await.unwrap(), events.len());
    let turns: Vec<Vec<String>> = store.role().await.into_values().collect();
    assert_eq!(turns.iter().map(Vec::len).collect::<Vec<_>>(), [TOGETHER_MAX, TOGETHER_MAX, 50]);
    let numbers: Vec<u128> = events.iter().map(|(number, _)| *number).collect();
    assert_eq!(turns.concat(), ids(&numbers));
    assert_eq!(store.cursors("test").await.unwrap()[0].next_offset, i64::try_from(events.len()).unwrap());
}

/// Each record waits until another one is being decided.
struct Meeting(tokio::sync::Barrier);

impl Handler for Meeting {
    type Tx = postgres::Tx;

    fn role(&self) -> &'static str {
        "test"
    }

    async fn apply(&self, _: &mut Self::Tx, _: Vec<Incoming>) -> Result<(), Error> {
        self.0.wait().await;
        Ok(())
    }

    fn now(&self, _: Timeline) -> Timestamp {
        at(9)
    }
}

/// What two partitions of a class each hold.
fn of_two_classes() -> Log {
    let mut log = Log::of(&[(1, "a"), (2, "c")]);
    log.waiting[1].partition = 1;
    let class = |received: &Received| Shard::of(received.record.key_text()).class();
    assert_ne!(class(&log.waiting[0]), class(&log.waiting[1]));
    log
}

#[tokio::test]
async fn postgres_decides_on_classes_side_by_side() {
    const CORE: postgres::Schema = postgres::Schema { name: "role", migrations: &[] };
    let database = Database::fresh().await;
    let (store, _) = database.fresh_store(&CORE, CommitFaults::default()).await;
    let handler = Meeting(tokio::sync::Barrier::new(2));
    let mut log = of_two_classes();
    let decided = consume_once(&handler, &store, &mut log);
    let decided = tokio::time::timeout(Duration::from_secs(30), decided).await;
    assert_eq!(decided.expect("one class waits for the other"), Ok(2));
    assert_eq!(store.cursors("test").await.unwrap().len(), 2);
}

#[test]
fn a_cursor_goes_with_the_last_class_of_its_partition() {
    let handler = Notes { fails_on: vec![], panics_on: vec![] };
    let grouped = |mut log: Log| {
        let records: Vec<Received> = log.waiting.drain(..).collect();
        let cursors = cursors_of(&records, &handler);
        let (groups, apart) = groups_of(&handler, true, records, &cursors);
        let numbers = |(items, cursors): Group| {
            let ends =
                cursors.iter().map(|cursor| (cursor.partition, cursor.next_offset)).collect::<Vec<_>>();
            (items.len(), ends)
        };
        (groups.into_iter().map(numbers).collect::<Vec<_>>(), apart)
    };
    let (mut groups, apart) = grouped(of_two_classes());
    groups.sort();
    assert_eq!((groups, apart), (vec![(1, vec![(0, 1)]), (1, vec![(1, 2)])], true));
    // A stranger's partitioner: both classes in one partition.
    let (groups, apart) = grouped(Log::of(&[(1, "a"), (2, "c"), (3, "a")]));
    let ends: Vec<_> = groups.iter().map(|(_, ends)| ends.clone()).collect();
    assert_eq!((ends, apart), (vec![vec![], vec![(0, 3)]], false));
}
