//! Where a group goes on after something has happened to it, to its store or to its topics.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use afterglow_domain::Timestamp;
use afterglow_events::{Checkpoints, ConsumeError, Cursor};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::{ClientContext, Offset, TopicPartitionList};

use super::*;
use crate::going_on::{Group as _, misfits};

/// A group that has decided on seven of ten records of one partition, and has left.
struct Rested {
    broker: Broker,
    log: KafkaLog,
    store: MemoryCheckpoints,
    partition: u16,
}

const KEY: &str = "acme/ext:shop:1";

async fn rested() -> Rested {
    let (broker, log) = own_log().await;
    let store = MemoryCheckpoints::new();
    append_numbers(&log, 0..10).await;
    let mut consumer = log.consumer("role", &[Topic::Deals], store.clone()).unwrap();
    let records = first_records(&mut consumer).await;
    decide(&mut consumer, &store, &records[..7]).await;
    drop(consumer);
    let partition = Shard::of(KEY).partition(PARTITIONS);
    assert_eq!(broker.committed("role", Topic::Deals, partition), Some(7), "the group's offset is committed");
    Rested { broker, log, store, partition }
}

async fn append_numbers(log: &KafkaLog, numbers: std::ops::Range<usize>) {
    let records = numbers.map(|n| record(Topic::Deals, KEY, &n)).collect();
    assert!(log.append(records).await.iter().all(Result::is_ok));
}

impl Rested {
    fn consumer(&self) -> KafkaConsumer {
        self.log.consumer("role", &[Topic::Deals], self.store.clone()).unwrap()
    }

    /// The group goes on with these.
    async fn goes_on(&self, numbers: std::ops::Range<usize>) {
        let numbers: Vec<String> = numbers.map(|n| n.to_string()).collect();
        assert_eq!(ids(&first_records(&mut self.consumer()).await), numbers);
    }

    /// The group stops and says this.
    async fn stops(&self, what: &str) {
        assert_stops(&mut self.consumer(), what).await;
    }

    /// A person has decided: what does not fit is moved, in the broker and in the store.
    async fn is_continued(&self) {
        let now = Timestamp(99);
        let (reader, group) = (self.log.reader().await.unwrap(), self.log.group("role").await.unwrap());
        assert_eq!(group.members(), 0);
        let cursors = self.store.cursors("role").await.unwrap();
        let found = misfits(&reader, &group, (&[Topic::Deals], &cursors), now).await.unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        let moved: Vec<Cursor> = found.into_iter().filter_map(|misfit| misfit.to).collect();
        group.move_to(moved.clone()).await.unwrap();
        self.store.save("role", &moved);
    }

    fn remembered(&self, next_offset: i64, last_event_id: &str, at: i64) -> MemoryCheckpoints {
        let store = MemoryCheckpoints::new();
        let (topic, partition, last_event_id) = (Topic::Deals, self.partition, last_event_id.to_owned());
        let cursor = Cursor { topic, partition, next_offset, last_event_id, at: Timestamp(at) };
        store.save("role", &[cursor]);
        store
    }
}

async fn assert_stops(consumer: &mut KafkaConsumer, what: &str) {
    let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
    let told = loop {
        match consumer.poll(100, Duration::from_secs(1)).await {
            Err(error @ ConsumeError::Discontinuity { .. }) => break error.to_string(),
            Ok(records) => assert!(records.is_empty(), "it goes on: {records:?}"),
            Err(_) => {}
        }
        assert!(tokio::time::Instant::now() < deadline, "it does not stop");
    };
    assert!(told.contains(what), "{told}");
    let again = consumer.poll(100, Duration::ZERO).await;
    assert!(matches!(again, Err(ConsumeError::Discontinuity { .. })), "it has stopped for good: {again:?}");
}

#[tokio::test]
async fn nothing_happened() {
    rested().await.goes_on(7..10).await;
}

/// A store that breaks its thread.
struct Broken;

impl Checkpoints for Broken {
    async fn cursors(&self, _: &str) -> Result<Vec<Cursor>, ConsumeError> {
        panic!("a store that panics, as ordered");
    }
}

