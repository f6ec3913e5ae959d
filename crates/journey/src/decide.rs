//! `(definition, state, input, now) -> (state, effects)`: what a journey does, as a pure function.
//!
//! One file per transition; after each, [`due`] sends what may go out at `now` and ends the enrolment
//! when nothing is open. Invariants: nothing goes out before it is planned; a moment that is
//! delivered or paid for never repeats, only the question what became of it does; each promise is
//! closed exactly once, with a reason where it was not kept, and not before it went out; at most one
//! moment per enrolment and calendar day. Whatever stands in the way makes a moment wait until its
//! deadline, and the last reason is then the reason.
//!
//! The clock may go back between two decisions. Each decides at its own `now` all the same: deciding at
//! the latest time ever seen would send early whatever is planned anew after a clock that ran ahead. Only
//! what is recorded of a promise never goes back.

mod ask;
mod deliver;
mod due;
mod enrol;
mod leave;
mod plan;
mod resume;
mod who;

#[cfg(test)]
mod hours;
#[cfg(test)]
mod jumps;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod reversals;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod unreached;
#[cfg(test)]
mod waits;

use afterglow_domain::Timestamp;

use crate::definition::Definition;
use crate::effect::{Decision, Effect, Outcome};
use crate::input::Input;
use crate::state::{Phase, Promise, State, Status, ask_every_s};

pub(crate) use plan::day_zero;

/// Decides what follows from `input` at `now`, an instant of the journey's clock.
///
/// Without a state only `Won` does anything; the caller keeps other deal events that come first.
pub fn decide(definition: &Definition, state: Option<State>, input: &Input, now: Timestamp) -> Decision {
    let (mut run, state) = match (state, input) {
        (None, Input::Won(facts)) => match enrol::enrol(definition, facts, now) {
            Ok((state, effects)) => (Run { definition, now, effects }, state),
            Err(reason) => {
                return Decision { state: None, effects: vec![Effect::NeverEnrolled { reason }] };
            }
        },
        (None, _) => return Decision { state: None, effects: Vec::new() },
        (Some(mut state), input) => {
            let mut run = Run { definition, now, effects: Vec::new() };
            // The clock's speed may be another one than when it was enrolled.
            state.ask_every_s = ask_every_s(definition.sending.window_at_least);
            run.apply(&mut state, input);
            (run, state)
        }
    };
    let mut state = state;
    run.send_what_is_due(&mut state);
    run.end_if_all_closed(&mut state);
    Decision { state: Some(state), effects: run.effects }
}

/// One decision in the making.
struct Run<'a> {
    definition: &'a Definition,
    now: Timestamp,
    effects: Vec<Effect>,
}

impl Run<'_> {
    fn apply(&mut self, state: &mut State, input: &Input) {
        match input {
            Input::Won(facts) if state.left_won => self.resume(state, facts),
            Input::Won(facts) | Input::Amended(facts) => self.amend(state, facts),
            Input::Reopened => self.hold(state),
            Input::Lost => self.leave(state, "the deal is lost"),
            Input::Deleted => self.leave(state, "the deal was deleted"),
            Input::Merged { survivor_enrolled: true } => self.exit(state, "merged"),
            Input::Merged { survivor_enrolled: false } | Input::Due => {}
            Input::Delivery { moment, occurrence, outcome } => {
                self.delivered(state, moment, *occurrence, outcome);
            }
        }
    }

    /// Records the one outcome of the promise's open occurrence and says where the promise stands now.
    fn close(&mut self, promise: &mut Promise, outcome: Outcome, status: Status) {
        let (moment, occurrence) = (promise.moment.clone(), promise.occurrence);
        let at = match promise.status {
            Status::Emitted { asked, .. } => self.now.max(asked),
            _ => self.now,
        };
        self.effects.push(Effect::ObligationClosed { moment, occurrence, outcome, at });
        promise.status = status;
    }

    fn waive(&mut self, promise: &mut Promise, reason: &str) {
        self.close(promise, Outcome::Waived { reason: reason.to_owned() }, Status::Undelivered);
    }

    fn open(&mut self, promise: &Promise) {
        self.effects.push(opened(promise));
    }

    /// Ends the enrolment when no promise is open, and none will be opened by the end of a hold.
    fn end_if_all_closed(&mut self, state: &mut State) {
        if state.promises.iter().any(|promise| promise.is_open() || promise.status == Status::Recalled) {
            return;
        }
        match std::mem::replace(&mut state.phase, Phase::Completed) {
            Phase::Active | Phase::Held => self.effects.push(Effect::Completed),
            Phase::Closing { reason } => {
                self.effects.push(Effect::Exited { reason: reason.clone() });
                state.phase = Phase::Exited { reason };
            }
            terminal @ (Phase::Completed | Phase::Exited { .. }) => state.phase = terminal,
        }
    }
}

fn opened(promise: &Promise) -> Effect {
    Effect::ObligationOpened {
        moment: promise.moment.clone(),
        occurrence: promise.occurrence,
        planned: promise.planned,
        deadline: promise.deadline,
    }
}
