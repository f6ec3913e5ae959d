//! The log on a real broker: it passes the suite, and what only a broker can do to it is tested here.
//!
//! Most tests share the run's broker, each with topics of its own by a prefix; those that stop a broker start
//! one.

mod broker;
mod contract;
mod gauges;
mod groups;
mod outage;
mod secured;
mod topics;

use afterglow_domain::Clock as _;
use afterglow_domain::clock::ManualClock;
use afterglow_events::{Consume, Received};

use super::*;
use crate::conformance::{PARTITIONS, RETENTION, Subject, options};
use crate::memory::MemoryCheckpoints;
use crate::source::Source as _;
use broker::Broker;

/// Topics of a test's own on the run's broker, stamped by a clock that stands still.
struct OnKafka {
    broker: Broker,
    log: KafkaLog,
    reader: KafkaReader,
    clock: ManualClock,
}

async fn subject() -> OnKafka {
    let broker = Broker::of_this_run(options().1);
    broker.create_topics(PARTITIONS, &[("message.timestamp.type", "CreateTime")]).await;
    let log = KafkaLog::new(broker.settings.clone()).unwrap();
    let reader = log.reader().await.unwrap();
    OnKafka { clock: broker.clock.clone(), broker, log, reader }
}

impl Subject for OnKafka {
    type Log = KafkaLog;
    type Source = KafkaReader;

    const OWN_CLOCK: bool = false;
    const READS_AHEAD: bool = true;

    fn log(&self) -> KafkaLog {
        self.log.clone()
    }

    fn source(&self) -> KafkaReader {
        self.reader.clone()
    }

    fn clock(&self) -> &ManualClock {
        &self.clock
    }

    fn consumer(&self, group: &str, topics: &[Topic], checkpoints: MemoryCheckpoints) -> impl Consume {
        self.log.consumer(group, topics, checkpoints).unwrap()
    }

    /// What the broker's retention does by the segment and by its own clock, done now and by ours.
    async fn prune(&self) -> u64 {
        let before = self.clock.now().minus(RETENTION);
        let bounds = self.reader.bounds().await.unwrap();
        let mut places = Vec::new();
        for topic in Topic::ALL {
            for (partition, mut from, end) in bounds.of_topic(topic) {
                let start = from;
                while let Some(oldest) = self.reader.read(topic, partition, from, 1).await.unwrap().first()
                    && from < end
                    && oldest.taken_at < before
                {
                    from += 1;
                }
                if from > start {
                    places.push((topic, partition, start, from));
                }
            }
        }
        for (topic, partition, _, to) in &places {
            self.broker.delete_records(*topic, *partition, *to).await;
        }
        places.iter().map(|(_, _, start, to)| u64::try_from(to - start).unwrap()).sum()
    }

    async fn reopen(self) -> Self {
        self.log.close().await.unwrap();
        let log = KafkaLog::new(self.broker.settings.clone()).unwrap();
        let reader = log.reader().await.unwrap();
        Self { log, reader, ..self }
    }
}

crate::log_conformance!(conforms, subject().await);

/// Topics of one's own on the run's broker, and a log on them.
async fn own_log() -> (Broker, KafkaLog) {
    let broker = Broker::of_this_run(options().1);
    broker.create_topics(PARTITIONS, &[]).await;
    let log = KafkaLog::new(broker.settings.clone()).unwrap();
    (broker, log)
}

/// A record of a topic whose `ce_id` and payload are `id`.
fn record(topic: Topic, key: &str, id: &(impl ToString + ?Sized)) -> Record {
    let id = bytes::Bytes::from(id.to_string());
    let headers = vec![("ce_id".into(), id.clone())];
    Record { topic, key: bytes::Bytes::copy_from_slice(key.as_bytes()), headers, value: id }
}

fn ids(records: &[Received]) -> Vec<&str> {
    records.iter().map(|received| received.record.header("ce_id").unwrap_or_default()).collect()
}

async fn append(log: &KafkaLog, record: Record) -> Result<Position, AppendError> {
    log.append(vec![record]).await.remove(0)
}

/// What comes first; something must.
async fn first_records(consumer: &mut KafkaConsumer) -> Vec<Received> {
    let records = consumer.poll(100, Duration::from_mins(1)).await.unwrap();
    assert!(!records.is_empty(), "nothing comes");
    records
}

/// Decides on records durably.
async fn decide(consumer: &mut KafkaConsumer, store: &MemoryCheckpoints, records: &[Received]) {
    let cursors = MemoryCheckpoints::behind(records, afterglow_domain::Timestamp::EPOCH);
    store.save("role", &cursors);
    consumer.commit(&cursors).await.unwrap();
}
