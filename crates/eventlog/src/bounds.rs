//! Where each partition starts and ends.

use std::ops::Range;

use afterglow_events::Topic;

use crate::topic_number;

/// The offsets that each partition of each topic holds, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    partitions: u16,
    /// By topic number, then partition.
    lanes: Vec<Range<i64>>,
}

impl Bounds {
    /// The bounds of a log that has never held anything.
    pub fn empty(partitions: u16) -> Self {
        let lanes = usize::from(partitions) * usize::from(topic_number::COUNT);
        Self { partitions, lanes: vec![0..0; lanes] }
    }

    /// Partitions of each topic.
    pub fn partitions(&self) -> u16 {
        self.partitions
    }

    /// The first offset that is there and the first that is not there yet; `None` where the topic has
    /// no such partition.
    pub fn of(&self, topic: Topic, partition: u16) -> Option<Range<i64>> {
        self.index(topic, partition).map(|index| self.lanes[index].clone())
    }

    /// Each partition of a topic with its first offset and the first that is not there yet.
    pub fn of_topic(&self, topic: Topic) -> Vec<(u16, i64, i64)> {
        let lanes =
            (0..self.partitions).filter_map(|partition| Some((partition, self.of(topic, partition)?)));
        lanes.map(|(partition, range)| (partition, range.start, range.end)).collect()
    }

    pub(crate) fn set(&mut self, topic: Topic, partition: u16, range: Range<i64>) {
        if let Some(index) = self.index(topic, partition) {
            self.lanes[index] = range;
        }
    }

    /// Gives out the next offset of a partition of this log.
    pub(crate) fn take_offset(&mut self, topic: Topic, partition: u16) -> i64 {
        let index = self.index(topic, partition).expect("a shard's partition is below the log's number");
        let offset = self.lanes[index].end;
        self.lanes[index].end += 1;
        offset
    }

    /// Takes over what `newer` knows more; starts and ends only rise. Says whether anything did.
    pub(crate) fn merge(&mut self, newer: &Self) -> bool {
        let mut moved = false;
        for (lane, other) in self.lanes.iter_mut().zip(&newer.lanes) {
            let merged = lane.start.max(other.start)..lane.end.max(other.end);
            moved |= merged != *lane;
            *lane = merged;
        }
        moved
    }

    /// Whether some partition ends before where `older` says that it did.
    #[cfg(feature = "kafka")]
    pub(crate) fn ends_before(&self, older: &Self) -> bool {
        self.lanes.iter().zip(&older.lanes).any(|(lane, older)| lane.end < older.end)
    }

    fn index(&self, topic: Topic, partition: u16) -> Option<usize> {
        let topic = usize::from(topic_number::of(topic));
        (partition < self.partitions).then(|| topic * usize::from(self.partitions) + usize::from(partition))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_only_rise() {
        let mut known = Bounds::empty(4);
        assert_eq!(known.take_offset(Topic::Deals, 3), 0);
        assert_eq!(known.take_offset(Topic::Deals, 3), 1);
        assert!(!known.clone().merge(&Bounds::empty(4)));
        let mut newer = Bounds::empty(4);
        newer.set(Topic::Deals, 3, 1..1);
        assert!(known.merge(&newer));
        assert_eq!(known.of(Topic::Deals, 3), Some(1..2));
        assert_eq!(known.of_topic(Topic::Deals)[3], (3, 1, 2));
        assert_eq!(known.of(Topic::Deals, 4), None);
    }
}
