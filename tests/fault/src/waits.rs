//! How long each step of a deal waited: what a crashed or stopped replica costs its customers.
//!
//! A step is what one role does after another: its wait begins with the record that asks for it, by the log's
//! clock, and ends with the first that answers. So a step that begins after a replica is gone shows how long its
//! work waited until another did it. Deliberately absent: steps that the replica may have had in hand when it
//! went, since a vendor's call is looked up only when it is certainly over; and how long a call waits for its
//! turn, which is a matter of load: the dispatcher's step ends when the touchpoint is in its rows.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

use afterglow_domain::Timestamp;
use afterglow_events::{Body, Event};

use crate::evidence::{deal_of, enrolled};
use crate::name::{Name, Names};
use crate::promise::NOT_HANDED_OVER;

/// What waits for a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// A webhook, until its deal is won: the resolver.
    Resolve,
    /// A deal that is won, until it is enrolled: the engine's consumer.
    Enrol,
    /// A moment, beyond the day after the one before it: the engine's timers.
    Fire,
    /// A moment that is due, until it stands in the dispatcher's rows.
    Receive,
}

impl Step {
    /// Every step.
    pub const ALL: [Self; 4] = [Self::Resolve, Self::Enrol, Self::Fire, Self::Receive];
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "resolve",
            Self::Enrol => "enrol",
            Self::Fire => "fire",
            Self::Receive => "receive",
        })
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, of, began, took } = self;
        write!(f, "{step} of {of}, {:.1} s from {began} on", took.as_secs_f64())
    }
}

/// The waits of a run.
#[derive(Debug, Default)]
pub struct Waits {
    day: Duration,
    began: HashMap<(Step, Name), Timestamp>,
    /// The moment of each deal that was due last, and when.
    last: HashMap<Name, (Name, Timestamp)>,
    windows: Vec<Range<Timestamp>>,
    /// Touchpoints whose step is being watched, and since when.
    due: HashMap<Name, Timestamp>,
    over: Vec<Wait>,
}

/// A wait that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// For what.
    pub step: Step,
    /// The deal or the touchpoint.
    pub of: Name,
    /// Since when.
    pub began: Timestamp,
    /// How long.
    pub took: Duration,
}

impl Waits {
    /// With days so long.
    pub fn of_days(day: Duration) -> Self {
        Self { day, ..Self::default() }
    }

    /// From now on what began within these times is kept, and nothing else.
    pub fn keep(&mut self, windows: Vec<Range<Timestamp>>) {
        self.windows = windows;
    }

    /// Takes an event that the log took at this time.
    pub fn take(&mut self, at: Timestamp, event: &Event, names: &mut Names) {
        match &event.body {
            Body::WebhookReceived(webhook) => self.begin(Step::Resolve, names.of(&webhook.deal), at),
            Body::DealWon(won) => {
                let deal = deal_of(won.deal.as_ref().and_then(|snapshot| snapshot.deal.as_ref()));
                let deal = names.of(deal);
                self.end(Step::Resolve, &deal, at);
                self.begin(Step::Enrol, deal, at);
            }
            Body::JourneyEnrolled(enrolment) => {
                let deal = names.of(enrolled(enrolment.enrolment.as_ref()));
                self.end(Step::Enrol, &deal, at);
            }
            Body::TouchpointDue(due) if due.moment != NOT_HANDED_OVER => {
                if self.is_watched(at) {
                    self.due.entry(names.of(&due.touchpoint_id)).or_insert(at);
                }
                self.fire(names.of(deal_of(due.deal.as_ref())), names.of(&due.moment), at);
            }
            _ => {}
        }
    }

    /// The longest wait of a step that is over and began within a time; `None` where there was none.
    pub fn longest(&self, step: Step, within: &Range<Timestamp>) -> Option<&Wait> {
        let mine = |wait: &&Wait| wait.step == step && within.contains(&wait.began);
        self.over.iter().filter(mine).max_by_key(|wait| wait.took)
    }

    /// The touchpoints that are being watched.
    pub fn due(&self) -> impl Iterator<Item = &Name> {
        self.due.keys()
    }

    /// A touchpoint that is being watched stands in the dispatcher's rows since then.
    pub fn received(&mut self, touchpoint: &str, at: Timestamp) {
        if let Some((of, began)) = self.due.remove_entry(touchpoint) {
            self.note(Wait { step: Step::Receive, of, began, took: at.since(began) });
        }
    }

    /// A record that is written twice begins nothing anew.
    fn begin(&mut self, step: Step, of: Name, at: Timestamp) {
        self.began.entry((step, of)).or_insert(at);
    }

    fn end(&mut self, step: Step, of: &Name, at: Timestamp) {
        if let Some(began) = self.began.remove(&(step, of.clone())) {
            self.note(Wait { step, of: of.clone(), began, took: at.since(began) });
        }
    }

    /// The moments of a deal come a day apart.
    fn fire(&mut self, deal: Name, moment: Name, at: Timestamp) {
        match self.last.get(&deal) {
            Some((last, _)) if *last == moment => return,
            Some((_, before)) => {
                let began = before.plus(self.day);
                let took = at.since(began);
                self.note(Wait { step: Step::Fire, of: deal.clone(), began, took });
            }
            None => {}
        }
        self.last.insert(deal, (moment, at));
    }

    fn note(&mut self, wait: Wait) {
        if self.is_watched(wait.began) {
            self.over.push(wait);
        }
    }

    fn is_watched(&self, at: Timestamp) -> bool {
        self.windows.iter().any(|window| window.contains(&at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(4);

    fn at(seconds: i64) -> Timestamp {
        Timestamp(seconds * 1_000_000)
    }

    #[test]
    fn a_wait_is_of_the_first_question_and_the_first_answer() {
        let mut waits = Waits::of_days(DAY);
        waits.keep(vec![at(0)..at(2)]);
        let deal = Name::from("a");
        waits.begin(Step::Resolve, deal.clone(), at(1));
        waits.begin(Step::Resolve, deal.clone(), at(3));
        waits.end(Step::Resolve, &deal, at(7));
        waits.end(Step::Resolve, &deal, at(9));
        let found = waits.longest(Step::Resolve, &(at(0)..at(2))).unwrap();
        assert_eq!((&found.of, found.took), (&deal, Duration::from_secs(6)));
        assert_eq!(waits.longest(Step::Resolve, &(at(2)..at(9))), None);
        assert_eq!(waits.longest(Step::Enrol, &(at(0)..at(9))), None);
    }

    #[test]
    fn a_moment_waits_beyond_the_day_after_the_one_before() {
        let mut waits = Waits::of_days(DAY);
        waits.keep(vec![at(8)..at(9)]);
        for (moment, seconds) in [("welcome", 0), ("welcome", 2), ("getting-started", 4), ("first-week", 18)]
        {
            waits.fire("a".into(), moment.into(), at(seconds));
        }
        let found = waits.longest(Step::Fire, &(at(0)..at(99))).unwrap();
        assert_eq!((found.began, found.took), (at(8), Duration::from_secs(10)));
    }
}