#[tokio::test]
async fn a_crash_of_the_member_is_said() {
    let rested = rested().await;
    let mut consumer = rested.log.consumer("role", &[Topic::Deals], Broken).unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
    let told = loop {
        match consumer.poll(9, Duration::from_millis(100)).await {
            Err(error) => break error.to_string(),
            Ok(records) => assert!(records.is_empty() && tokio::time::Instant::now() < deadline),
        }
    };
    assert!(told.contains("restart the process"), "{told}");
}

#[tokio::test]
async fn the_group_s_offsets_expired() {
    let rested = rested().await;
    rested.broker.forget_group("role").await;
    rested.goes_on(7..10).await;
}

#[tokio::test]
async fn the_group_was_moved_by_hand() {
    let rested = rested().await;
    for offset in [9, 2] {
        rested.broker.move_group("role", Topic::Deals, rested.partition, offset);
        rested.stops(&format!("the group was moved to offset {offset} by hand, the store is at 7")).await;
    }
    rested.is_continued().await;
    rested.goes_on(7..10).await;
}

#[tokio::test]
async fn the_store_was_restored_from_an_older_copy() {
    let mut rested = rested().await;
    rested.store = rested.remembered(3, "2", -1);
    rested.stops("the group is at offset 7, the store is older and at 3: was it restored?").await;
    rested.is_continued().await;
    rested.goes_on(3..10).await;
}

#[tokio::test]
async fn a_group_with_a_member_is_not_moved() {
    let rested = rested().await;
    let mut consumer = rested.consumer();
    let records = first_records(&mut consumer).await;
    let group = rested.log.group("role").await.unwrap();
    assert_eq!(group.members(), 1);
    let cursors = rested.store.cursors("role").await.unwrap();
    let refused = group.move_to(cursors.clone()).await.unwrap_err().to_string();
    assert!(refused.contains("has it members?"), "{refused}");
    decide(&mut consumer, &rested.store, &records).await;
    drop(consumer);
    assert_eq!(rested.log.group("role").await.unwrap().members(), 0, "it has left");
    assert_eq!(rested.log.group("nobody's").await.unwrap().members(), 0);
}

#[tokio::test]
async fn the_store_is_another_one() {
    let mut rested = rested().await;
    rested.store = MemoryCheckpoints::new();
    rested.stops("the store has no checkpoint").await;
    rested.is_continued().await;
    rested.goes_on(0..10).await;
}

#[tokio::test]
async fn the_log_is_shorter_than_remembered() {
    let mut rested = rested().await;
    rested.broker.forget_group("role").await;
    rested.store = rested.remembered(40, "39", 0);
    rested.stops("we are at offset 40, the log ends at 10").await;
    rested.is_continued().await;
    rested.goes_on(0..10).await;
}

#[tokio::test]
async fn the_log_begins_later_than_remembered() {
    let rested = rested().await;
    rested.broker.delete_records(Topic::Deals, rested.partition, 9).await;
    rested.stops("we are at offset 7, the log starts at 9").await;
    rested.is_continued().await;
    rested.goes_on(9..10).await;
}

#[tokio::test]
async fn the_topic_was_made_anew_while_nobody_looked() {
    let rested = rested().await;
    rested.broker.delete_topic(Topic::Deals).await;
    rested.broker.create_topic(Topic::Deals, PARTITIONS, &[]).await;
    rested.stops("we are at offset 7, the log ends at 0").await;
    // And when it has grown beyond what is remembered, other records stand there.
    let log = KafkaLog::new(rested.broker.settings.clone()).unwrap();
    append_numbers(&log, 100..110).await;
    rested.stops("the checkpoint remembers event \"6\" at offset 6, the log has \"106\" there").await;
    rested.is_continued().await;
    rested.goes_on(100..110).await;
}

#[tokio::test]
async fn the_topic_was_made_anew_under_a_reading_group() {
    let rested = rested().await;
    let mut consumer = rested.consumer();
    let records = first_records(&mut consumer).await;
    decide(&mut consumer, &rested.store, &records).await;
    rested.broker.delete_topic(Topic::Deals).await;
    rested.broker.create_topic(Topic::Deals, PARTITIONS, &[]).await;
    let log = KafkaLog::new(rested.broker.settings.clone()).unwrap();
    append_numbers(&log, 100..112).await;
    // It depends on who is quicker whether the log ends at 0 or has another record at offset 9.
    assert_stops(&mut consumer, "").await;
}

