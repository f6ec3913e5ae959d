//! A topic read as one stream, by people and by other services, from a cursor that they keep.
//!
//! Order: by `taken_at`, then partition, then offset, over everything that was known when a read
//! began; records of one key keep their order whatever happens.

mod cursor;

pub use cursor::TailCursor;

use std::collections::VecDeque;
use std::time::Duration;

use afterglow_events::{Received, Topic};
use tokio::time::Instant;

use crate::bounds::Bounds;
use crate::error::Error;
use crate::follower::Follower;
use crate::metric::Tally;
use crate::source::Source;

/// How many records of one partition are read ahead: few, since a tail has many partitions.
const READ_AHEAD: usize = 32;

/// Where a tail begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TailStart {
    /// At the oldest record that is still there.
    Beginning,
    /// Behind the newest record.
    Now,
    /// Behind the record whose cursor this is.
    After(TailCursor),
}

/// A record of a tail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tailed {
    /// The record and where it stands.
    pub received: Received,
    /// Goes on behind this record.
    pub cursor: TailCursor,
}

/// A reader of one topic.
pub struct Tail<S> {
    follower: Follower<S>,
    topic: Topic,
    cursor: TailCursor,
    lanes: Vec<Lane>,
}

/// A partition's records that are read and not given out yet.
struct Lane {
    read_to: i64,
    ahead: VecDeque<Received>,
}

impl<S: Source> Tail<S> {
    /// Opens a topic at a place; [`Error::Cursor`] where the cursor is not one of this topic and log,
    /// [`Error::Expired`] where retention has removed what follows it.
    pub async fn open(source: S, topic: Topic, start: TailStart) -> Result<Self, Error> {
        let bounds = source.bounds().await?;
        let of_topic = bounds.of_topic(topic);
        let cursor = match start {
            TailStart::Beginning => {
                TailCursor::new(topic, source.log_id(), of_topic.iter().map(|(_, start, _)| *start).collect())
            }
            TailStart::Now => {
                TailCursor::new(topic, source.log_id(), of_topic.iter().map(|(.., end)| *end).collect())
            }
            TailStart::After(cursor) => cursor.checked(topic, source.log_id(), &of_topic)?,
        };
        let lane = |offset: &i64| Lane { read_to: *offset, ahead: VecDeque::new() };
        let lanes = cursor.offsets().iter().map(lane).collect();
        Ok(Self { follower: Follower::new(source), topic, cursor, lanes })
    }

    /// The place behind the last record that was given out.
    pub fn cursor(&self) -> &TailCursor {
        &self.cursor
    }

    /// The next records, at most `max`; empty after `wait` without any. Giving up in between loses
    /// nothing.
    pub async fn next(&mut self, max: usize, wait: Duration) -> Result<Vec<Tailed>, Error> {
        let until = Instant::now() + wait;
        loop {
            self.follower.look().await?;
            let known = self.follower.known();
            self.read_ahead(&known).await?;
            let records = self.merge(&known, max);
            if !records.is_empty() || !self.follower.wait(until).await {
                Tally::of(records.iter().map(|tailed| &tailed.received.record)).received("tail");
                return Ok(records);
            }
        }
    }

    /// Fills every lane that has run dry and has more in the log.
    async fn read_ahead(&mut self, known: &Bounds) -> Result<(), Error> {
        for (partition, start, end) in known.of_topic(self.topic) {
            let lane = &self.lanes[usize::from(partition)];
            if !lane.ahead.is_empty() || lane.read_to == end {
                continue;
            }
            let offset = lane.read_to;
            let records = self.follower.source.read(self.topic, partition, offset, READ_AHEAD).await?;
            let first = records.first().map_or(start.max(end), |received| received.offset);
            if first != offset {
                self.expect_gap(partition, offset, first).await?;
            }
            let lane = &mut self.lanes[usize::from(partition)];
            if records.is_empty() {
                lane.read_to = end;
            }
            // Only up to what was known: a later record may be older than another partition's next.
            lane.ahead.extend(records.into_iter().take_while(|received| received.offset < end));
            lane.read_to = lane.ahead.back().map_or(lane.read_to, |received| received.offset + 1);
        }
        Ok(())
    }

    /// Refuses to pass over what retention has removed; the end of a stranger's transaction is no loss.
    async fn expect_gap(&self, partition: u16, offset: i64, first: i64) -> Result<(), Error> {
        let bounds = self.follower.source.bounds().await?.of(self.topic, partition).unwrap_or(0..0);
        if bounds.start <= offset && offset < first && first <= bounds.end {
            return Ok(());
        }
        Err(Error::Expired { topic: self.topic, partition, offset, start: first.max(bounds.start) })
    }

    /// Gives out the oldest heads, until one lane has run dry although the log has more of it.
    fn merge(&mut self, known: &Bounds, max: usize) -> Vec<Tailed> {
        let ends: Vec<i64> = known.of_topic(self.topic).into_iter().map(|(.., end)| end).collect();
        let mut out = Vec::new();
        while out.len() < max {
            let dry = |(lane, end): (&Lane, &i64)| lane.ahead.is_empty() && lane.read_to < *end;
            if self.lanes.iter().zip(&ends).any(dry) {
                break;
            }
            let heads = self.lanes.iter_mut().filter(|lane| !lane.ahead.is_empty());
            let oldest =
                heads.min_by_key(|lane| lane.ahead.front().map(|head| (head.taken_at, head.partition)));
            let Some(received) = oldest.and_then(|lane| lane.ahead.pop_front()) else { break };
            self.cursor.advance(received.partition, received.offset + 1);
            out.push(Tailed { received, cursor: self.cursor.clone() });
        }
        out
    }
}
