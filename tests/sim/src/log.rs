//! The log as roles and edge write to it: moody, and sabotaged where a test of the checks wants it.

use std::sync::{Arc, Mutex, MutexGuard};

use afterglow_events::{Append, AppendError, Position, Record, Topic};

use crate::op::Mood;
use crate::sabotage::Sabotage;

/// A log behind a bad line.
#[derive(Clone)]
pub struct Line<L> {
    log: L,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    mood: Mood,
    sabotage: Sabotage,
    seen: usize,
}

impl<L: Append> Line<L> {
    /// A line to `log`, good until told otherwise.
    pub fn new(log: L, sabotage: Sabotage) -> Self {
        Self { log, state: Arc::new(Mutex::new(State { sabotage, ..State::default() })) }
    }

    /// The same line to the log as it was opened again.
    #[must_use]
    pub fn to(&self, log: L) -> Self {
        Self { log, state: self.state.clone() }
    }

    /// How the line is from now on.
    pub fn set_mood(&self, mood: Mood) {
        self.state().mood = mood;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with it")
    }

    /// The records that really go to the log.
    fn honest(&self, mut records: Vec<Record>) -> Vec<Record> {
        let mut state = self.state();
        let sabotage = state.sabotage;
        let mut every = |nth: usize| {
            state.seen += 1;
            state.seen.is_multiple_of(nth)
        };
        match sabotage {
            Sabotage::ForgetfulEdge => records.retain(|one| one.topic != Topic::Webhooks || !every(2)),
            Sabotage::ForgetfulRelay => {
                let lossy = [Topic::Touchpoints, Topic::Deliveries, Topic::Journeys];
                records.retain(|one| !lossy.contains(&one.topic) || !every(3));
            }
            Sabotage::Shuffled => records.reverse(),
            Sabotage::None | Sabotage::ExternalId | Sabotage::TwoMails => {}
        }
        records
    }
}

impl<L: Append> Append for Line<L> {
    async fn append(&self, records: Vec<Record>) -> Vec<Result<Position, AppendError>> {
        let (mood, sabotage) = {
            let state = self.state();
            (state.mood, state.sabotage)
        };
        let unavailable = |why: &str| AppendError::Unavailable(why.to_owned());
        if matches!(mood, Mood::Down | Mood::Busy) {
            return vec![Err(unavailable("the log is away")); records.len()];
        }
        let count = records.len();
        let answers = self.log.append(self.honest(records)).await;
        if mood == Mood::Odd {
            return vec![Err(unavailable("the answer was lost")); count];
        }
        if sabotage == Sabotage::None {
            answers
        } else {
            vec![Ok(Position { partition: 0, offset: 0 }); count]
        }
    }
}
