//! Rules 5 and 7: other facts, another day 0, and a deal that is won again.

use afterglow_domain::Timestamp;
use jiff::civil::Date;

use crate::definition::Definition;
use crate::effect::Effect;
use crate::input::Facts;
use crate::state::{Phase, Promise, State, Status};

use super::Run;
use super::plan::{PAST, Plan, Planner, day_zero};

impl Run<'_> {
    /// The facts of a won deal changed. While it is not won, only its people matter: the dates come
    /// with the re-win.
    pub(super) fn amend(&mut self, state: &mut State, facts: &Facts) {
        learn_people(state, facts);
        if state.phase == Phase::Active {
            self.re_anchor(state, facts);
        }
    }

    /// Won again: the same journey goes on, with the next occurrence of every moment that is neither
    /// delivered nor paid for.
    pub(super) fn resume(&mut self, state: &mut State, facts: &Facts) {
        state.left_won = false;
        learn_people(state, facts);
        if state.promises.iter().all(Promise::is_settled) {
            return;
        }
        state.phase = Phase::Active;
        self.effects.push(Effect::Resumed);
        let closed: Vec<bool> = state.promises.iter().map(|promise| !promise.is_open()).collect();
        self.re_anchor(state, facts);
        let start = self.definition.sending.zone.date_of(facts.heard);
        let mut planner = planner(self.definition, state, start, |promise| !promise.is_settled());
        for (promise, closed) in state.promises.iter_mut().zip(closed) {
            match promise.status {
                Status::Recalled => self.promise_again(promise, state.day_zero),
                Status::Undelivered if closed => self.start_over(promise, &mut planner, state.day_zero),
                _ => {}
            }
        }
    }

    /// Rule 5: promises that wait move with day 0, earlier too; what was emitted stays.
    fn re_anchor(&mut self, state: &mut State, facts: &Facts) {
        let anchor = day_zero(self.definition, facts);
        if anchor == state.day_zero {
            return;
        }
        state.day_zero = anchor;
        let start = self.definition.sending.zone.date_of(facts.heard);
        let waits = |promise: &Promise| matches!(promise.status, Status::Waiting { .. });
        let mut planner = planner(self.definition, state, start, waits);
        for promise in state.promises.iter_mut().filter(|promise| waits(promise)) {
            let Some(moment) = self.definition.moment(&promise.moment) else { continue };
            let plan = planner.plan(moment);
            plan.apply(promise, anchor);
            if plan.past {
                self.waive(promise, PAST);
                continue;
            }
            promise.status = Status::Waiting { due: plan.planned, reason: None };
            self.effects.push(Effect::ObligationMoved {
                moment: promise.moment.clone(),
                occurrence: promise.occurrence,
                planned: plan.planned,
                deadline: plan.deadline,
            });
        }
    }

    /// The next occurrence of a promise that was already on its way: no late start (rule 4), it goes
    /// out as long as its window is open.
    pub(super) fn promise_again(&mut self, promise: &mut Promise, anchor: Date) {
        let Some(moment) = self.definition.moment(&promise.moment) else { return };
        if promise.anchor != anchor {
            let start = Date::MIN;
            Planner::new(self.definition, anchor, start, std::iter::once(moment))
                .plan(moment)
                .apply(promise, anchor);
        }
        self.next_occurrence(promise, self.now, None);
    }

    /// The next occurrence of a promise, unless its time is over; never before it is planned.
    pub(super) fn next_occurrence(&mut self, promise: &mut Promise, due: Timestamp, reason: Option<String>) {
        let due = due.max(promise.planned);
        if due >= promise.deadline {
            promise.status = Status::Undelivered;
            return;
        }
        promise.occurrence += 1;
        promise.status = Status::Waiting { due, reason };
        self.open(promise);
    }

    /// The next occurrence of a promise that was given up, planned like a first one.
    fn start_over(&mut self, promise: &mut Promise, planner: &mut Planner<'_>, anchor: Date) {
        let Some(moment) = self.definition.moment(&promise.moment) else { return };
        let plan: Plan = planner.plan(moment);
        plan.apply(promise, anchor);
        promise.occurrence += 1;
        promise.refusals = 0;
        promise.status = Status::Waiting { due: plan.planned, reason: None };
        self.open(promise);
        if plan.past {
            self.waive(promise, PAST);
        }
    }
}

fn planner<'a>(
    definition: &'a Definition,
    state: &State,
    start: Date,
    of: impl Fn(&Promise) -> bool,
) -> Planner<'a> {
    let promises = state.promises.iter().filter(|promise| of(promise));
    let moments = promises.filter_map(|promise| definition.moment(&promise.moment));
    Planner::new(definition, state.day_zero, start, moments)
}

fn learn_people(state: &mut State, facts: &Facts) {
    state.contacts.clone_from(&facts.contacts);
    state.owner_reachable = facts.owner_reachable;
}
