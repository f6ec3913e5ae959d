//! A producer whose partitioner knows nothing of keys: it puts each record into the next partition.

use std::time::Duration;

use afterglow_events::Record;
use anyhow::{Context as _, bail};
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use crate::scaled::ground::Place;

/// How long the last records may take.
const FLUSH: Duration = Duration::from_mins(1);

/// Writes the records and waits until the broker has answered for all; whoever asks counts them there.
pub(super) fn produce(place: &Place, records: &[Record]) -> anyhow::Result<()> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &place.brokers).set("acks", "all").set("enable.idempotence", "true");
    let producer: BaseProducer = config.set("compression.type", "lz4").create()?;
    for (record, partition) in records.iter().zip((0..i32::from(place.partitions)).cycle()) {
        let topic = format!("{}{}", place.prefix, record.topic.name());
        let headers = OwnedHeaders::new_with_capacity(record.headers.len());
        let headers = record.headers.iter().fold(headers, |headers, (key, value)| {
            headers.insert(Header { key, value: Some(value.as_ref()) })
        });
        let message = BaseRecord::to(&topic).partition(partition).key(record.key.as_ref());
        let mut message = message.payload(record.value.as_ref()).headers(headers);
        while let Err((error, refused)) = producer.send(message) {
            if error != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) {
                bail!(error);
            }
            producer.poll(Duration::from_millis(10));
            message = refused;
        }
        producer.poll(Duration::ZERO);
    }
    producer.flush(FLUSH).context("a stranger's records")
}
