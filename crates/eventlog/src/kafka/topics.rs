//! The topics on the broker: made where they are missing, and held against what they should be.
//!
//! Deliberately absent: changing a topic that is there. What differs is said with both values; whether
//! thousands of records may go is for the broker's operator to decide.

use std::fmt;
use std::time::Duration;

use afterglow_events::Topic;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::MetadataTopic;

use super::delivery::Delivery;
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

/// How long after a failure its cause may come: from another thread, which looks ten times a second.
const CAUSE: Duration = Duration::from_millis(250);

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

/// What differs, of the topics that are there.
pub(super) async fn differences(settings: &Settings) -> Result<Vec<Difference>, Error> {
    let admin = admin(settings)?;
    let failed = |error: KafkaError| settings.unavailable(&error);
    let metadata = admin.inner().fetch_metadata(None, ASK).map_err(failed)?;
    // Of a topic that is missing the broker says nothing, and nothing would differ from everything.
    let ours = |topic: &&MetadataTopic| settings.topic_of(topic.name()).is_some();
    let topics: Vec<_> = metadata.topics().iter().filter(ours).collect();
    if topics.is_empty() {
        return Ok(Vec::new());
    }
    let asked: Vec<_> = topics.iter().map(|topic| ResourceSpecifier::Topic(topic.name())).collect();
    let answered = admin.describe_configs(&asked, &options()).await.map_err(failed)?;
    let mut differences = Vec::new();
    for (topic, resource) in topics.into_iter().zip(answered) {
        let resource = resource.map_err(|code| failed(KafkaError::AdminOp(code)))?;
        let found =
            |property: &str| resource.get(property).and_then(|entry| entry.value.clone()).unwrap_or_default();
        differences.extend(of_topic(topic.name(), found, copies(topic)));
    }
    Ok(differences)
}

/// The topics of which there is one copy.
pub(super) fn of_one_copy<C: ClientContext>(
    settings: &Settings,
    client: &Client<C>,
) -> Result<Vec<String>, Error> {
    let metadata = client.fetch_metadata(None, ASK).map_err(|error| settings.unavailable(&error))?;
    let single = metadata.topics().iter().filter(|topic| copies(topic) == 1);
    let ours = single.filter(|topic| settings.topic_of(topic.name()).is_some());
    Ok(ours.map(|topic| topic.name().to_owned()).collect())
}

/// How many copies there are of what has the fewest.
fn copies(topic: &MetadataTopic) -> usize {
    topic.partitions().iter().map(|partition| partition.replicas().len()).min().unwrap_or(1)
}

fn of_topic(name: &str, found: impl Fn(&str) -> String, replicas: usize) -> Vec<Difference> {
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

fn admin(settings: &Settings) -> Result<AdminClient<Delivery>, Error> {
    let client = settings.client().create_with_context(Delivery::new(settings));
    client.map_err(|error| settings::refused(&error))
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(ASK)).operation_timeout(Some(ASK))
}

/// Refuses missing topics and other numbers of partitions, all of them in one error.
pub(super) fn check<C: ClientContext>(settings: &Settings, client: &Client<C>) -> Result<(), Error> {
    let metadata = client.fetch_metadata(None, ASK).map_err(|error| {
        std::thread::sleep(CAUSE);
        settings.unavailable(&error)
    })?;
    settings.trouble.over();
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

#[cfg(test)]
mod unit {
    use super::*;

    /// What a topic differs in that is as it should be but for its copies.
    fn told(replicas: usize, in_sync: &str) -> Vec<String> {
        let found = |property: &str| match property {
            "min.insync.replicas" => in_sync.to_owned(),
            "max.message.bytes" => "1048588".to_owned(),
            other => PROPERTIES.iter().find(|(name, _)| *name == other).unwrap().1.to_owned(),
        };
        of_topic("deals", found, replicas).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_record_counts_once_two_of_three_copies_have_it() {
        assert_eq!(told(3, "1"), ["deals: min.insync.replicas is 1, it should be at least 2"]);
        assert_eq!(told(3, "2"), Vec::<String>::new());
        assert_eq!(told(3, "3"), Vec::<String>::new(), "stricter is the operator's to say");
        assert_eq!(told(5, "1").len(), 1);
        assert_eq!((told(1, "1").len(), told(2, "1").len()), (0, 0), "one broker may be away");
    }
}
