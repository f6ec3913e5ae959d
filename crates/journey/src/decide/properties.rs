//! Whatever happens in whatever order: the invariants at the top of `decide.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use afterglow_domain::Timestamp;
use jiff::civil::{Date, date};
use proptest::prelude::*;

use super::scene::{FOUR, contact, definition};
use crate::effect::{Decision, Effect, GIFT_NOT_HANDED_OVER, NO_RECIPIENT, To};
use crate::input::{Contact, DeliveryOutcome, Facts, Input, Obstacle};
use crate::state::{State, Status};
use crate::{Definition, decide, plus_days};

#[derive(Debug, Clone)]
enum Op {
    Won {
        close: i32,
        people: u8,
    },
    Amended {
        close: i32,
        people: u8,
    },
    Reopened,
    Lost,
    Deleted,
    Merged,
    /// The armed timer fires, this many hours late.
    Timer {
        late_h: u64,
    },
    /// Time passes and something wakes us.
    Pass {
        hours: u64,
    },
    /// The clock is set back.
    Back {
        hours: u64,
    },
    /// An answer to the touchpoint emitted as number so-and-so, possibly again.
    Answer {
        which: usize,
        how: u8,
    },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        2 => (-40..20i32, 0..8u8).prop_map(|(close, people)| Op::Won { close, people }),
        2 => (-40..20i32, 0..8u8).prop_map(|(close, people)| Op::Amended { close, people }),
        1 => Just(Op::Reopened),
        1 => prop_oneof![Just(Op::Lost), Just(Op::Deleted), Just(Op::Merged)],
        8 => (0..60u64).prop_map(|late_h| Op::Timer { late_h }),
        2 => (0..400u64).prop_map(|hours| Op::Pass { hours }),
        1 => (0..200u64).prop_map(|hours| Op::Back { hours }),
        8 => (0..8usize, 0..7u8).prop_map(|(which, how)| Op::Answer { which, how }),
    ]
}

struct World {
    definition: Definition,
    state: Option<State>,
    now: Timestamp,
    emitted: Vec<(String, u32)>,
    open: BTreeMap<(String, u32), Timestamp>,
    closed: BTreeSet<(String, u32)>,
    delivered: BTreeSet<String>,
    /// Moments whose gift is paid for and was not delivered.
    spent: BTreeSet<String>,
    /// When an unanswered touchpoint was last told or taken back.
    told: BTreeMap<(String, u32), Timestamp>,
    emission_dates: BTreeSet<Date>,
    /// Whether the owner was asked for a contact.
    asked: bool,
    /// The numbers of the tasks about lost gifts.
    lost: BTreeSet<u32>,
    /// Each contact's address that took no mail last.
    refused: BTreeMap<String, u32>,
}

impl World {
    fn new() -> Self {
        let definition = definition(FOUR);
        let now = definition.sending.slot_on(date(2026, 3, 20));
        Self {
            definition,
            state: None,
            now,
            emitted: Vec::new(),
            open: BTreeMap::new(),
            closed: BTreeSet::new(),
            delivered: BTreeSet::new(),
            spent: BTreeSet::new(),
            told: BTreeMap::new(),
            emission_dates: BTreeSet::new(),
            asked: false,
            lost: BTreeSet::new(),
            refused: BTreeMap::new(),
        }
    }

    fn facts(&self, close: i32, people: u8) -> Facts {
        let today = self.definition.sending.zone.date_of(self.now);
        // The third bit gives both another address.
        let person =
            |id, role, bit| Contact { address: u32::from(people & 4), ..contact(id, role, people & bit > 0) };
        let all = [person("ann", "champion", 1), person("eve", "primary_contact", 2)];
        Facts {
            close_date: Some(plus_days(today, close)),
            won_date: today,
            heard: self.now,
            contacts: all.to_vec(),
            owner_reachable: true,
        }
    }

