//! What the members' threads and the role share: a buffer per assigned partition.
//!
//! Invariant: a lane hands out its partition's records in order and without a gap from where it was started
//! or rewound to. What comes from before a rewind is dropped by its offset.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use afterglow_events::{ConsumeError, Cursor, Received, Topic};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::Instant;

use crate::metric::{self, record_bytes};

/// Where a partition is.
pub(super) type Place = (Topic, u16);

/// A lane that holds so many records or bytes is paused until half of it is gone: a turn takes at most five
/// hundred, and sixteen partitions of a topic then hold sixteen megabytes.
const LANE_RECORDS_MAX: usize = 500;
const LANE_BYTES_MAX: usize = 1024 * 1024;

/// How many bytes one turn gathers before it stops early; what a transaction should hold in memory.
const TURN_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How long a new or rewound lane may take to reach the end that it had then, before "nothing" is believed.
const CATCH_UP: Duration = Duration::from_secs(5);

/// How long joining may take before "nothing" is believed.
const JOIN: Duration = Duration::from_secs(15);

/// How often a wait for the thread looks again by itself.
pub(super) const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// The lanes and everything else that both sides look at.
pub(super) struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    lanes: BTreeMap<Place, Lane>,
    /// The topics whose member has not heard from the group yet; believed to be still joining until then.
    joining: BTreeSet<Topic>,
    joining_until: Instant,
    /// Which lane begins the next turn, so that none is always last.
    turn: usize,
    /// A person must decide: never taken back.
    stopped: Option<ConsumeError>,
    /// What does not work at the moment, by the topic whose member says so.
    trouble: BTreeMap<Topic, String>,
    closing: bool,
}

/// What Kafka knows of a lane's decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// Nothing, and there is nothing: none was made since the partition was assigned.
    Nothing,
    /// Not the last ones.
    Late,
    /// All.
    All,
}

/// One assigned partition.
struct Lane {
    buffer: VecDeque<Received>,
    bytes: usize,
    /// The first offset not decided yet, and what stands before it.
    committed: Cursor,
    /// The first offset not handed out yet.
    next: i64,
    /// Where the partition ended when it was assigned.
    end: i64,
    catch_up_until: Instant,
    told: Told,
    /// The thread has to go back to `committed`.
    rewound: bool,
    paused: bool,
}

/// What a turn found.
pub(super) struct Turn {
    pub(super) records: Vec<Received>,
    /// Something may still come that was there before.
    pub(super) behind: bool,
    pub(super) trouble: Option<String>,
}

/// What the thread has to do for the role.
#[derive(Default)]
pub(super) struct Orders {
    pub(super) closing: bool,
    pub(super) commit: Vec<Cursor>,
    pub(super) seek: Vec<(Place, i64)>,
    pub(super) pause: Vec<Place>,
    pub(super) resume: Vec<Place>,
}

impl Shared {
    pub(super) fn new(topics: &[Topic]) -> Self {
        let state = State {
            lanes: BTreeMap::new(),
            joining: topics.iter().copied().collect(),
            joining_until: Instant::now() + JOIN,
            turn: 0,
            stopped: None,
            trouble: BTreeMap::new(),
            closing: false,
        };
        Self { state: Mutex::new(state), changed: Notify::new() }
    }

    /// Ends when the thread has changed something after this call.
    pub(super) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// The role's next records, in fair shares of the partitions.
    pub(super) fn turn(&self, max: usize, now: Instant) -> Result<Turn, ConsumeError> {
        let mut state = self.state();
        if let Some(stopped) = &state.stopped {
            return Err(stopped.clone());
        }
        let joining = !state.joining.is_empty() && now < state.joining_until;
        let behind =
            |lane: &Lane| lane.buffer.is_empty() && lane.next < lane.end && now < lane.catch_up_until;
        let behind = joining || state.lanes.values().any(behind);
        // A partition that does not come holds up no other.
        let records = state.gather(max);
        Ok(Turn { records, behind, trouble: state.trouble.values().next().cloned() })
    }

    pub(super) fn committed(&self, cursors: &[Cursor]) {
        let mut state = self.state();
        for cursor in cursors {
            if let Some(lane) = state.lanes.get_mut(&(cursor.topic, cursor.partition)) {
                lane.committed = cursor.clone();
                lane.told = Told::Late;
            }
        }
    }

    /// Forgets what was not decided; the threads go back to it.
    pub(super) fn rewind(&self, now: Instant) {
        self.state().lanes.values_mut().for_each(|lane| lane.rewind(now));
    }

    /// Forgets what was not decided of one topic.
    pub(super) fn rewind_topic(&self, topic: Topic, now: Instant) {
        self.state().lanes_of(topic).for_each(|(_, lane)| lane.rewind(now));
    }

    pub(super) fn close(&self) {
        self.state().closing = true;
    }

    /// The next orders for a topic's thread. Commits and pauses count as done; a rewind is ordered until
    /// [`Self::sought`].
    pub(super) fn orders(&self, topic: Topic) -> Orders {
        let mut state = self.state();
        let mut orders = Orders { closing: state.closing, ..Orders::default() };
        orders.commit = state.uncommitted(topic);
        for (place, lane) in state.lanes_of(topic) {
            if lane.rewound {
                orders.seek.push((*place, lane.committed.next_offset));
            }
            let full = lane.buffer.len() >= LANE_RECORDS_MAX || lane.bytes >= LANE_BYTES_MAX;
            let half = lane.buffer.len() <= LANE_RECORDS_MAX / 2 && lane.bytes <= LANE_BYTES_MAX / 2;
            if full && !lane.paused {
                lane.paused = true;
                orders.pause.push(*place);
            } else if half && lane.paused {
                lane.paused = false;
                orders.resume.push(*place);
            }
        }
        orders
    }