/// The lines of a client's log.
#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl ClientContext for Lines {
    fn log(&self, _: RDKafkaLogLevel, _: &str, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
}

impl ConsumerContext for Lines {}

/// Where the new topic is longer than our position in the old one, librdkafka goes on there. Its debug line is
/// the only news of it, and must come before the first record.
#[tokio::test]
async fn the_line_about_a_topic_made_anew_comes_first() {
    let rested = rested().await;
    let settings = &rested.broker.settings;
    let member = settings.member("outsider");
    let client: BaseConsumer<Lines> = member.create_with_context(Lines::default()).unwrap();
    let mut list = TopicPartitionList::new();
    let (name, partition) = (settings.topic_name(Topic::Deals), i32::from(rested.partition));
    list.add_partition_offset(&name, partition, Offset::Offset(9)).unwrap();
    client.assign(&list).unwrap();
    let tells = |line: &String| settings::tells_of_a_topic_made_anew(line);
    let told = || client.context().0.lock().unwrap().iter().any(tells);
    let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
    while client.poll(Duration::from_millis(100)).and_then(Result::ok).is_none() {
        assert!(tokio::time::Instant::now() < deadline, "the last record does not come");
    }
    assert!(!told());
    rested.broker.delete_topic(Topic::Deals).await;
    rested.broker.create_topic(Topic::Deals, PARTITIONS, &[]).await;
    let log = KafkaLog::new(settings.clone()).unwrap();
    append_numbers(&log, 100..112).await;
    while !told() {
        let record = client.poll(Duration::from_millis(100)).and_then(Result::ok);
        assert!(record.is_none() || told(), "a record of the new topic comes without a line");
        assert!(tokio::time::Instant::now() < deadline, "nobody tells that the topic was made anew");
    }
}

/// Two members share the partitions; when one goes, the other has all of them, and nothing is missing.
#[tokio::test]
async fn members_share_and_take_over() {
    let (_broker, log) = own_log().await;
    let store = MemoryCheckpoints::new();
    let consumer = || log.consumer("role", &[Topic::Deals], store.clone()).unwrap();
    let mut members = [consumer(), consumer()];
    let mut decided = BTreeSet::new();
    let mut number = 0;
    // Until both have had some.
    let mut shares = [0, 0];
    let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
    while shares.contains(&0) {
        assert!(tokio::time::Instant::now() < deadline, "one has everything: {shares:?}");
        let records = (0..16).map(|n| record(Topic::Deals, &format!("key-{n}"), &(number + n))).collect();
        assert!(log.append(records).await.iter().all(Result::is_ok));
        number += 16;
        for (member, share) in members.iter_mut().zip(&mut shares) {
            let records = member.poll(100, Duration::from_millis(50)).await.unwrap();
            *share += records.len();
            decided.extend(ids(&records).into_iter().map(str::to_owned));
            decide(member, &store, &records).await;
        }
    }
    let [gone, mut left] = members;
    drop(gone);
    while decided.len() < number {
        assert!(tokio::time::Instant::now() < deadline, "{} of {number} came", decided.len());
        let records = left.poll(100, Duration::from_millis(50)).await.unwrap();
        decided.extend(ids(&records).into_iter().map(str::to_owned));
        decide(&mut left, &store, &records).await;
    }
}

const TOPICS: [Topic; 3] = [Topic::Deals, Topic::Deliveries, Topic::Signals];

/// The partitions of each topic that a member gets records of, when every partition has some.
async fn share_of(member: &mut KafkaConsumer, store: &MemoryCheckpoints) -> BTreeMap<Topic, BTreeSet<u16>> {
    let mut share: BTreeMap<Topic, BTreeSet<u16>> = BTreeMap::new();
    loop {
        let records = member.poll(500, Duration::from_millis(200)).await.unwrap();
        if records.is_empty() {
            return share;
        }
        for received in &records {
            share.entry(received.record.topic).or_default().insert(received.partition);
        }
        decide(member, store, &records).await;
    }
}

