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
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use tokio::runtime::Handle;

use super::lanes::Place as Partition;
use crate::going_on::misfit;
use crate::kafka::group::{self, Committed};
use crate::kafka::reader::KafkaReader;
use crate::kafka::settings::Settings;
use crate::source::Source as _;

/// Whose cursors count, and where they are asked for.
pub(super) struct Place {
    pub(super) settings: Arc<Settings>,
    pub(super) group: String,
    pub(super) topic: Topic,
    pub(super) runtime: Handle,
}

impl Place {
    /// Where each of the partitions goes on, with where it ends now.
    pub(super) fn starts<C: Checkpoints, X: ConsumerContext>(
        &self,
        consumer: &BaseConsumer<X>,
        partitions: &[Partition],
        checkpoints: &C,
    ) -> Result<Vec<(Cursor, i64)>, ConsumeError> {
        // The group first: who commits writes the store before it, so what is read after it is never behind.
        let committed = group::committed(&self.settings, consumer, partitions)?;
        let cursors = self.runtime.block_on(checkpoints.cursors(&self.group))?;
        let reader = self.runtime.block_on(KafkaReader::connect(self.settings.clone()))?;
        let unknown =
            |cursor: &&Cursor| cursor.topic == self.topic && cursor.partition >= self.settings.partitions;
        if let Some(cursor) = cursors.iter().find(unknown) {
            let place = (cursor.topic, cursor.partition);
            self.runtime.block_on(fits(&reader, place, Some(cursor), Some(cursor.next_offset)))?;
        }
        let start = |(place, committed): (&Partition, Option<Committed>)| {
            let cursor = cursors.iter().find(|cursor| (cursor.topic, cursor.partition) == *place);
            let start = group::start(cursor, committed).map_err(|what| broken(*place, what))?;
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
}

/// The cursor to start with, where the log has it.
async fn fits(
    reader: &KafkaReader,
    (topic, partition): Partition,
    cursor: Option<&Cursor>,
    start: Option<i64>,
) -> Result<(Cursor, i64), ConsumeError> {
    let place = (topic, partition);
    let bounds = reader.known().borrow().clone();
    if let Some(what) = misfit(reader, &bounds, place, (cursor, start)).await? {
        return Err(broken(place, what));
    }
    let range = bounds.of(topic, partition).unwrap_or(0..0);
    let next_offset = start.unwrap_or(range.start);
    let none =
        || Cursor { topic, partition, next_offset, last_event_id: String::new(), at: Timestamp::EPOCH };
    Ok((Cursor { next_offset, ..cursor.cloned().unwrap_or_else(none) }, range.end))
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
        group::start(cursor, committed)
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
        };
        told(None, Some((4, Some(5))), "the store has no checkpoint");
        told(Some(&behind), Some((90, Some(6))), "was it restored?");
        told(Some(&behind), Some((90, Some(5))), "was it restored?");
        told(Some(&behind), Some((90, None)), "by hand");
        told(Some(&behind), Some((3, None)), "by hand");
    }
}
