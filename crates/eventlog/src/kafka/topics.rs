//! The topics on the broker, held against what the configuration says.

use afterglow_events::Topic;
use rdkafka::client::{Client, ClientContext};

use super::settings::{ASK, Settings};
use crate::error::Error;

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
