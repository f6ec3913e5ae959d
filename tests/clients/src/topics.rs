//! The topics as they are, read by position: what every client's view is held against.

use afterglow_eventlog::Source as _;
use afterglow_eventlog::kafka::{KafkaLog, KafkaReader, Settings};
use afterglow_events::{Event, Received, Topic};
use afterglow_service::clock::SystemClock;
use afterglow_support::Cluster;
use afterglow_support::cluster::PARTITIONS;

/// How many records are asked for at once.
const BATCH: usize = 500;

/// A cluster's topics, which must be there.
pub struct Topics(KafkaReader);

impl Topics {
    /// Connects to the broker.
    pub async fn of(cluster: &Cluster) -> Self {
        let mut settings = Settings::of(&cluster.brokers, PARTITIONS, SystemClock::shared());
        settings.topic_prefix.clone_from(&cluster.topic_prefix);
        Self(KafkaLog::new(settings).unwrap().reader().await.unwrap())
    }

    /// Everything that a topic holds now, by partition and offset.
    pub async fn records(&self, topic: Topic) -> Vec<Received> {
        let mut records = Vec::new();
        for (partition, start, end) in self.0.ends(topic).await.unwrap() {
            let mut next = start;
            while next < end {
                let read = self.0.read(topic, partition, next, BATCH).await.unwrap();
                next = read.last().map_or(end, |last| last.offset + 1);
                records.extend(read);
            }
        }
        records
    }

    /// The events among them.
    pub async fn events(&self, topic: Topic) -> Vec<Event> {
        let records = self.records(topic).await;
        records.iter().filter_map(|received| Event::from_record(&received.record).ok()).collect()
    }

    /// Where a topic ends: partition and offset behind its last record.
    pub async fn ends(&self, topic: Topic) -> Vec<(u16, i64)> {
        let ends = self.0.ends(topic).await.unwrap();
        ends.into_iter().map(|(partition, _, end)| (partition, end)).collect()
    }
}
