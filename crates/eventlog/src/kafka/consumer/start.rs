//! Where an assigned partition goes on.
//!
//! The role's cursor is the truth, and the group's committed offset must fit it:
//!
//! | cursor | committed | the partition goes on |
//! |---|---|---|
//! | none | none | at the beginning: the first start |
//! | some | none | at the cursor: the broker has forgotten the group |
//! | some | behind or at it, or with an earlier mark | at the cursor: the last commit was lost |
//! | none | some | nowhere: the store is another one |
//! | some | beyond it, with no earlier mark, or none of ours | nowhere: the store is older, or somebody moved the group |
//!
//! And wherever it goes on must lie in the log, behind the very record that the cursor remembers. What does not
//! fit stops the role.

use std::sync::Arc;

use afterglow_domain::Timestamp;
use afterglow_events::{Checkpoints, ConsumeError, Cursor, Topic};
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use tokio::runtime::Handle;

use super::lanes::Place as Partition;
use crate::kafka::offset_mark;
use crate::kafka::reader::KafkaReader;
use crate::kafka::settings::{ASK, Settings};
use crate::source::Source as _;

/// Whose cursors count, and where they are asked for.
pub(super) struct Place {
    pub(super) settings: Arc<Settings>,
    pub(super) group: String,
    pub(super) topics: Vec<Topic>,
    pub(super) runtime: Handle,
}

/// What the group has committed for a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Committed {
    offset: i64,
    /// When the store wrote the checkpoint that goes with it; `None` where others have committed.
    mark: Option<Timestamp>,
}

impl Place {
    /// Where each of the partitions goes on, with where it ends now.
    pub(super) fn starts<C: Checkpoints, X: ConsumerContext>(
        &self,
        consumer: &BaseConsumer<X>,
        partitions: &[Partition],
        checkpoints: &C,
    ) -> Result<Vec<(Cursor, i64)>, ConsumeError> {
        let cursors = self.runtime.block_on(checkpoints.cursors(&self.group))?;
        let committed = self.committed(consumer, partitions)?;
        let reader = self.runtime.block_on(KafkaReader::connect(self.settings.clone()))?;
        let unknown = |cursor: &&Cursor| {
            self.topics.contains(&cursor.topic) && cursor.partition >= self.settings.partitions
        };
        if let Some(cursor) = cursors.iter().find(unknown) {
            let what = format!(
                "the checkpoint knows this partition at offset {}, the log has none of that number",
                cursor.next_offset
            );
            return Err(broken((cursor.topic, cursor.partition), what));
        }
        let start = |(place, committed): (&Partition, Option<Committed>)| {
            let cursor = cursors.iter().find(|cursor| (cursor.topic, cursor.partition) == *place);
            let start = decided(*place, cursor, committed)?;
            self.runtime.block_on(fits(&reader, *place, cursor, start))
        };
        partitions.iter().zip(committed).map(start).collect()
    }

    /// Holds what lanes have read against the log: after the broker has said that a position is not there.
    pub(super) fn verify(&self, positions: &[(Cursor, i64)]) -> Result<(), ConsumeError> {
        let reader = self.runtime.block_on(KafkaReader::connect(self.settings.clone()))?;
        for (cursor, position) in positions {
            let place = (cursor.topic, cursor.partition);
            // Before its first commit a lane remembers no record.
            let remembered = (!cursor.last_event_id.is_empty()).then_some(cursor);
            self.runtime.block_on(fits(&reader, place, remembered, Some(*position)))?;
        }
        Ok(())
    }

    fn committed<X: ConsumerContext>(
        &self,
        consumer: &BaseConsumer<X>,
        partitions: &[Partition],
    ) -> Result<Vec<Option<Committed>>, ConsumeError> {
        let mut list = TopicPartitionList::new();
        for (topic, partition) in partitions {
            list.add_partition(&self.settings.topic_name(*topic), i32::from(*partition));
        }
        let failed = |error| ConsumeError::from(self.settings.unavailable(&error));
        let answered = consumer.committed_offsets(list, ASK).map_err(failed)?;
        let of = |(topic, partition): &Partition| {
            let name = self.settings.topic_name(*topic);
            let Some(element) = answered.find_partition(&name, i32::from(*partition)) else {
                return Ok(None);
            };
            element.error().map_err(failed)?;
            let rdkafka::Offset::Offset(offset) = element.offset() else { return Ok(None) };
            // The library panics where a stranger's text is not UTF-8: not one of ours.
            let metadata = std::panic::AssertUnwindSafe(|| offset_mark::read(element.metadata()));
            Ok(Some(Committed { offset, mark: std::panic::catch_unwind(metadata).ok().flatten() }))
        };
        partitions.iter().map(of).collect()
    }
}