    /// What Kafka has not been told of a topic yet.
    pub(super) fn uncommitted(&self, topic: Topic) -> Vec<Cursor> {
        self.state().uncommitted(topic)
    }

    /// Kafka is told once more how far each lane of a topic is decided.
    pub(super) fn tell_again(&self, topic: Topic) {
        let mut state = self.state();
        for (_, lane) in state.lanes_of(topic).filter(|(_, lane)| lane.told == Told::All) {
            lane.told = Told::Late;
        }
    }

    /// The partition stands at `offset` now, unless it has been rewound to another place meanwhile.
    pub(super) fn sought(&self, place: Place, offset: i64) {
        if let Some(lane) = self.state().lanes.get_mut(&place)
            && lane.committed.next_offset == offset
        {
            lane.rewound = false;
        }
    }

    /// A partition is ours; `cursor` is where it goes on.
    pub(super) fn assigned(&self, cursor: Cursor, end: i64) {
        let lane = Lane {
            buffer: VecDeque::new(),
            bytes: 0,
            next: cursor.next_offset,
            end,
            catch_up_until: Instant::now() + CATCH_UP,
            told: Told::Nothing,
            rewound: false,
            paused: false,
            committed: cursor,
        };
        self.state().lanes.insert((lane.committed.topic, lane.committed.partition), lane);
    }

    /// The group has settled for a topic, with or without a partition for us.
    pub(super) fn joined(&self, topic: Topic) {
        self.state().joining.remove(&topic);
        self.changed.notify_waiters();
    }

    /// A partition is not ours any more.
    pub(super) fn revoked(&self, place: Place) {
        self.state().lanes.remove(&place);
        self.changed.notify_waiters();
    }

    /// Takes records in; those of a lane that is not there or that waits for its rewind are dropped.
    pub(super) fn received(&self, records: Vec<Received>) {
        let mut state = self.state();
        for received in records {
            let place = (received.record.topic, received.partition);
            let Some(lane) = state.lanes.get_mut(&place) else { continue };
            let expected = lane.buffer.back().map_or(lane.next, |last| last.offset + 1);
            if lane.rewound || received.offset < expected {
                continue;
            }
            lane.bytes += record_bytes(&received.record);
            lane.buffer.push_back(received);
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Where each lane of a topic goes on from what is decided, with the end of what it has been given.
    pub(super) fn positions(&self, topic: Topic) -> Vec<(Cursor, i64)> {
        let position = |(_, lane): (&Place, &mut Lane)| {
            let next = lane.buffer.back().map_or(lane.next, |last| last.offset + 1);
            (lane.committed.clone(), next)
        };
        self.state().lanes_of(topic).map(position).collect()
    }

    /// A person must decide.
    pub(super) fn stop(&self, error: ConsumeError) {
        self.state().stopped.get_or_insert(error);
        self.changed.notify_waiters();
    }

    /// Says how many partitions are ours.
    pub(super) fn tell_assigned(&self, group: &str) {
        let lanes = u32::try_from(self.state().lanes.len()).unwrap_or(u32::MAX);
        metrics::gauge!(metric::ASSIGNED, "group" => group.to_owned()).set(lanes);
    }

    /// What a topic's member cannot do at the moment.
    pub(super) fn trouble(&self, topic: Topic, trouble: String) {
        self.state().trouble.insert(topic, trouble);
        self.changed.notify_waiters();
    }

    /// A topic's member works, or works again.
    pub(super) fn no_trouble(&self, topic: Topic) {
        self.state().trouble.remove(&topic);
        self.changed.notify_waiters();
    }

    pub(super) fn has_stopped(&self) -> bool {
        self.state().stopped.is_some()
    }

    pub(super) fn in_trouble(&self, topic: Topic) -> bool {
        self.state().trouble.contains_key(&topic)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds the lock, so a poisoned one is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lane {
    fn rewind(&mut self, now: Instant) {
        self.end = self.end.max(self.next);
        self.next = self.committed.next_offset;
        self.catch_up_until = now + CATCH_UP;
        self.rewound = true;
        (self.buffer, self.bytes) = (VecDeque::new(), 0);
    }
}

impl State {
    fn lanes_of(&mut self, topic: Topic) -> impl Iterator<Item = (&Place, &mut Lane)> {
        self.lanes.range_mut((topic, 0)..=(topic, u16::MAX))
    }

    fn uncommitted(&mut self, topic: Topic) -> Vec<Cursor> {
        let late = self.lanes_of(topic).filter(|(_, lane)| lane.told == Told::Late);
        let untold = late.map(|(_, lane)| {
            lane.told = Told::All;
            lane.committed.clone()
        });
        untold.collect()
    }

    fn gather(&mut self, max: usize) -> Vec<Received> {
        let mut waiting: VecDeque<&mut Lane> =
            self.lanes.values_mut().filter(|lane| !lane.buffer.is_empty()).collect();
        waiting.rotate_left(self.turn.checked_rem(waiting.len()).unwrap_or(0));
        self.turn = self.turn.wrapping_add(1);
        let (mut records, mut bytes) = (Vec::new(), 0);
        while records.len() < max && bytes < TURN_BYTES_MAX {
            let Some(lane) = waiting.pop_front() else { break };
            let share = (max - records.len()).div_ceil(waiting.len() + 1);
            for _ in 0..share {
                let Some(received) = lane.buffer.pop_front() else { break };
                let size = record_bytes(&received.record);
                (lane.next, lane.bytes, bytes) = (received.offset + 1, lane.bytes - size, bytes + size);
                records.push(received);
            }
            if !lane.buffer.is_empty() {
                waiting.push_back(lane);
            }
        }
        records
    }
}

#[cfg(test)]
mod tests;
