//! `journey simulate`: ninety days in an instant, decided by the production code.
//!
//! Every delivery is accepted at once; what is shown is therefore what the journey itself does. There
//! is no second implementation of any rule here.

mod timeline;

pub use timeline::{Line, Timeline};

use afterglow_domain::Timestamp;
use jiff::civil::{Date, Time};

use crate::calendar::{Zone, day_of};
use crate::decide::{day_zero, decide};
use crate::definition::Definition;
use crate::effect::{Effect, TouchpointPlan};
use crate::input::{Contact, DeliveryOutcome, Facts, Input};
use crate::state::{State, Status};

/// Decisions after which a simulation stops: far more than 500 moments with their waits need.
const DECISIONS_MAX: usize = 100_000;

/// One customer's story to be played.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulationInput {
    /// The CRM's close date.
    pub close_date: Option<Date>,
    /// When the deal was won, and heard of: at noon.
    pub won_date: Date,
    /// Another zone than the file's.
    pub zone: Option<Zone>,
    /// The deal's people; `None` is one reachable person in the first role of the file.
    pub contacts: Option<Vec<Contact>>,
    /// What happens later, in order, each at noon of its date.
    pub changes: Vec<(Date, Change)>,
}

impl SimulationInput {
    /// A deal that was closed and won on one date, and nothing else happens.
    pub fn closed_on(date: Date) -> Self {
        Self { close_date: Some(date), won_date: date, zone: None, contacts: None, changes: Vec::new() }
    }
}

/// Something that happens to the deal on the way.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// The close date is corrected.
    CloseDate(Date),
    /// The deal has other people.
    Contacts(Vec<Contact>),
    /// It is open again.
    Reopened,
    /// It is won again, on that date.
    WonAgain,
    /// It is lost.
    Lost,
}

/// Plays the story until every promise is closed.
pub fn simulate(definition: &Definition, input: &SimulationInput) -> Timeline {
    let mut definition = definition.clone();
    if let Some(zone) = &input.zone {
        definition.sending.zone = zone.clone();
    }
    let mut play = Play::new(&definition, input);
    play.decide(&Input::Won(play.facts.clone()));
    for (date, change) in &input.changes {
        let noon = play.noon(*date);
        play.run_until(Some(noon));
        play.now = play.now.max(noon);
        play.change(*date, change);
    }
    play.run_until(None);
    play.timeline
}

struct Play<'a> {
    definition: &'a Definition,
    facts: Facts,
    state: Option<State>,
    now: Timestamp,
    decisions: usize,
    timeline: Timeline,
}

impl<'a> Play<'a> {
    fn new(definition: &'a Definition, input: &SimulationInput) -> Self {
        let now = definition.sending.zone.instant(input.won_date, Time::constant(12, 0, 0, 0));
        let first_role = definition.recipient.iter().take(1).cloned().collect();
        let id = "recipient".to_owned();
        let somebody = || vec![Contact { id, roles: first_role, obstacle: None, address: 0 }];
        let facts = Facts {
            close_date: input.close_date,
            won_date: input.won_date,
            heard: now,
            contacts: input.contacts.clone().unwrap_or_else(somebody),
            owner_reachable: true,
        };
        let timeline = Timeline::new(definition, input.won_date);
        Self { definition, facts, state: None, now, decisions: 0, timeline }
    }

    fn noon(&self, date: Date) -> Timestamp {
        self.definition.sending.zone.instant(date, Time::constant(12, 0, 0, 0))
    }

    fn change(&mut self, date: Date, change: &Change) {
        self.facts.heard = self.now;
        let input = match change {
            Change::CloseDate(close) => {
                self.facts.close_date = Some(*close);
                Input::Amended(self.facts.clone())
            }
            Change::Contacts(contacts) => {
                self.facts.contacts.clone_from(contacts);
                Input::Amended(self.facts.clone())
            }
            Change::WonAgain => {
                self.facts.close_date = Some(date);
                self.facts.won_date = date;
                Input::Won(self.facts.clone())
            }
            Change::Reopened => Input::Reopened,
            Change::Lost => Input::Lost,
        };
        self.decide(&input);
    }

