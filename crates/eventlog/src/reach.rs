//! Whether a group has decided on all that a topic held at an instant, whichever process reads which partition.

use afterglow_events::{Cursor, Topic};

use crate::error::Error;
use crate::source::Source;

/// Where a topic ended at some instant.
///
/// Deliberately absent: misfits of cursor and log. Whoever reads the partition finds them, and stops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    topic: Topic,
    /// Each partition with its first offset and the first that was not there yet.
    bounds: Vec<(u16, i64, i64)>,
}

impl Reach {
    /// Where the topic ends now.
    pub async fn of<S: Source>(source: &S, topic: Topic) -> Result<Self, Error> {
        Ok(Self { topic, bounds: source.bounds().await?.of_topic(topic) })
    }

    /// Whether these cursors lie behind everything that was there then. Where one lies before an end, the log is
    /// asked whether a record stands between them: the end of a stranger's transaction on Kafka is none.
    pub async fn is_reached<S: Source>(&self, source: &S, cursors: &[Cursor]) -> Result<bool, Error> {
        for &(partition, start, end) in &self.bounds {
            let cursor =
                cursors.iter().find(|cursor| (cursor.topic, cursor.partition) == (self.topic, partition));
            let next = cursor.map_or(start, |cursor| cursor.next_offset);
            if next < end {
                let following = source.read(self.topic, partition, next, 1).await?;
                if following.first().is_some_and(|record| record.offset < end) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}
