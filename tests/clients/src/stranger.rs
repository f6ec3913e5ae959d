//! A client that writes whatever it likes, byte by byte.

use std::time::Duration;

use afterglow_events::{Event, Record, Topic};
use afterglow_support::Cluster;
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

/// How long the broker may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A message as it goes onto the wire.
#[derive(Debug, Clone, Default)]
pub struct Message {
    /// The record's key; `None` where there is none.
    pub key: Option<Vec<u8>>,
    /// The headers in order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The payload.
    pub value: Vec<u8>,
    /// Its own time in milliseconds; now where there is none.
    pub timestamp: Option<i64>,
}

impl Message {
    /// A message that is a record of ours.
    pub fn of(record: &Record) -> Self {
        let headers = record.headers.iter().map(|(name, value)| (name.clone().into_owned(), value.to_vec()));
        Self {
            key: Some(record.key.to_vec()),
            headers: headers.collect(),
            value: record.value.to_vec(),
            timestamp: None,
        }
    }

    /// An event as we would write it.
    pub fn of_event(event: &Event) -> Self {
        Self::of(&event.to_record(afterglow_events::Encoding::Protobuf))
    }

    /// Whether a record is what became of it.
    pub fn is(&self, record: &Record) -> bool {
        let headers = record.headers.iter().map(|(name, value)| (name.as_ref(), value.as_ref()));
        self.key.as_deref().unwrap_or_default() == record.key
            && self.value == record.value
            && self.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).eq(headers)
    }

    /// The same under another key.
    #[must_use]
    pub fn with_key(self, key: impl Into<Vec<u8>>) -> Self {
        Self { key: Some(key.into()), ..self }
    }

    /// The same with another payload.
    #[must_use]
    pub fn with_value(self, value: impl Into<Vec<u8>>) -> Self {
        Self { value: value.into(), ..self }
    }

    /// The same with another value for a header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        for (header, old) in &mut self.headers {
            if header == name {
                value.as_bytes().clone_into(old);
            }
        }
        self
    }

    /// The same without a header.
    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        self.headers.retain(|(header, _)| header != name);
        self
    }
}

/// A producer that knows nothing of us.
pub struct Stranger {
    producer: BaseProducer,
    prefix: String,
}

impl Stranger {
    /// One that writes to a cluster's topics.
    pub fn at(cluster: &Cluster) -> Self {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &cluster.brokers).set("message.max.bytes", "1000000");
        Self { producer: config.create().unwrap(), prefix: cluster.topic_prefix.clone() }
    }

    /// Writes messages to a partition, in order, and waits until the broker has them.
    pub fn write(&self, topic: Topic, partition: u16, messages: &[Message]) {
        let name = format!("{}{}", self.prefix, topic.name());
        for message in messages {
            let none = OwnedHeaders::new_with_capacity(message.headers.len());
            let headers = message
                .headers
                .iter()
                .fold(none, |headers, (key, value)| headers.insert(Header { key, value: Some(value) }));
            let mut record = BaseRecord::<[u8], [u8]>::to(&name).partition(i32::from(partition));
            record.key = message.key.as_deref();
            record.timestamp = message.timestamp;
            self.producer.send(record.payload(&message.value).headers(headers)).unwrap();
        }
        self.producer.flush(PATIENCE).unwrap();
    }
}
