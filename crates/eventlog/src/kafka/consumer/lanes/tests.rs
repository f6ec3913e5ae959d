//! What a turn takes of the lanes.

use afterglow_domain::Timestamp;
use afterglow_events::Record;

use super::*;

/// Lanes of these partitions, each assigned from 0 up to where it ends.
fn assigned(ends: &[i64]) -> Shared {
    let shared = Shared::new(&[Topic::Deals]);
    shared.joined(Topic::Deals);
    for (partition, end) in (0..).zip(ends) {
        let (topic, last_event_id, at) = (Topic::Deals, String::new(), Timestamp::EPOCH);
        shared.assigned(Cursor { topic, partition, next_offset: 0, last_event_id, at }, *end);
    }
    shared
}

fn receive(shared: &Shared, partition: u16, offsets: std::ops::Range<i64>) {
    let record = |offset| Received {
        record: Record { topic: Topic::Deals, key: "k".into(), headers: Vec::new(), value: "v".into() },
        partition,
        offset,
        taken_at: Timestamp::EPOCH,
    };
    shared.received(offsets.map(record).collect());
}

/// How many records of each partition the next turn of `max` has.
fn turn(shared: &Shared, max: usize) -> (BTreeMap<u16, usize>, bool) {
    let turn = shared.turn(max, Instant::now()).unwrap();
    let mut counts = BTreeMap::new();
    for received in &turn.records {
        *counts.entry(received.partition).or_default() += 1;
    }
    (counts, turn.behind)
}

#[test]
fn a_full_partition_leaves_the_others_their_turn() {
    let shared = assigned(&[400, 9, 9, 9]);
    for (partition, end) in [(0, 400), (1, 9), (2, 9), (3, 9)] {
        receive(&shared, partition, 0..end);
    }
    let (counts, _) = turn(&shared, 8);
    assert_eq!((counts.len(), counts.values().sum()), (4, 8), "{counts:?}");
}

#[test]
fn a_turn_too_small_for_all_begins_with_another_one_each_time() {
    let shared = assigned(&[9, 9, 9]);
    (0..3).for_each(|partition| receive(&shared, partition, 0..9));
    let firsts: Vec<u16> = (0..3).flat_map(|_| turn(&shared, 1).0.into_keys()).collect();
    assert_eq!(firsts, [0, 1, 2]);
}

#[test]
fn a_partition_that_does_not_come_holds_up_no_other_and_is_waited_for() {
    let shared = assigned(&[3, 3]);
    assert_eq!(turn(&shared, 8), (BTreeMap::new(), true));
    receive(&shared, 1, 0..3);
    assert_eq!(turn(&shared, 8), (BTreeMap::from([(1, 3)]), true), "nothing is not believed yet");
    receive(&shared, 0, 0..3);
    assert_eq!(turn(&shared, 8), (BTreeMap::from([(0, 3)]), false));
}
