//! The only member of a consumer group: reads every partition, behind the group's durable cursors.
//!
//! Positions live in memory. The durable cursor is written by the role, in the transaction of its
//! decisions; `commit` only tells us how far a rewind goes. A second process never reads for the same
//! group: the store behind it has one writer.

mod checkpoint;

use std::collections::VecDeque;
use std::time::Duration;

use afterglow_events::{Checkpoints, Consume, ConsumeError, Cursor, Received, Topic};
use tokio::time::Instant;

use crate::follower::Follower;
use crate::metric::{self, Tally, record_bytes};
use crate::source::Source;

/// How many bytes one poll gathers before it stops early; what a transaction should hold in memory.
const POLL_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How often the lag is told: it has a series per partition.
const LAG_INTERVAL: Duration = Duration::from_secs(5);

/// A group's reader over any [`Source`].
pub struct Consumer<S, C> {
    follower: Follower<S>,
    checkpoints: C,
    group: String,
    topics: Vec<Topic>,
    /// Empty until the cursors have been read.
    lanes: Vec<Lane>,
    /// Which lane begins the next poll, so that none is always last.
    turn: usize,
    /// When the lag is told next.
    lag_at: Instant,
}

/// One partition and how far we are in it.
struct Lane {
    topic: Topic,
    partition: u16,
    /// The first offset not decided yet.
    committed: i64,
    /// The first offset not handed out yet.
    next: i64,
}

impl<S: Source, C: Checkpoints> Consumer<S, C> {
    pub(crate) fn new(source: S, group: &str, topics: &[Topic], checkpoints: C) -> Self {
        Self {
            follower: Follower::new(source),
            checkpoints,
            group: group.to_owned(),
            topics: topics.to_vec(),
            lanes: Vec::new(),
            turn: 0,
            lag_at: Instant::now(),
        }
    }

    /// Tells how far the group is behind, every [`LAG_INTERVAL`].
    fn tell_lag(&mut self) {
        let now = Instant::now();
        if now < self.lag_at {
            return;
        }
        self.lag_at = now + LAG_INTERVAL;
        for lane in &self.lanes {
            let end = self.follower.known().of(lane.topic, lane.partition).map_or(0, |range| range.end);
            metric::lag(&self.group, lane.topic, lane.partition, end - lane.committed);
        }
    }

    /// What is there now, in fair shares of the partitions. Positions move only at the end, so that a
    /// caller who gives up in between loses nothing.
    async fn gather(&mut self, max: usize) -> Result<Vec<Received>, ConsumeError> {
        let known = self.follower.known();
        let mut next = Vec::with_capacity(self.lanes.len());
        let mut waiting = VecDeque::new();
        for (index, lane) in self.lanes.iter().enumerate() {
            let end = known.of(lane.topic, lane.partition).map_or(0, |range| range.end);
            next.push(lane.next);
            if lane.next < end {
                waiting.push_back((index, end));
            }
        }
        waiting.rotate_left(self.turn.checked_rem(waiting.len()).unwrap_or(0));
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < max && bytes < POLL_BYTES_MAX {
            let Some((index, end)) = waiting.pop_front() else { break };
            let share = (max - batch.len()).div_ceil(waiting.len() + 1);
            let records = self.read(&self.lanes[index], next[index], share).await?;
            next[index] += i64::try_from(records.len()).expect("a batch is small");
            bytes += records.iter().map(|received| record_bytes(&received.record)).sum::<usize>();
            batch.extend(records);
            if next[index] < end {
                waiting.push_back((index, end));
            }
        }
        self.turn = self.turn.wrapping_add(1);
        for (lane, next) in self.lanes.iter_mut().zip(next) {
            lane.next = next;
        }
        Ok(batch)
    }

    async fn read(&self, lane: &Lane, from: i64, max: usize) -> Result<Vec<Received>, ConsumeError> {
        let records = self.follower.source.read(lane.topic, lane.partition, from, max).await?;
        match records.first().map(|received| received.offset) {
            Some(offset) if offset == from => Ok(records),
            found => {
                let found = found.map_or("nothing".to_owned(), |offset| format!("offset {offset}"));
                Err(lane.broken(format!("the group is at offset {from}, the log goes on with {found}")))
            }
        }
    }
}

impl Lane {
    fn broken(&self, what: String) -> ConsumeError {
        ConsumeError::Discontinuity { topic: self.topic, partition: self.partition, what }
    }
}

impl<S: Source, C: Checkpoints> Consume for Consumer<S, C> {
    async fn poll(&mut self, max: usize, wait: Duration) -> Result<Vec<Received>, ConsumeError> {
        let until = Instant::now() + wait;
        self.follower.look().await?;
        if self.lanes.is_empty() {
            self.lanes = self.lanes_at_checkpoint().await?;
        }
        loop {
            self.tell_lag();
            let batch = self.gather(max).await?;
            if !batch.is_empty() || !self.follower.wait(until).await {
                Tally::of(batch.iter().map(|received| &received.record)).received(&self.group);
                return Ok(batch);
            }
            self.follower.look().await?;
        }
    }

    async fn commit(&mut self, cursors: &[Cursor]) -> Result<(), ConsumeError> {
        for cursor in cursors {
            let mut lanes = self.lanes.iter_mut();
            if let Some(lane) = lanes.find(|l| l.topic == cursor.topic && l.partition == cursor.partition) {
                lane.committed = cursor.next_offset;
            }
        }
        Ok(())
    }

    async fn rewind(&mut self) -> Result<(), ConsumeError> {
        for lane in &mut self.lanes {
            lane.next = lane.committed;
        }
        Ok(())
    }
}
