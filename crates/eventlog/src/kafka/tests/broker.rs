//! A broker as its operator sees it: topics made and deleted, records removed, groups moved.

use std::time::Duration;

use afterglow_domain::clock::ManualClock;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};

use super::*;

/// How long the operator waits for the broker to do as told.
const PATIENCE: Duration = Duration::from_secs(30);

/// A broker, and topics of one's own on it.
pub(super) struct Broker {
    pub(super) settings: Settings,
    pub(super) clock: ManualClock,
    admin: AdminClient<DefaultClientContext>,
}

impl Broker {
    /// The one that the run has started, with a prefix that nobody else has.
    pub(super) fn of_this_run(clock: ManualClock) -> Self {
        Self::at(&afterglow_servers::named::kafka(), clock)
    }

    pub(super) fn at(address: &str, clock: ManualClock) -> Self {
        let settings = Settings {
            topic_prefix: format!("test-{}.", uuid::Uuid::new_v4().simple()),
            ..Settings::of(address, PARTITIONS, Arc::new(clock.clone()))
        };
        let admin = ClientConfig::new().set("bootstrap.servers", address).create().unwrap();
        Self { settings, clock, admin }
    }

    pub(super) async fn create_topics(&self, partitions: u16, properties: &[(&str, &str)]) {
        for topic in Topic::ALL {
            self.create_topic(topic, partitions, properties).await;
        }
    }

    /// Makes a topic and waits until it can be used.
    pub(super) async fn create_topic(&self, topic: Topic, partitions: u16, properties: &[(&str, &str)]) {
        let name = self.settings.topic_name(topic);
        let replication = TopicReplication::Fixed(1);
        // The suite's clock is months behind the broker's: nothing is to go for its age.
        let fixed = [("retention.ms", "-1"), ("message.timestamp.after.max.ms", "9223372036854775807")];
        let fixed: Vec<_> =
            fixed.into_iter().filter(|(key, _)| properties.iter().all(|(own, _)| own != key)).collect();
        let mut new = NewTopic::new(&name, i32::from(partitions), replication);
        for (key, value) in fixed.iter().chain(properties) {
            new = new.set(key, value);
        }
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        self.admin.create_topics(&[new], &options).await.unwrap().remove(0).unwrap();
        self.until(&name, |found| found == usize::from(partitions)).await;
    }

    /// Waits until all topics can be used, however they were made.
    pub(super) async fn until_topics_are_there(&self) {
        for topic in Topic::ALL {
            self.until(&self.settings.topic_name(topic), |found| found == usize::from(PARTITIONS)).await;
        }
    }

    pub(super) async fn delete_topic(&self, topic: Topic) {
        let name = self.settings.topic_name(topic);
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        self.admin.delete_topics(&[&name], &options).await.unwrap().remove(0).unwrap();
        self.until(&name, |found| found == 0).await;
    }

    /// Removes what stands before an offset.
    pub(super) async fn delete_records(&self, topic: Topic, partition: u16, before: i64) {
        let mut list = TopicPartitionList::new();
        let name = self.settings.topic_name(topic);
        list.add_partition_offset(&name, i32::from(partition), Offset::Offset(before)).unwrap();
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        let removed = self.admin.delete_records(&list, &options).await.unwrap();
        removed.elements()[0].error().unwrap();
    }

    /// Forgets a group's offsets, as the broker does after a week without members.
    pub(super) async fn forget_group(&self, group: &str) {
        let name = self.settings.group_name(group);
        let deleted = self.admin.delete_groups(&[&name], &AdminOptions::new()).await.unwrap();
        assert!(deleted.iter().all(Result::is_ok), "{deleted:?}");
    }

    /// What `kafka-consumer-groups --reset-offsets` does: an offset without anything beside it.
    pub(super) fn move_group(&self, group: &str, topic: Topic, partition: u16, offset: i64) {
        let consumer = self.outsider(group);
        let mut list = TopicPartitionList::new();
        let name = self.settings.topic_name(topic);
        list.add_partition_offset(&name, i32::from(partition), Offset::Offset(offset)).unwrap();
        consumer.commit(&list, CommitMode::Sync).unwrap();
    }

    /// What the group has committed for a partition.
    pub(super) fn committed(&self, group: &str, topic: Topic, partition: u16) -> Option<i64> {
        let mut list = TopicPartitionList::new();
        list.add_partition(&self.settings.topic_name(topic), i32::from(partition));
        let committed = self.outsider(group).committed_offsets(list, PATIENCE).unwrap();
        match committed.elements()[0].offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        }
    }

    /// A client that knows nothing of us.
    pub(super) fn outsider(&self, group: &str) -> BaseConsumer {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.settings.brokers);
        config.set("group.id", self.settings.group_name(group)).set("enable.auto.commit", "false");
        config.create().unwrap()
    }

    /// Waits until the broker tells of a topic with a fitting number of partitions, none for no topic.
    async fn until(&self, name: &str, fits: impl Fn(usize) -> bool) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let found = self.admin.inner().fetch_metadata(None, PATIENCE).unwrap();
            let topic = found.topics().iter().find(|topic| topic.name() == name);
            let led = |partition: &rdkafka::metadata::MetadataPartition| partition.leader() >= 0;
            let all_led = topic.is_none_or(|topic| topic.partitions().iter().all(led));
            if all_led && fits(topic.map_or(0, |topic| topic.partitions().len())) {
                return;
            }
            assert!(tokio::time::Instant::now() < deadline, "{name} is not as told");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
