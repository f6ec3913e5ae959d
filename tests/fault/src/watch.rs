//! Reads what the product says, while it says it, and folds it into the evidence.
//!
//! A run of a hundred thousand deals is never in memory as events, and nothing is read twice.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use afterglow_domain::Timestamp;
use afterglow_events::Event;
use afterglow_support::Topics;

use crate::evidence::Evidence;
use crate::name::{Name, Names};
use crate::promise::{Moment, NOT_HANDED_OVER};
use crate::waits::Waits;

/// What was said so far.
pub struct Watch {
    topics: Topics,
    moments: &'static [Moment],
    /// What the topics say; what the vendors hold is added at the end.
    pub evidence: Evidence,
    /// Every name.
    pub names: Names,
    /// How long each step waited.
    pub waits: Waits,
    /// The promises of each deal that have ended, one bit each.
    ended: HashMap<Name, u32>,
    closed_seen: usize,
    /// How many deals have no promise left.
    pub deals_ended: u64,
}

impl Watch {
    /// Nothing is read yet.
    pub fn of(topics: Topics, moments: &'static [Moment], day: Duration) -> Self {
        Self {
            topics,
            moments,
            evidence: Evidence::default(),
            names: Names::default(),
            waits: Waits::of_days(day),
            ended: HashMap::new(),
            closed_seen: 0,
            deals_ended: 0,
        }
    }

    /// Reads some of what was said since the last look; whether there was anything.
    pub async fn look(&mut self) -> bool {
        let fresh = self.fresh().await;
        self.fold(&fresh);
        !fresh.is_empty()
    }

    /// Some of what was said since the last look.
    pub async fn fresh(&mut self) -> Vec<(Timestamp, Event)> {
        self.topics.fresh().await
    }

    /// Takes what was said.
    pub fn fold(&mut self, fresh: &[(Timestamp, Event)]) {
        for (taken_at, event) in fresh {
            self.evidence.take(event, &mut self.names);
            self.waits.take(*taken_at, event, &mut self.names);
        }
        self.note_ends();
    }

    /// Reads until nothing more is there.
    pub async fn catch_up(&mut self) {
        while self.look().await {}
    }

    /// Whether every promise of every accepted deal has ended, and the tasks that this caused are done with:
    /// nothing will change any more.
    pub fn is_quiet(&self, accepted: &BTreeSet<Name>) -> bool {
        if !accepted.iter().all(|deal| self.ended.get(deal) == Some(&self.all())) {
            return false;
        }
        let done: BTreeSet<&Name> = self.evidence.concluded.iter().map(|done| &done.touchpoint).collect();
        let mut tasks = self.evidence.due.iter().filter(|due| &*due.moment == NOT_HANDED_OVER);
        tasks.all(|due| done.contains(&due.touchpoint))
    }

    /// The accepted deals that have a promise left.
    pub fn open<'a>(&'a self, accepted: &'a BTreeSet<Name>) -> impl Iterator<Item = &'a Name> {
        accepted.iter().filter(|deal| self.ended.get(*deal) != Some(&self.all()))
    }

    fn note_ends(&mut self) {
        let all = self.all();
        for closed in &self.evidence.closed[self.closed_seen..] {
            let Some(at) = self.moments.iter().position(|moment| moment.id == &*closed.moment) else {
                continue;
            };
            let ended = self.ended.entry(closed.deal.clone()).or_default();
            let before = *ended;
            *ended |= 1 << at;
            self.deals_ended += u64::from(before != all && *ended == all);
        }
        self.closed_seen = self.evidence.closed.len();
    }

    fn all(&self) -> u32 {
        (1 << self.moments.len()) - 1
    }
}
