//! The topics on the broker: made where they are missing, and held against what they should be.
//!
//! Deliberately absent: changing a topic that is there. What differs is said with both values; whether
//! thousands of records may go is for the broker's operator to decide.

use std::fmt;

use afterglow_events::Topic;
use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::settings::{self, ASK, Settings};
use crate::admission::RECORD_BYTES_MAX;
use crate::error::Error;

/// What a topic's properties should be. Kafka removes whole segments, the newest record of one deciding: 29
/// days and half a day of segment are the thirty days that the embedded log keeps.
const PROPERTIES: [(&str, &str); 4] = [
    ("cleanup.policy", "delete"),
    ("retention.ms", "2505600000"),
    ("segment.ms", "43200000"),
    // Age limits look at when the log took a record, and a producer may say anything.
    ("message.timestamp.type", "LogAppendTime"),
];

/// What a topic must take at least, in bytes: our largest record, and Kafka's own fields around it.
const MESSAGE_BYTES: usize = RECORD_BYTES_MAX + 64 * 1024;

/// A topic that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The topic's name on the broker.
    pub topic: String,
    /// The property, as Kafka calls it.
    pub property: &'static str,
    /// What it is.
    pub found: String,
    /// What it should be.
    pub wanted: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { topic, property, found, wanted } = self;
        write!(f, "{topic}: {property} is {found}, it should be {wanted}")
    }
}

/// Makes the topics that are missing, with `replicas` copies; gives their names.
pub(super) async fn create(settings: &Settings, replicas: u16) -> Result<Vec<String>, Error> {
    let names = Topic::ALL.map(|topic| settings.topic_name(topic));
    let in_sync = in_sync(usize::from(replicas)).to_string();
    let new = |name| {
        let copies = TopicReplication::Fixed(i32::from(replicas));
        let topic = NewTopic::new(name, i32::from(settings.partitions), copies);
        let topic = PROPERTIES.iter().fold(topic, |topic, (property, value)| topic.set(property, value));
        topic.set("min.insync.replicas", &in_sync)
    };
    let topics: Vec<NewTopic<'_>> = names.iter().map(|name| new(name.as_str())).collect();
    let admin = admin(settings)?;
    let answered = admin.create_topics(&topics, &options()).await;
    let mut made = Vec::new();
    for topic in answered.map_err(|error| settings.unavailable(&error))? {
        match topic {
            Ok(name) => made.push(name),
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((name, code)) => {
                return Err(settings.unavailable(&KafkaError::AdminOp(code)).about(&format!("topic {name}")));
            }
        }
    }
    Ok(made)
}

/// What differs, of topics that are there with the right number of partitions.
pub(super) async fn differences(settings: &Settings) -> Result<Vec<Difference>, Error> {
    let admin = admin(settings)?;
    let failed = |error: KafkaError| settings.unavailable(&error);
    let metadata = admin.inner().fetch_metadata(None, ASK).map_err(failed)?;
    let names = Topic::ALL.map(|topic| settings.topic_name(topic));
    let asked: Vec<_> = names.iter().map(|name| ResourceSpecifier::Topic(name)).collect();
    let answered = admin.describe_configs(&asked, &options()).await.map_err(failed)?;
    let mut differences = Vec::new();
    for (name, resource) in names.iter().zip(answered) {
        let resource = resource.map_err(|code| failed(KafkaError::AdminOp(code)))?;
        let topic = metadata.topics().iter().find(|topic| topic.name() == name);
        let replicas = topic.and_then(|topic| Some(topic.partitions().first()?.replicas().len()));
        differences.extend(of_topic(name, &resource, replicas.unwrap_or(1)));
    }
    Ok(differences)
}

fn of_topic(name: &str, resource: &ConfigResource, replicas: usize) -> Vec<Difference> {
    let found =
        |property: &str| resource.get(property).and_then(|entry| entry.value.clone()).unwrap_or_default();
    let difference = |property, wanted: String| Difference {
        topic: name.to_owned(),
        property,
        found: found(property),
        wanted,
    };
    let fixed = PROPERTIES.iter().filter(|(property, wanted)| found(property) != **wanted);
    let mut differences: Vec<_> =
        fixed.map(|(property, wanted)| difference(property, (*wanted).to_owned())).collect();
    let less =
        |property: &str, wanted: usize| found(property).parse().is_ok_and(|found: usize| found < wanted);
    for (property, wanted) in
        [("min.insync.replicas", in_sync(replicas)), ("max.message.bytes", MESSAGE_BYTES)]
    {
        if less(property, wanted) {
            differences.push(difference(property, format!("at least {wanted}")));
        }
    }
    differences
}

/// How many copies must have a record before it counts: with three, one broker may be away.
fn in_sync(replicas: usize) -> usize {
    replicas.saturating_sub(1).clamp(1, 2)
}

fn admin(settings: &Settings) -> Result<AdminClient<super::delivery::Delivery>, Error> {
    let client = settings.client().create_with_context(super::delivery::Delivery);
    client.map_err(|error| settings::refused(&error))
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(ASK)).operation_timeout(Some(ASK))
}

/// Refuses missing topics and other numbers of partitions, all of them in one error.
pub(super) fn check<C: ClientContext>(settings: &Settings, client: &Client<C>) -> Result<(), Error> {
    let metadata = client.fetch_metadata(None, ASK).map_err(|error| settings.unavailable(&error))?;
    let found = |topic: Topic| {
        let name = settings.topic_name(topic);
        let found = metadata.topics().iter().find(|found| found.name() == name)?;
        Some(found.partitions().len())
    };
    let mut wrong = Vec::new();
    for topic in Topic::ALL {
        let name = settings.topic_name(topic);
        match found(topic) {
            None => wrong.push(format!("{name} is missing")),
            Some(count) if count != usize::from(settings.partitions) => {
                wrong.push(format!("{name} has {count} partitions, not {}", settings.partitions));
            }
            Some(_) => {}
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(Error::Topics { wrong: wrong.join("; ") }) }
}
