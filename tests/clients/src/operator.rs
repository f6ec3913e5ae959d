//! Whoever runs the broker: makes topics by hand, and looks how far groups are.

use std::time::Duration;

use afterglow_events::Topic;
use afterglow_support::Cluster;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

/// How long the broker may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Makes a topic with these properties and nothing else. A broker's metadata may be a moment behind.
pub async fn make_topic(cluster: &Cluster, topic: Topic, partitions: u16, properties: &[(&str, &str)]) {
    let admin: AdminClient<DefaultClientContext> = client(cluster).create().unwrap();
    let name = format!("{}{}", cluster.topic_prefix, topic.name());
    let new = NewTopic::new(&name, i32::from(partitions), TopicReplication::Fixed(1));
    let new = properties.iter().fold(new, |new, (property, value)| new.set(property, value));
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
    admin.create_topics(&[new], &options).await.unwrap().remove(0).unwrap();
}

/// The offset behind the last record of a partition that a group is done with.
pub fn committed(cluster: &Cluster, group: &str, topic: Topic, partition: u16) -> Option<i64> {
    let group = format!("{}afterglow.{group}", cluster.topic_prefix);
    let consumer: BaseConsumer = client(cluster).set("group.id", group).create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition(&format!("{}{}", cluster.topic_prefix, topic.name()), i32::from(partition));
    match consumer.committed_offsets(list, PATIENCE).unwrap().elements()[0].offset() {
        Offset::Offset(offset) => Some(offset),
        _ => None,
    }
}

fn client(cluster: &Cluster) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &cluster.brokers);
    config
}
