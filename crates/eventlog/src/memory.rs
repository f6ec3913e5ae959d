//! The model of a log: what every log does, in a few lines, and with faults to order.
//!
//! It holds everything in memory and loses it with the process; tests and simulations use it.

mod checkpoints;

pub use checkpoints::MemoryCheckpoints;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use afterglow_domain::{Shard, Timestamp};
use afterglow_events::{Append, AppendError, Checkpoints, Position, Received, Record, Topic};
use tokio::sync::watch;

use crate::admission::admit;
use crate::bounds::Bounds;
use crate::consumer::Consumer;
use crate::error::Error;
use crate::options::Options;
use crate::source::Source;
use crate::tail::{Tail, TailStart};
use crate::topic_number;

/// What goes wrong with the next appends.
#[derive(Default)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// They are refused: nothing is written.
    Refuse,
    /// Asked before each call: where it says true, the records are written and the answer is
    /// `Unavailable` all the same, as when a connection breaks behind a commit. The caller brings the
    /// chance, seeded.
    LoseAnswer(Box<dyn FnMut() -> bool + Send>),
}

/// A log in memory. Clones share it.
#[derive(Clone)]
pub struct MemoryLog {
    state: Arc<Mutex<State>>,
    hub: Arc<watch::Sender<Bounds>>,
    log_id: Arc<str>,
    options: Options,
}

struct State {
    bounds: Bounds,
    /// By topic number and partition, what lies between the bounds.
    lanes: Vec<VecDeque<Received>>,
    newest: Timestamp,
    fault: Fault,
}

impl MemoryLog {
    /// An empty log; [`Error::PartitionCount`] as on disk.
    pub fn new(options: Options) -> Result<Self, Error> {
        static LOGS: AtomicU64 = AtomicU64::new(0);
        options.check()?;
        let bounds = Bounds::empty(options.partitions);
        let lanes = vec![VecDeque::new(); usize::from(topic_number::COUNT * options.partitions)];
        let state = State { bounds: bounds.clone(), lanes, newest: Timestamp::EPOCH, fault: Fault::None };
        Ok(Self {
            state: Arc::new(Mutex::new(state)),
            hub: Arc::new(watch::Sender::new(bounds)),
            log_id: format!("{:016x}", LOGS.fetch_add(1, Ordering::Relaxed)).into(),
            options,
        })
    }

    /// What goes wrong from now on.
    pub fn set_fault(&self, fault: Fault) {
        self.state().fault = fault;
    }

    /// The group's reader of some topics, behind the cursors that `checkpoints` remembers.
    pub fn consumer<C: Checkpoints>(
        &self,
        group: &str,
        topics: &[Topic],
        checkpoints: C,
    ) -> Consumer<Self, C> {
        Consumer::new(self.clone(), group, topics, checkpoints)
    }

    /// Reads a topic as one stream; see [`Tail::open`].
    pub async fn tail(&self, topic: Topic, start: TailStart) -> Result<Tail<Self>, Error> {
        Tail::open(self.clone(), topic, start).await
    }

    /// Everything that a topic holds, in the order in which it was taken.
    pub fn all(&self, topic: Topic) -> Vec<Received> {
        let state = self.state();
        let partitions = 0..self.options.partitions;
        let mut all: Vec<_> = partitions.flat_map(|p| state.lanes[self.lane(topic, p)].clone()).collect();
        all.sort_by_key(|received| (received.taken_at, received.partition, received.offset));
        all
    }

    /// Removes what is older than the retention at `now`, and says how many records went.
    pub fn prune(&self, now: Timestamp) -> u64 {
        let before = now.minus(self.options.retention);
        let mut pruned = 0;
        let mut state = self.state();
        for topic in Topic::ALL {
            for (partition, mut start, end) in state.bounds.of_topic(topic) {
                let lane = &mut state.lanes[self.lane(topic, partition)];
                while lane.pop_front_if(|oldest| oldest.taken_at < before).is_some() {
                    (start, pruned) = (start + 1, pruned + 1);
                }
                state.bounds.set(topic, partition, start..end);
            }
        }
        self.hub.send_if_modified(|known| known.merge(&state.bounds));
        pruned
    }

    fn write(&self, records: Vec<Record>) -> Result<Vec<Position>, AppendError> {
        let unavailable = |reason: &str| Err(AppendError::Unavailable(reason.to_owned()));
        let mut state = self.state();
        let lost = match &mut state.fault {
            Fault::None => false,
            Fault::Refuse => return unavailable("the log refuses everything, as ordered"),
            Fault::LoseAnswer(chance) => chance(),
        };
        let taken_at = self.options.clock.now().max(state.newest);
        state.newest = taken_at;
        let positions = records.into_iter().map(|record| {
            let (topic, partition) =
                (record.topic, Shard::of(record.key_text()).partition(self.options.partitions));
            let offset = state.bounds.take_offset(topic, partition);
            state.lanes[self.lane(topic, partition)].push_back(Received {
                record,
                partition,
                offset,
                taken_at,
            });
            Position { partition, offset }
        });
        let positions = positions.collect();
        self.hub.send_if_modified(|known| known.merge(&state.bounds));
        if lost { unavailable("the answer was lost, as ordered") } else { Ok(positions) }
    }

    fn lane(&self, topic: Topic, partition: u16) -> usize {
        usize::from(topic_number::of(topic) * self.options.partitions + partition)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panicking test must not hide itself behind a second panic here.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Append for MemoryLog {
    async fn append(&self, records: Vec<Record>) -> Vec<Result<Position, AppendError>> {
        let (admitted, admission) = admit(records);
        let outcome = if admitted.is_empty() { Ok(Vec::new()) } else { self.write(admitted) };
        admission.answer(outcome)
    }
}

impl Source for MemoryLog {
    fn log_id(&self) -> &str {
        &self.log_id
    }

    fn partitions(&self) -> u16 {
        self.options.partitions
    }

    async fn bounds(&self) -> Result<Bounds, Error> {
        Ok(self.state().bounds.clone())
    }

    fn known(&self) -> watch::Receiver<Bounds> {
        self.hub.subscribe()
    }

    async fn read(
        &self,
        topic: Topic,
        partition: u16,
        from: i64,
        max: usize,
    ) -> Result<Vec<Received>, Error> {
        let state = self.state();
        let Some(bounds) = state.bounds.of(topic, partition) else { return Ok(Vec::new()) };
        let skipped = usize::try_from(from - bounds.start).unwrap_or(0);
        Ok(state.lanes[self.lane(topic, partition)].iter().skip(skipped).take(max).cloned().collect())
    }
}

#[cfg(test)]
mod tests;