/// The offset to go on at; `None` means the beginning.
fn decided(
    place: Partition,
    cursor: Option<&Cursor>,
    committed: Option<Committed>,
) -> Result<Option<i64>, ConsumeError> {
    match (cursor, committed) {
        (None, None) => Ok(None),
        (None, Some(Committed { offset, .. })) => Err(broken(
            place,
            format!("the group is at offset {offset}, the store has no checkpoint: is it another one?"),
        )),
        (Some(cursor), None) => Ok(Some(cursor.next_offset)),
        (Some(cursor), Some(committed)) => {
            let (next, offset) = (cursor.next_offset, committed.offset);
            match committed.mark {
                _ if offset <= next && committed.mark.is_some() => Ok(Some(next)),
                _ if offset == next => Ok(Some(next)),
                Some(mark) if mark < cursor.at => Ok(Some(next)),
                Some(_) => Err(broken(
                    place,
                    format!(
                        "the group is at offset {offset}, the store is older and at {next}: was it restored?"
                    ),
                )),
                None => Err(broken(
                    place,
                    format!("the group was moved to offset {offset} by hand, the store is at {next}"),
                )),
            }
        }
    }
}

/// The cursor to start with, where the log has it.
async fn fits(
    reader: &KafkaReader,
    (topic, partition): Partition,
    cursor: Option<&Cursor>,
    start: Option<i64>,
) -> Result<(Cursor, i64), ConsumeError> {
    let place = (topic, partition);
    let bounds = reader.known().borrow().of(topic, partition).unwrap_or(0..0);
    let next_offset = start.unwrap_or(bounds.start);
    if next_offset > bounds.end {
        return Err(broken(place, format!("we are at offset {next_offset}, the log ends at {}", bounds.end)));
    }
    if next_offset < bounds.start {
        return Err(broken(
            place,
            format!("we are at offset {next_offset}, the log starts at {}", bounds.start),
        ));
    }
    if let Some(cursor) = cursor
        && cursor.next_offset > bounds.start
    {
        let before = reader.read(topic, partition, cursor.next_offset - 1, 1).await?;
        let before = before.first().filter(|received| received.offset == cursor.next_offset - 1);
        let found = before.and_then(|received| received.record.header("ce_id")).unwrap_or_default();
        if found != cursor.last_event_id {
            let (remembered, offset) = (&cursor.last_event_id, cursor.next_offset - 1);
            return Err(broken(
                place,
                format!(
                    "the checkpoint remembers event {remembered:?} at offset {offset}, the log has {found:?} there"
                ),
            ));
        }
    }
    let none =
        || Cursor { topic, partition, next_offset, last_event_id: String::new(), at: Timestamp::EPOCH };
    Ok((Cursor { next_offset, ..cursor.cloned().unwrap_or_else(none) }, bounds.end))
}

fn broken((topic, partition): Partition, what: String) -> ConsumeError {
    ConsumeError::Discontinuity { topic, partition, what }
}

#[cfg(test)]
mod unit {
    use super::*;

    fn cursor(next_offset: i64, at: i64) -> Cursor {
        let (topic, last_event_id) = (Topic::Deals, "7".to_owned());
        Cursor { topic, partition: 3, next_offset, last_event_id, at: Timestamp(at) }
    }

    type Start = Result<Option<i64>, String>;

    fn start(cursor: Option<&Cursor>, committed: Option<(i64, Option<i64>)>) -> Start {
        let committed = committed.map(|(offset, at)| Committed { offset, mark: at.map(Timestamp) });
        let decided = decided((Topic::Deals, 3), cursor, committed);
        decided.map_err(|error| error.to_string())
    }

    #[test]
    fn a_group_goes_on_where_its_store_is() {
        assert_eq!(start(None, None), Ok(None), "the first start");
        assert_eq!(start(Some(&cursor(10, 5)), None), Ok(Some(10)), "offsets expired");
        assert_eq!(start(Some(&cursor(10, 5)), Some((10, Some(5)))), Ok(Some(10)), "nothing happened");
        assert_eq!(start(Some(&cursor(10, 5)), Some((7, Some(4)))), Ok(Some(10)), "a commit was lost");
        assert_eq!(
            start(Some(&cursor(10, 5)), Some((10, None))),
            Ok(Some(10)),
            "moved by hand to where it was"
        );
    }

    #[test]
    fn a_group_that_does_not_fit_its_store_stops() {
        let behind = cursor(10, 5);
        let told = |cursor, committed, expected: &str| {
            let told = start(cursor, committed).unwrap_err();
            assert!(told.contains(expected), "{told}");
            assert!(
                told.contains("afterglow log continue --topic afterglow.deals.v1 --partition 3"),
                "{told}"
            );
        };
        told(None, Some((4, Some(5))), "the store has no checkpoint");
        told(Some(&behind), Some((90, Some(6))), "was it restored?");
        told(Some(&behind), Some((90, Some(5))), "was it restored?");
        told(Some(&behind), Some((90, None)), "by hand");
        told(Some(&behind), Some((3, None)), "by hand");
    }
}