/// Members that read several topics share each of them, whoever came first.
#[tokio::test]
async fn members_share_each_topic() {
    let (_broker, log) = own_log().await;
    let store = MemoryCheckpoints::new();
    let mut members = Vec::new();
    for replicas in [1, 2, 4] {
        members.resize_with(replicas, || log.consumer("role", &TOPICS, store.clone()).unwrap());
        let even = usize::from(PARTITIONS) / replicas;
        let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
        loop {
            let every = TOPICS.into_iter().flat_map(|topic| (0..64).map(move |n| (topic, n)));
            let records = every.map(|(topic, n)| record(topic, &format!("key-{n}"), &n)).collect();
            assert!(log.append(records).await.iter().all(Result::is_ok));
            let mut shares = Vec::new();
            for member in &mut members {
                shares.push(share_of(member, &store).await);
            }
            let of = |topic| shares.iter().map(move |share| share.get(&topic).map_or(0, BTreeSet::len));
            if TOPICS.into_iter().flat_map(of).all(|partitions| partitions == even) {
                break;
            }
            assert!(tokio::time::Instant::now() < deadline, "{replicas} members share unevenly: {shares:?}");
        }
    }
}

/// Three thousand records: more of each partition than a buffer takes.
async fn append_backlog(log: &KafkaLog) {
    for call in 0..6 {
        let records = (0..500).map(|n| record(Topic::Deals, &format!("k{n}"), &(call * 500 + n))).collect();
        assert!(log.append(records).await.iter().all(Result::is_ok));
    }
}

/// A slow role holds a bounded number of records, stays in its group, and gets all of them in order.
#[tokio::test]
async fn a_slow_role_is_waited_for() {
    let (_broker, log) = own_log().await;
    append_backlog(&log).await;
    let mut consumer = log.consumer("role", &[Topic::Deals], MemoryCheckpoints::new()).unwrap();
    let mut last = [-1; PARTITIONS as usize];
    let mut found = 0;
    while found < 3000 {
        let batch = consumer.poll(100, Duration::from_mins(1)).await.unwrap();
        assert!(!batch.is_empty(), "{found} of 3000 came");
        found += batch.len();
        for received in batch {
            let last = &mut last[usize::from(received.partition)];
            assert_eq!(received.offset, *last + 1);
            *last = received.offset;
        }
    }
}

/// A partition that was taken away while its buffer was full is read when it comes back.
#[tokio::test]
async fn a_full_partition_that_comes_back_is_read() {
    let (_broker, log) = own_log().await;
    append_backlog(&log).await;
    let consumer = || log.consumer("role", &[Topic::Deals], MemoryCheckpoints::new()).unwrap();
    let mut stays = consumer();
    let mut records = first_records(&mut stays).await;
    let mut leaves = consumer();
    first_records(&mut leaves).await;
    drop(leaves);
    let mut found = BTreeSet::new();
    let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
    loop {
        found.extend(ids(&records).into_iter().map(str::to_owned));
        if found.len() == 3000 {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{} of 3000 came", found.len());
        records = stays.poll(500, Duration::from_secs(1)).await.unwrap();
    }
}

/// What goes while a group is reading stops it where it gets there; what it has at hand it still gives.
#[tokio::test]
async fn retention_overtakes_a_slow_group() {
    let (broker, log) = own_log().await;
    // Forty-eight megabytes: far more than a lane and the queue of librdkafka hold.
    let mut offset = 0;
    while offset < 120 {
        let mut large = record(Topic::Deals, KEY, &offset);
        large.value = bytes::Bytes::from(vec![7; 400 * 1024]);
        offset = append(&log, large).await.unwrap().offset + 1;
    }
    let mut consumer = log.consumer("role", &[Topic::Deals], MemoryCheckpoints::new()).unwrap();
    let mut next = consumer.poll(1, Duration::from_mins(1)).await.unwrap()[0].offset + 1;
    broker.delete_records(Topic::Deals, Shard::of(KEY).partition(PARTITIONS), 110).await;
    let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
    let told = loop {
        match consumer.poll(100, Duration::from_secs(1)).await {
            Err(error @ ConsumeError::Discontinuity { .. }) => break error.to_string(),
            Err(_) => {}
            Ok(records) => {
                for received in records {
                    assert_eq!(received.offset, next, "a record is passed over in silence");
                    next += 1;
                }
            }
        }
        assert!(tokio::time::Instant::now() < deadline, "it does not stop, at offset {next}");
    };
    assert!(told.contains(&format!("we are at offset {next}, the log starts at 110")), "{told}");
}
