//! Sends what may go out now, waives what may not go out any more, and asks about the unanswered.

use afterglow_domain::{Channel, Timestamp};
use jiff::civil::Date;

use crate::calendar::plus_days;
use crate::definition::Moment;
use crate::effect::{Effect, To, TouchpointPlan};
use crate::input::Contact;
use crate::state::{Phase, Promise, State, Status};

use super::Run;
use super::who::addressee;

/// Why a moment waits for the next day although nothing else stands in its way.
const ONE_PER_DAY: &str = "one moment per day: another one went out";

/// Why a moment waits for the next day's slot.
const HOURS_ARE_OVER: &str = "people are not reached so late in the day";

impl Run<'_> {
    pub(super) fn send_what_is_due(&mut self, state: &mut State) {
        self.waive_expired(state);
        if state.phase == Phase::Active {
            self.send(state);
        }
        self.ask_again(state);
    }

    fn waive_expired(&mut self, state: &mut State) {
        let held = state.phase == Phase::Held;
        let now = self.now;
        for promise in state.promises.iter_mut().filter(|promise| promise.deadline <= now) {
            match &promise.status {
                Status::Recalled => promise.status = Status::Undelivered,
                Status::Waiting { reason, .. } => {
                    let last = match reason {
                        _ if held => "the deal is open again".to_owned(),
                        Some(reason) => reason.clone(),
                        None => format!("we were not running between {} and its deadline", promise.planned),
                    };
                    self.waive(promise, &last);
                }
                Status::Emitted { .. } | Status::Delivered | Status::Spent | Status::Undelivered => {}
            }
        }
    }

    /// At most one moment per calendar day, and within the day's hours. What would be too late tomorrow
    /// goes all the same when the hours are over: a promise that is kept beats the hour.
    fn send(&mut self, state: &mut State) {
        let sending = &self.definition.sending;
        let today = sending.zone.date_of(self.now);
        let hours = sending.hours_on(today);
        let tomorrow = sending.slot_on(plus_days(today, 1));
        for index in self.ready(state, tomorrow) {
            let Some(moment) = self.definition.moment(&state.promises[index].moment) else { continue };
            if self.now < hours.start {
                postpone(state, index, hours.start, None);
                continue;
            }
            let taken = state.last_emission_on.is_some_and(|last| last >= today);
            let hours_are_over = self.now >= hours.end && state.promises[index].deadline > tomorrow;
            let who = if taken {
                Err(ONE_PER_DAY.to_owned())
            } else if hours_are_over {
                Err(HOURS_ARE_OVER.to_owned())
            } else {
                addressee(self.definition, state, &moment.deed)
            };
            match who {
                Ok(to) => self.emit(state, index, to, today),
                Err(reason) => {
                    if !taken && !hours_are_over && moment.deed.channel() != Channel::Task {
                        self.ask_owner(state, index, &reason, today);
                    }
                    postpone(state, index, tomorrow, Some(reason));
                }
            }
        }
    }

    /// What may go out now, in the order in which it does: one that was refused goes last, so that it
    /// never keeps the others waiting; what can only go today goes before what can also go `tomorrow`;
    /// then the file's days decide, so that a late welcome comes before the first week.
    fn ready(&self, state: &State, tomorrow: Timestamp) -> Vec<usize> {
        let due_now = |index: &usize| match &state.promises[*index].status {
            Status::Waiting { due, .. } => *due <= self.now,
            _ => false,
        };
        let mut ready: Vec<usize> = (0..state.promises.len()).filter(due_now).collect();
        ready.sort_by_key(|index| {
            let promise = &state.promises[*index];
            let day = self.definition.moment(&promise.moment).map_or(promise.day, |moment| moment.day);
            (promise.refusals, promise.deadline > tomorrow, day, *index)
        });
        ready
    }

    fn emit(&mut self, state: &mut State, index: usize, to: To, today: Date) {
        let promise = &mut state.promises[index];
        let Some(moment) = self.definition.moment(&promise.moment) else { return };
        self.effects.push(Effect::Emit(touchpoint(moment, promise, to.clone())));
        let contact = match to {
            To::Contact(id) => Some(id),
            To::Owner => None,
        };
        let of_it = |known: &&Contact| Some(&known.id) == contact.as_ref();
        let address = state.contacts.iter().find(of_it).map_or(0, |contact| contact.address);
        promise.status = Status::Emitted { contact, address, asked: self.now, revoking: None };
        state.last_emission_on = Some(today);
    }

    /// What has no answer is told once more, however long ago its deadline was: an event that was parked
    /// on its way must not leave a promise open for ever. It is no new emission and uses up no day. What
    /// is to be taken back is taken back first, so that a dispatcher that knows nothing of it does nothing.
    fn ask_again(&mut self, state: &mut State) {
        for index in 0..state.promises.len() {
            let promise = &state.promises[index];
            let Status::Emitted { asked, contact, revoking, .. } = &promise.status else { continue };
            if self.now < state.ask_after(*asked) {
                continue;
            }
            let (moment, occurrence) = (promise.moment.clone(), promise.occurrence);
            if let Some(reason) = revoking.clone() {
                self.effects.push(Effect::Revoke { moment, occurrence, reason });
            }
            if let Some(moment) = self.definition.moment(&promise.moment) {
                let to = contact.clone().map_or(To::Owner, To::Contact);
                self.effects.push(Effect::EmitAgain(touchpoint(moment, promise, to)));
            }
            if let Status::Emitted { asked, .. } = &mut state.promises[index].status {
                *asked = self.now;
            }
        }
    }
}

/// The touchpoint of a promise's occurrence: the same whenever it is told.
fn touchpoint(moment: &Moment, promise: &Promise, to: To) -> TouchpointPlan {
    let task = moment.deed.channel() == Channel::Task;
    TouchpointPlan {
        moment: promise.moment.clone(),
        occurrence: promise.occurrence,
        intent: moment.intent,
        channel: moment.deed.channel(),
        deed: moment.deed.clone(),
        to,
        planned: promise.planned,
        deadline: promise.deadline,
        day: promise.day,
        task_reason: task.then(|| format!("the journey plans this for day {}", promise.day)),
    }
}

fn postpone(state: &mut State, index: usize, until: Timestamp, why: Option<String>) {
    let promise = &mut state.promises[index];
    if let Status::Waiting { due, reason } = &mut promise.status {
        *due = until.max(promise.planned);
        *reason = why.or_else(|| reason.take());
    }
}
