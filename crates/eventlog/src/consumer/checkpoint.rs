//! Where a group goes on: its cursors, held against what the log has.

use afterglow_events::{Checkpoints, ConsumeError, Cursor};

use crate::bounds::Bounds;
use crate::consumer::{Consumer, Lane};
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
            if !self.topics.contains(&cursor.topic) {
                continue;
            }
            self.check(&cursor, &known).await?;
            let fits = |lane: &&mut Lane| lane.topic == cursor.topic && lane.partition == cursor.partition;
            if let Some(lane) = lanes.iter_mut().find(fits) {
                (lane.committed, lane.next) = (cursor.next_offset, cursor.next_offset);
            }
        }
        Ok(lanes)
    }

    async fn check(&self, cursor: &Cursor, known: &Bounds) -> Result<(), ConsumeError> {
        let (topic, partition, next) = (cursor.topic, cursor.partition, cursor.next_offset);
        let broken = |what| Err(ConsumeError::Discontinuity { topic, partition, what });
        let Some(bounds) = known.of(topic, partition) else {
            return broken(format!(
                "the checkpoint knows this partition at offset {next}, the log has none of that number"
            ));
        };
        if next > bounds.end {
            return broken(format!("the checkpoint is at offset {next}, the log ends at {}", bounds.end));
        }
        if next < bounds.start {
            return broken(format!("the checkpoint is at offset {next}, the log starts at {}", bounds.start));
        }
        if next == bounds.start {
            // The record before it is gone, or there never was one.
            return Ok(());
        }
        let before = self.follower.source.read(topic, partition, next - 1, 1).await?;
        let found = before.first().and_then(|received| received.record.header("ce_id")).unwrap_or_default();
        if found != cursor.last_event_id {
            return broken(format!(
                "the checkpoint remembers event {:?} at offset {}, the log has {found:?} there",
                cursor.last_event_id,
                next - 1
            ));
        }
        Ok(())
    }
}
