//! A deal is won for the first time: every moment becomes a promise.

use afterglow_domain::Timestamp;

use crate::calendar::day_of;
use crate::definition::Definition;
use crate::effect::{Effect, Outcome};
use crate::input::Facts;
use crate::state::{Phase, Promise, State, Status, ask_every_s};

use super::opened;
use super::plan::{PAST, Planner, day_zero};

/// The new state, or why there is no journey (rule 4, end).
pub(super) fn enrol(
    definition: &Definition,
    facts: &Facts,
    now: Timestamp,
) -> Result<(State, Vec<Effect>), String> {
    let day_zero = day_zero(definition, facts);
    let start = definition.sending.zone.date_of(facts.heard);
    let age = day_of(day_zero, start);
    if age > definition.start_not_after_day {
        return Err(format!(
            "day 0 was {age} days ago ({day_zero}), start_not_after_day is {}",
            definition.start_not_after_day
        ));
    }
    let mut effects = vec![Effect::Enrolled];
    let mut planner = Planner::new(definition, day_zero, start, definition.moments.iter());
    let promises = definition.moments.iter().map(|moment| {
        let plan = planner.plan(moment);
        let mut promise = Promise {
            moment: moment.id.clone(),
            occurrence: 0,
            anchor: day_zero,
            day: plan.day,
            planned: plan.planned,
            deadline: plan.deadline,
            refusals: 0,
            status: Status::Waiting { due: plan.planned, reason: None },
        };
        effects.push(opened(&promise));
        if plan.past {
            let outcome = Outcome::Waived { reason: PAST.to_owned() };
            let moment = moment.id.clone();
            effects.push(Effect::ObligationClosed { moment, occurrence: 0, outcome, at: now });
            promise.status = Status::Undelivered;
        }
        promise
    });
    let promises = promises.collect();
    let state = State {
        phase: Phase::Active,
        day_zero,
        contacts: facts.contacts.clone(),
        owner_reachable: facts.owner_reachable,
        gift_contact: None,
        owner_asked: false,
        last_emission_on: None,
        left_won: false,
        ask_every_s: ask_every_s(definition.sending.window_at_least),
        promises,
        barred: Vec::new(),
    };
    Ok((state, effects))
}