    fn run_until(&mut self, end: Option<Timestamp>) {
        while let Some(due) = self.state.as_ref().and_then(State::next_due) {
            if end.is_some_and(|end| due > end) || self.decisions >= DECISIONS_MAX {
                return;
            }
            self.now = self.now.max(due);
            self.decide(&Input::Due);
        }
    }

    fn decide(&mut self, input: &Input) {
        self.decisions += 1;
        let before = self.state.take();
        let decision = decide(self.definition, before.clone(), input, self.now);
        self.state = decision.state;
        let mut emitted = Vec::new();
        for effect in decision.effects {
            self.show(before.as_ref(), &effect);
            if let Effect::Emit(plan) = effect {
                emitted.push((plan.moment, plan.occurrence));
            }
        }
        for (moment, occurrence) in emitted {
            let outcome = DeliveryOutcome::Delivered { at: self.now, without_gift: None };
            self.decide(&Input::Delivery { moment, occurrence, outcome });
        }
    }

    fn show(&mut self, before: Option<&State>, effect: &Effect) {
        let (moment, what, note) = match effect {
            Effect::Emit(plan) => {
                let note = self.note(before, plan);
                self.timeline.sent(plan, self.definition.sending.zone.date_of(self.now));
                (plan.moment.as_str(), plan.deed.to_string(), note)
            }
            Effect::ObligationClosed { moment, outcome, .. } if outcome.kept() => {
                self.timeline.kept(moment);
                return;
            }
            Effect::ObligationClosed { moment, outcome, .. } => {
                let crate::Outcome::Waived { reason } = outcome else { return };
                (moment.as_str(), "waived".to_owned(), reason.clone())
            }
            Effect::NeverEnrolled { reason } => ("-", "no journey".to_owned(), reason.clone()),
            Effect::Held => ("-", "held".to_owned(), "the deal is open again".to_owned()),
            Effect::Resumed => ("-", "goes on".to_owned(), "the deal is won again".to_owned()),
            Effect::Exited { reason } => ("-", "ends".to_owned(), reason.clone()),
            Effect::ObligationMoved { moment, planned, .. } => {
                let on = self.definition.sending.zone.date_of(*planned);
                (moment.as_str(), format!("moved to {on}"), "day 0 changed".to_owned())
            }
            Effect::Enrolled => {
                self.timeline.promise(self.definition.moments.len());
                return;
            }
            Effect::Completed
            | Effect::ObligationOpened { .. }
            | Effect::EmitAgain(_)
            | Effect::NobodyToAsk { .. }
            | Effect::Revoke { .. } => return,
        };
        let local = self.definition.sending.zone.local(self.now);
        let day_zero =
            self.state.as_ref().map_or(day_zero(self.definition, &self.facts), |state| state.day_zero);
        let day = day_of(day_zero, local.date());
        self.timeline.lines.push(Line { day, local, moment: moment.to_owned(), what, note });
    }

    /// Why it goes out on another day than the file says, if it does.
    fn note(&self, before: Option<&State>, plan: &TouchpointPlan) -> String {
        if let Some(reason) = &plan.task_reason
            && plan.moment == crate::NO_RECIPIENT
        {
            return reason.clone();
        }
        let waited = before.and_then(|state| state.promise(&plan.moment)).map(|promise| &promise.status);
        if let Some(Status::Waiting { reason: Some(reason), .. }) = waited {
            return reason.clone();
        }
        let day = self.definition.moment(&plan.moment).map_or(plan.day, |moment| moment.day);
        if day == plan.day { String::new() } else { format!("day {day} was already past") }
    }
}

#[cfg(test)]
mod tests;