    fn play(&mut self, op: &Op) {
        let input = match op {
            Op::Won { close, people } => Input::Won(self.facts(*close, *people)),
            Op::Amended { close, people } => Input::Amended(self.facts(*close, *people)),
            Op::Reopened => Input::Reopened,
            Op::Lost => Input::Lost,
            Op::Deleted => Input::Deleted,
            Op::Merged => Input::Merged { survivor_enrolled: true },
            Op::Timer { late_h } => {
                let Some(due) = self.state.as_ref().and_then(State::next_due) else { return };
                self.now = self.now.max(due).plus(Duration::from_secs(late_h * 3600));
                Input::Due
            }
            Op::Pass { hours } => {
                self.now = self.now.plus(Duration::from_secs(hours * 3600));
                Input::Due
            }
            Op::Back { hours } => {
                self.now = self.now.minus(Duration::from_secs(hours * 3600));
                Input::Due
            }
            Op::Answer { which, how } => {
                let Some((moment, occurrence)) = self.emitted.iter().rev().nth(*which).cloned() else {
                    return;
                };
                let outcome = self.outcome(*how);
                let awaited = self.open.contains_key(&(moment.clone(), occurrence));
                if awaited && matches!(outcome, DeliveryOutcome::Failed { spent: true, .. }) {
                    self.spent.insert(moment.clone());
                }
                if awaited {
                    self.remember_refusal(&moment, &outcome);
                }
                Input::Delivery { moment, occurrence, outcome }
            }
        };
        let decision = decide(&self.definition, self.state.clone(), &input, self.now);
        self.observe(decision);
    }

    fn remember_refusal(&mut self, moment: &str, outcome: &DeliveryOutcome) {
        let (DeliveryOutcome::Failed { obstacle, .. } | DeliveryOutcome::Refused { obstacle, .. }) = outcome
        else {
            return;
        };
        let promise = self.state.as_ref().and_then(|state| state.promise(moment));
        if let Some(Status::Emitted { contact: Some(contact), address, .. }) = promise.map(|one| &one.status)
            && obstacle.is_some()
        {
            self.refused.insert(contact.clone(), *address);
        }
    }

    fn outcome(&self, how: u8) -> DeliveryOutcome {
        match how {
            0 => DeliveryOutcome::Revoked,
            1 => DeliveryOutcome::Refused { reason: "cap".to_owned(), obstacle: None },
            2 => DeliveryOutcome::Failed { reason: "gone".to_owned(), spent: false, obstacle: None },
            4 => DeliveryOutcome::Failed {
                reason: "ordered, no mail".to_owned(),
                spent: true,
                obstacle: Some(Obstacle::AddressRefused),
            },
            5 => DeliveryOutcome::Refused {
                reason: "suppressed".to_owned(),
                obstacle: Some(Obstacle::Suppressed),
            },
            _ => DeliveryOutcome::Delivered { at: self.now, without_gift: None },
        }
    }

