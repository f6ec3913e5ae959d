//! What a stranger's client sees of our records, and we of theirs.

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Headers as _, Message as _, OwnedMessage};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::{Offset, TopicPartitionList};

use super::*;
use crate::reach::Reach;
use crate::tail::TailStart;

/// The first message of a partition, as a client sees it that knows nothing of us.
fn seen(broker: &Broker, topic: Topic, position: Position) -> OwnedMessage {
    let outsider: BaseConsumer = broker.outsider("outsider");
    let mut list = TopicPartitionList::new();
    let (name, partition) = (broker.settings.topic_name(topic), i32::from(position.partition));
    list.add_partition_offset(&name, partition, Offset::Offset(position.offset)).unwrap();
    outsider.assign(&list).unwrap();
    outsider.poll(Duration::from_secs(30)).expect("the message is there").unwrap().detach()
}

#[tokio::test]
async fn a_record_is_a_cloud_event_in_binary_mode() {
    let broker = Broker::of_this_run(options().1);
    broker.create_topics(PARTITIONS, &[("message.timestamp.type", "LogAppendTime")]).await;
    let log = KafkaLog::new(broker.settings.clone()).unwrap();
    let home = "acme/ext:shop:1";
    let names =
        ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_subject", "ce_tenant", "content-type"];
    let header = |name: &'static str| (name.into(), bytes::Bytes::from(format!("the {name}")));
    let record = Record {
        topic: Topic::Deals,
        key: bytes::Bytes::from_static(home.as_bytes()),
        headers: names.map(header).to_vec(),
        value: bytes::Bytes::from_static(&[0, 1, 0xff]),
    };
    let position = append(&log, record.clone()).await.unwrap();
    assert_eq!(i32::from(position.partition), i32::from(Shard::of(home).partition(PARTITIONS)));
    let message = seen(&broker, Topic::Deals, position);
    assert_eq!((message.key(), message.payload()), (Some(home.as_bytes()), Some(&[0, 1, 0xff][..])));
    let headers = message.headers().unwrap();
    let found: Vec<_> = headers.iter().map(|header| (header.key, header.value.unwrap())).collect();
    let wanted: Vec<_> = record.headers.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
    assert_eq!(found, wanted);
    // Stamped by the broker, whatever our clock says.
    let rdkafka::Timestamp::LogAppendTime(millis) = message.timestamp() else {
        panic!("{:?}", message.timestamp())
    };
    assert!(millis > broker.clock.now().0 / 1000 + 1000, "{millis}");
}

/// Kafka's own hash and ours agree, so a stranger's `Signal` lands where we would have put it.
#[tokio::test]
async fn a_stranger_s_java_partitioner_agrees_with_ours() {
    let broker = Broker::of_this_run(options().1);
    broker.create_topics(PARTITIONS, &[]).await;
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &broker.settings.brokers).set("partitioner", "murmur2_random");
    let stranger: BaseProducer = config.create().unwrap();
    let name = broker.settings.topic_name(Topic::Signals);
    let keys: Vec<String> = (0..40).map(|n| format!("acme/ext:shop:{n}")).collect();
    for key in &keys {
        stranger.send(BaseRecord::to(&name).key(key).payload("x")).unwrap();
    }
    stranger.flush(Duration::from_secs(30)).unwrap();
    let log = KafkaLog::new(broker.settings.clone()).unwrap();
    let mut consumer = log.consumer("role", &[Topic::Signals], MemoryCheckpoints::new()).unwrap();
    let mut found = Vec::new();
    while found.len() < keys.len() {
        found.extend(first_records(&mut consumer).await);
    }
    for received in found {
        assert_eq!(received.partition, Shard::of(received.record.key_text()).partition(PARTITIONS));
    }
}

/// A transaction's end takes an offset and is no record: nobody may mistake it for a loss.
#[tokio::test]
async fn a_stranger_s_transactions_are_read_over() {
    let broker = Broker::of_this_run(options().1);
    broker.create_topics(PARTITIONS, &[]).await;
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &broker.settings.brokers);
    config.set("transactional.id", broker.settings.topic_name(Topic::Signals));
    let stranger: BaseProducer = config.create().unwrap();
    stranger.init_transactions(Duration::from_secs(30)).unwrap();
    let name = broker.settings.topic_name(Topic::Signals);
    for (id, kept) in [("1", true), ("never", false), ("2", true), ("3", true)] {
        stranger.begin_transaction().unwrap();
        let headers = message::headers_of(&record(Topic::Signals, "a", id));
        stranger.send(BaseRecord::to(&name).key("a").payload(id).partition(0).headers(headers)).unwrap();
        let ended = if kept {
            stranger.commit_transaction(Duration::from_secs(30))
        } else {
            stranger.flush(Duration::from_secs(30)).unwrap();
            stranger.abort_transaction(Duration::from_secs(30))
        };
        ended.unwrap();
    }
    let log = KafkaLog::new(broker.settings.clone()).unwrap();
    let store = MemoryCheckpoints::new();
    let mut consumer = log.consumer("role", &[Topic::Signals], store.clone()).unwrap();
    let mut found = Vec::new();
    while found.len() < 3 {
        found.extend(first_records(&mut consumer).await);
    }
    assert_eq!(ids(&found), ["1", "2", "3"]);
    decide(&mut consumer, &store, &found[..2]).await;
    drop(consumer);
    let mut again = log.consumer("role", &[Topic::Signals], store).unwrap();
    assert_eq!(ids(&first_records(&mut again).await), ["3"]);
    let reader = log.reader().await.unwrap();
    let mut tail = reader.tail(Topic::Signals, TailStart::Beginning).await.unwrap();
    let mut tailed = Vec::new();
    loop {
        let next = tail.next(10, Duration::ZERO).await.unwrap();
        if next.is_empty() {
            break;
        }
        tailed.extend(next.into_iter().map(|tailed| tailed.received));
    }
    assert_eq!(ids(&tailed), ["1", "2", "3"]);
    let reach = Reach::of(&reader, Topic::Signals).await.unwrap();
    for (decided, all) in [(0, false), (2, false), (3, true)] {
        let cursors = MemoryCheckpoints::behind(&found[..decided], broker.clock.now());
        assert_eq!(reach.is_reached(&reader, &cursors).await.unwrap(), all, "{decided} of three");
    }
}
