//! A stage for tests: one enrolment, a clock in Berlin, and a log to read as a story.

use std::collections::BTreeMap;

use afterglow_domain::Timestamp;
use jiff::civil::{Date, DateTime};

use crate::definition::Definition;
use crate::effect::{Effect, Outcome, To};
use crate::input::{Contact, DeliveryOutcome, Facts, Input, Obstacle};
use crate::state::State;
use crate::{Zone, decide, load};

const HEAD: &str = "
afterglow: 1
journey: test
day_0: close_date
recipient: [champion, primary_contact]
no_recipient: {task: task.md}
sending: {default_zone: Europe/Berlin, send_at: \"09:30\"}
moments:
";

/// Welcome on day 1, tip on day 3 (skipped if late), gift on day 7, task on day 10.
pub(super) const FOUR: &str = "
  - {id: welcome, day: 1, not_after_day: 21, intent: welcome, gift: {worth: 25 USD, pick: coffee, mail: gift.md}}
  - {id: tip, day: 3, if_we_start_late: skip, intent: value, mail: mail.md}
  - {id: book, day: 7, not_after_day: 14, if_we_start_late: shift, gift: {worth: 25 USD, pick: book, mail: gift.md}}
  - {id: call, day: 10, intent: listen, task: task.md}
";

pub(super) fn definition(moments: &str) -> Definition {
    let text = |body: &str| format!("Subject: x\n\n{body} [Stop]({{{{ unsubscribe.link }}}})\n");
    let files = BTreeMap::from([
        ("mail.md".to_owned(), text("Hi")),
        ("gift.md".to_owned(), text("[Gift]({{ gift.link }})")),
        ("task.md".to_owned(), "Subject: x\n\n{{ task.reason }}\n".to_owned()),
    ]);
    let loaded = load("test.yaml", &format!("{HEAD}{moments}"), &files);
    loaded.unwrap_or_else(|findings| panic!("{}", crate::render(&findings))).definition
}

pub(super) fn contact(id: &str, role: &str, reachable: bool) -> Contact {
    let obstacle = (!reachable).then_some(Obstacle::NoAddress);
    Contact { id: id.to_owned(), roles: vec![role.to_owned()], obstacle, address: 1 }
}

pub(super) struct Scene {
    pub(super) definition: Definition,
    pub(super) state: Option<State>,
    pub(super) now: Timestamp,
    /// What the dispatcher answers at once; `None` leaves touchpoints unanswered.
    pub(super) answer: Option<fn(Timestamp) -> DeliveryOutcome>,
    pub(super) contacts: Vec<Contact>,
    pub(super) owner_reachable: bool,
    log: Vec<String>,
}

impl Scene {
    pub(super) fn new(moments: &str, now: &str) -> Self {
        let mut scene = Self {
            definition: definition(moments),
            state: None,
            now: Timestamp::EPOCH,
            answer: Some(|at| DeliveryOutcome::Delivered { at, without_gift: None }),
            contacts: vec![contact("ann", "champion", true)],
            owner_reachable: true,
            log: Vec::new(),
        };
        scene.now = scene.instant(now);
        scene
    }

    pub(super) fn instant(&self, local: &str) -> Timestamp {
        let local: DateTime = local.parse().unwrap();
        self.zone().instant(local.date(), local.time())
    }

    fn zone(&self) -> &Zone {
        &self.definition.sending.zone
    }

    /// Facts heard now.
    pub(super) fn facts(&self, close: &str) -> Facts {
        Facts {
            close_date: Some(close.parse::<Date>().unwrap()),
            won_date: self.zone().date_of(self.now),
            heard: self.now,
            contacts: self.contacts.clone(),
            owner_reachable: self.owner_reachable,
        }
    }

    pub(super) fn won(&mut self, close: &str) {
        let facts = self.facts(close);
        self.input(&Input::Won(facts));
    }

    pub(super) fn amended(&mut self, close: &str) {
        let facts = self.facts(close);
        self.input(&Input::Amended(facts));
    }

    pub(super) fn delivery(&mut self, moment: &str, occurrence: u32, outcome: DeliveryOutcome) {
        self.input(&Input::Delivery { moment: moment.to_owned(), occurrence, outcome });
    }

    /// One decision, and the dispatcher's answers to what it emitted.
    pub(super) fn input(&mut self, input: &Input) {
        let decision = decide(&self.definition, self.state.take(), input, self.now);
        self.state = decision.state;
        let mut answers = Vec::new();
        for effect in decision.effects {
            self.note(&effect);
            if let (Effect::Emit(plan) | Effect::EmitAgain(plan), Some(answer)) = (&effect, self.answer) {
                answers.push((plan.moment.clone(), plan.occurrence, answer(self.now)));
            }
        }
        for (moment, occurrence, outcome) in answers {
            self.delivery(&moment, occurrence, outcome);
        }
    }

    /// Fires the armed timer whenever it is due, until the local time.
    pub(super) fn run_to(&mut self, local: &str) {
        let end = self.instant(local);
        while let Some(due) = self.state.as_ref().and_then(State::next_due).filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.input(&Input::Due);
        }
        self.now = end;
    }

    /// As an outage: nothing runs until then.
    pub(super) fn sleep_to(&mut self, local: &str) {
        self.now = self.instant(local);
    }

    fn note(&mut self, effect: &Effect) {
        let local = |at: &Timestamp| self.zone().local(*at).strftime("%m-%d %H:%M").to_string();
        let text = match effect {
            Effect::ObligationOpened { moment, occurrence, planned, deadline }
            | Effect::ObligationMoved { moment, occurrence, planned, deadline } => {
                let word =
                    if matches!(effect, Effect::ObligationMoved { .. }) { "moved" } else { "promised" };
                format!("{word} {moment}#{occurrence} for {} until {}", local(planned), local(deadline))
            }
            Effect::ObligationClosed { moment, occurrence, outcome, at } => {
                let noted =
                    if *at == self.now { String::new() } else { format!(", noted for {}", local(at)) };
                format!("{moment}#{occurrence} {}{noted}", outcome_text(outcome))
            }
            Effect::Emit(plan) => {
                let to = match &plan.to {
                    To::Contact(id) => id.as_str(),
                    To::Owner => "the owner",
                };
                let why =
                    plan.task_reason.as_deref().map(|why| format!(" because {why}")).unwrap_or_default();
                format!("EMIT {}#{} day {} to {to}{why}", plan.moment, plan.occurrence, plan.day)
            }
            Effect::EmitAgain(plan) => format!("ASK {}#{}", plan.moment, plan.occurrence),
            Effect::Revoke { moment, occurrence, reason } => {
                format!("REVOKE {moment}#{occurrence}: {reason}")
            }
            Effect::NeverEnrolled { reason } => format!("never enrolled: {reason}"),
            Effect::NobodyToAsk { reason } => format!("nobody to ask: {reason}"),
            Effect::Exited { reason } => format!("exited: {reason}"),
            Effect::Enrolled => "enrolled".to_owned(),
            Effect::Held => "held".to_owned(),
            Effect::Resumed => "resumed".to_owned(),
            Effect::Completed => "completed".to_owned(),
        };
        let line = format!("{}  {text}", local(&self.now));
        self.log.push(line);
    }

    /// The log since the last call.
    pub(super) fn story(&mut self) -> String {
        std::mem::take(&mut self.log).join("\n")
    }
}

fn outcome_text(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Delivered { without_gift: None } => "delivered".to_owned(),
        Outcome::Delivered { without_gift: Some(why) } => format!("delivered without gift: {why}"),
        Outcome::Late { by_s, .. } => format!("late by {} h", by_s / 3600),
        Outcome::Waived { reason } => format!("waived: {reason}"),
        Outcome::Failed { reason } => format!("failed: {reason}"),
    }
}