    fn observe(&mut self, decision: Decision) {
        let contacts = decision.state.as_ref().map(|state| state.contacts.clone()).unwrap_or_default();
        for effect in decision.effects {
            match effect {
                Effect::ObligationOpened { moment, occurrence, planned, .. } => {
                    assert!(!self.delivered.contains(&moment), "{moment} promised again after its delivery");
                    assert!(!self.spent.contains(&moment), "{moment} promised again and is paid for");
                    let key = (moment, occurrence);
                    assert!(
                        !self.closed.contains(&key) && !self.open.contains_key(&key),
                        "{key:?} opened twice"
                    );
                    self.open.insert(key, planned);
                }
                Effect::ObligationMoved { moment, occurrence, planned, .. } => {
                    let moved = self.open.insert((moment, occurrence), planned);
                    assert!(moved.is_some(), "moved what is not open");
                }
                Effect::ObligationClosed { moment, occurrence, outcome, at } => {
                    let key = (moment, occurrence);
                    let planned = self.open.remove(&key);
                    assert!(planned.is_some(), "{key:?} closed, but not open");
                    assert!(
                        self.told.get(&key).is_none_or(|told| *told <= at),
                        "{key:?} ended before it began"
                    );
                    if outcome.kept() {
                        assert!(planned <= Some(at), "{key:?} was kept before it was planned");
                        self.delivered.insert(key.0.clone());
                    }
                    self.closed.insert(key);
                }
                Effect::Emit(plan) if plan.moment == NO_RECIPIENT => {
                    assert!(!std::mem::replace(&mut self.asked, true), "the owner is asked once");
                }
                Effect::Emit(plan) if plan.moment == GIFT_NOT_HANDED_OVER => {
                    assert!(self.lost.insert(plan.occurrence), "a lost gift is told once");
                }
                Effect::Emit(plan) => {
                    let today = self.definition.sending.zone.date_of(self.now);
                    assert!(self.emission_dates.insert(today), "two moments on {today}");
                    let key = (plan.moment.clone(), plan.occurrence);
                    assert_eq!(self.open.get(&key), Some(&plan.planned), "{key:?} emitted with other times");
                    assert!(plan.planned <= self.now && self.now < plan.deadline, "{plan:?} at {}", self.now);
                    assert!(!self.emitted.contains(&key), "{key:?} emitted twice");
                    assert!(!self.spent.contains(&key.0), "{key:?} emitted and is paid for");
                    if let To::Contact(id) = &plan.to {
                        let contact = contacts.iter().find(|contact| contact.id == *id).unwrap();
                        assert_eq!(contact.obstacle, None);
                        let refused = self.refused.get(id);
                        assert_ne!(refused, Some(&contact.address), "written to an address that takes none");
                    }
                    self.told.insert(key.clone(), self.now);
                    self.emitted.push(key);
                }
                Effect::EmitAgain(plan) => {
                    let key = (plan.moment.clone(), plan.occurrence);
                    assert_eq!(self.open.get(&key), Some(&plan.planned), "{key:?} asked for, but not open");
                    let told = self.told.insert(key, self.now).expect("asked for what was emitted");
                    assert!(self.now.since(told) >= Duration::from_hours(24), "{plan:?} asked too soon");
                }
                _ => {}
            }
        }
        self.state = decision.state;
        let Some(state) = &self.state else { return };
        assert_eq!(state.is_terminal(), state.next_due().is_none(), "a stuck or ticking state: {state:?}");
        assert_eq!(state.is_terminal(), self.open.is_empty() && no_recall(state), "{state:?}");
        assert_eq!(State::from_bytes(crate::STATE_VERSION, &state.to_bytes()).unwrap(), *state);
    }

    /// Answers everything and lets time pass: every journey ends.
    fn finish(&mut self) {
        for _ in 0..400 {
            let Some(due) = self.state.as_ref().and_then(State::next_due) else { return };
            self.now = self.now.max(due);
            self.play(&Op::Timer { late_h: 0 });
            for (moment, occurrence) in self.emitted.clone() {
                let outcome = self.outcome(9);
                let input = Input::Delivery { moment, occurrence, outcome };
                let decision = decide(&self.definition, self.state.clone(), &input, self.now);
                self.observe(decision);
            }
        }
        panic!("does not end: {:?}", self.state);
    }
}

fn no_recall(state: &State) -> bool {
    state.promises.iter().all(|promise| promise.status != Status::Recalled)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn promises_end_once_and_nothing_goes_out_twice(ops in prop::collection::vec(op(), 1..60)) {
        let mut world = World::new();
        world.play(&Op::Won { close: 0, people: 3 });
        for op in &ops {
            world.play(op);
        }
        world.finish();
        prop_assert!(world.open.is_empty());
    }

    #[test]
    fn a_repeated_answer_changes_nothing(ops in prop::collection::vec(op(), 1..30), which in 0..8usize) {
        let mut world = World::new();
        world.play(&Op::Won { close: 0, people: 3 });
        for op in &ops {
            world.play(op);
        }
        world.play(&Op::Answer { which, how: 3 });
        let before = world.state.clone();
        let closed = world.closed.len();
        world.play(&Op::Answer { which, how: 2 });
        prop_assert_eq!(closed, world.closed.len());
        prop_assert_eq!(before, world.state);
    }
}
