//! What a consumer group gets.

use std::collections::BTreeSet;
use std::time::Duration;

use afterglow_domain::{Shard, Timestamp};
use afterglow_events::{Consume, ConsumeError, Cursor, Topic};

use super::{PARTITIONS, Subject, append, append_deals, decide, drain, ids, ids_of, keys, record};
use crate::memory::MemoryCheckpoints;

/// A full partition does not starve the others, and order within each is kept.
pub async fn every_partition_gets_its_turn<S: Subject>(subject: S) {
    let hot = "acme/ext:shop:0";
    let partition = |key: &str| Shard::of(key).partition(PARTITIONS);
    append(&subject.log(), (0..200).map(|n| record(Topic::Deals, hot, &n)).collect()).await;
    let others: Vec<_> = keys(40).into_iter().filter(|key| partition(key) != partition(hot)).collect();
    append(&subject.log(), others.iter().map(|key| record(Topic::Signals, key, key)).collect()).await;
    let mut consumer = subject.consumer("role", &[Topic::Deals, Topic::Signals], MemoryCheckpoints::new());
    let batch = consumer.poll(8, Duration::ZERO).await.expect("readable");
    let lanes: BTreeSet<_> =
        batch.iter().map(|received| (received.record.topic, received.partition)).collect();
    // What is read ahead comes partition by partition.
    if !S::READS_AHEAD {
        assert_eq!(batch.len(), 8);
        assert_eq!(lanes.len(), 4, "the hot partition and three with signals: {lanes:?}");
    }
    let mut rest = batch;
    rest.extend(drain(&mut consumer).await);
    assert_eq!(rest.len(), 200 + others.len());
    assert_eq!(ids_of(&rest, hot)[..200], (0..200).map(|n| n.to_string()).collect::<Vec<_>>());
}

/// After a rewind comes what was not committed, and only that.
pub async fn rewind_gives_again_what_was_not_committed(subject: impl Subject) {
    append_deals(&subject, 40).await;
    let store = MemoryCheckpoints::new();
    let mut consumer = subject.consumer("role", &[Topic::Deals], store.clone());
    let first = consumer.poll(15, Duration::ZERO).await.expect("readable");
    consumer.rewind().await.expect("always possible");
    let again = drain(&mut consumer).await;
    assert_eq!(again.len(), 40);
    assert!(first.iter().all(|record| again.contains(record)));
    // Half of each partition is decided.
    let decided: Vec<_> = again.iter().filter(|received| received.offset < 5).cloned().collect();
    decide(&mut consumer, &store, "role", &decided).await;
    consumer.rewind().await.expect("always possible");
    let rest = drain(&mut consumer).await;
    assert_eq!(rest.len(), 40 - decided.len());
    assert!(rest.iter().all(|received| received.offset >= 5));
}

/// A new consumer, also after a restart of the log, goes on where decisions are durable.
pub async fn restart_goes_on_behind_the_checkpoint(subject: impl Subject) {
    append_deals(&subject, 40).await;
    let store = MemoryCheckpoints::new();
    let mut consumer = subject.consumer("role", &[Topic::Deals], store.clone());
    let first = consumer.poll(15, Duration::ZERO).await.expect("readable");
    decide(&mut consumer, &store, "role", &first).await;
    consumer.poll(10, Duration::ZERO).await.expect("handed out, and never decided");
    drop(consumer);
    let subject = subject.reopen().await;
    let rest = drain(&mut subject.consumer("role", &[Topic::Deals], store)).await;
    assert_eq!(first.len() + rest.len(), 40);
    assert!(first.iter().all(|record| !rest.contains(record)));
}

/// What one group does is nothing to another.
pub async fn groups_are_independent(subject: impl Subject) {
    append_deals(&subject, 20).await;
    let store = MemoryCheckpoints::new();
    let mut one = subject.consumer("one", &[Topic::Deals], store.clone());
    let records = drain(&mut one).await;
    decide(&mut one, &store, "one", &records).await;
    assert_eq!(drain(&mut subject.consumer("two", &[Topic::Deals], store.clone())).await.len(), 20);
    assert!(drain(&mut subject.consumer("one", &[Topic::Deals], store.clone())).await.is_empty());
    // The cursors of a group on other topics are none of this consumer's business.
    assert!(drain(&mut subject.consumer("one", &[Topic::Signals], store)).await.is_empty());
}

/// An idle poll ends with an append, and without one after its time, empty.
pub async fn poll_waits_for_an_append(subject: impl Subject) {
    let mut consumer = subject.consumer("role", &[Topic::Deals], MemoryCheckpoints::new());
    assert!(consumer.poll(10, Duration::ZERO).await.expect("readable").is_empty());
    let log = subject.log();
    let (polled, _) = tokio::join!(
        consumer.poll(10, Duration::from_mins(1)),
        append(&log, vec![record(Topic::Deals, "acme/ext:shop:1", &1)])
    );
    assert_eq!(ids(&polled.expect("readable")), ["1"]);
    assert!(consumer.poll(10, Duration::from_millis(1)).await.expect("readable").is_empty());
}

/// A poll that is dropped half-way has handed out nothing.
pub async fn giving_up_a_poll_loses_nothing(subject: impl Subject) {
    append_deals(&subject, 30).await;
    let mut consumer = subject.consumer("role", &[Topic::Deals], MemoryCheckpoints::new());
    let mut found = 0;
    for _ in 0..20 {
        let mut poll = Box::pin(consumer.poll(4, Duration::ZERO));
        if let std::task::Poll::Ready(records) = futures::poll!(poll.as_mut()) {
            found += records.expect("readable").len();
        }
    }
    assert_eq!(found + drain(&mut consumer).await.len(), 30);
}

/// A cursor behind the end, of another record, or of a partition that is not there stops the group.
pub async fn a_checkpoint_that_does_not_fit_stops_the_group(subject: impl Subject) {
    let key = "acme/ext:shop:1";
    append(&subject.log(), vec![record(Topic::Deals, key, "first"), record(Topic::Deals, key, "second")])
        .await;
    let partition = Shard::of(key).partition(PARTITIONS);
    let cursor = |partition, next_offset, last_event_id: &str| Cursor {
        topic: Topic::Deals,
        partition,
        next_offset,
        last_event_id: last_event_id.to_owned(),
        at: Timestamp::EPOCH,
    };
    for (cursor, fits) in [
        (cursor(partition, 1, "first"), true),
        (cursor(partition, 2, "second"), true),
        (cursor(partition, 0, ""), true),
        (cursor(partition, 3, "third"), false),
        (cursor(partition, 2, "first"), false),
        (cursor(partition, 2, ""), false),
        (cursor(PARTITIONS, 0, ""), false),
        (cursor(partition, -1, ""), false),
    ] {
        let store = MemoryCheckpoints::new();
        store.save("role", std::slice::from_ref(&cursor));
        let mut consumer = subject.consumer("role", &[Topic::Deals], store);
        match consumer.poll(10, Duration::ZERO).await {
            Ok(records) => {
                assert!(fits, "{cursor:?}");
                assert_eq!(records.len(), usize::try_from(2 - cursor.next_offset).expect("a fitting cursor"));
            }
            Err(ConsumeError::Discontinuity { topic, partition: p, .. }) => {
                assert!(!fits && (topic, p) == (cursor.topic, cursor.partition), "{cursor:?}");
            }
            Err(error) => panic!("{cursor:?}: {error}"),
        }
    }
}
