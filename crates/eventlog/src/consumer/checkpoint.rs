//! Where a group goes on: its cursors, held against what the log has.

use afterglow_events::{Checkpoints, ConsumeError};

use crate::consumer::{Consumer, Lane};
use crate::going_on::misfit;
use crate::source::Source;

impl<S: Source, C: Checkpoints> Consumer<S, C> {
    /// Every partition of the group's topics, standing behind its cursor, or at the beginning where it
    /// has none. A cursor that does not fit the log stops the group.
    pub(super) async fn lanes_at_checkpoint(&mut self) -> Result<Vec<Lane>, ConsumeError> {
        let known = self.follower.known();
        let mut lanes = Vec::new();
        for topic in &self.topics {
            for (partition, start, _) in known.of_topic(*topic) {
                lanes.push(Lane { topic: *topic, partition, committed: start, next: start });
            }
        }
        for cursor in self.checkpoints.cursors(&self.group).await? {
            let (topic, partition) = (cursor.topic, cursor.partition);
            if !self.topics.contains(&topic) {
                continue;
            }
            let begun = (Some(&cursor), Some(cursor.next_offset));
            if let Some(what) = misfit(&self.follower.source, &known, (topic, partition), begun).await? {
                return Err(ConsumeError::Discontinuity { topic, partition, what });
            }
            let fits = |lane: &&mut Lane| lane.topic == topic && lane.partition == partition;
            if let Some(lane) = lanes.iter_mut().find(fits) {
                (lane.committed, lane.next) = (cursor.next_offset, cursor.next_offset);
            }
        }
        Ok(lanes)
    }
}
