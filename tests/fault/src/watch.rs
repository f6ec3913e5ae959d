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
use crate::promise::Moment;
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

    /// Whether every promise of every accepted deal has ended, and every touchpoint that became due is done with,
    /// tasks that an end has caused among them. Topics are read one after the other, so an end may be seen
    /// before what caused it.
    pub fn is_quiet(&self, accepted: &BTreeSet<Name>) -> bool {
        if !accepted.iter().all(|deal| self.ended.get(deal) == Some(&self.all())) {
            return false;
        }
        let done: BTreeSet<&Name> = self.evidence.concluded.iter().map(|done| &done.touchpoint).collect();
        self.evidence.due.iter().all(|due| done.contains(&due.touchpoint))
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use afterglow_domain::EventId;

    use super::*;
    use crate::evidence::{Closed, Concluded, Due};
    use crate::promise::MOMENTS;

    #[test]
    fn an_end_that_was_seen_before_its_cause_is_not_quiet() {
        let mut watch = Watch::of(Topics::of_folder(Path::new("nowhere")), MOMENTS, Duration::from_secs(4));
        let (deal, event) = (Name::from("a"), EventId(uuid::Uuid::nil()));
        let accepted = BTreeSet::from([deal.clone()]);
        for moment in MOMENTS.iter().map(|moment| Name::from(moment.id)) {
            let evidence = &mut watch.evidence;
            evidence.due.push(Due { touchpoint: moment.clone(), deal: deal.clone(), moment: moment.clone() });
            evidence.closed.push(Closed { event, deal: deal.clone(), moment, outcome: 0 });
        }
        watch.fold(&[]);
        assert_eq!(watch.deals_ended, 1);
        assert!(!watch.is_quiet(&accepted));
        for moment in MOMENTS {
            assert!(!watch.is_quiet(&accepted), "{} is not done with", moment.id);
            watch.evidence.concluded.push(Concluded { event, touchpoint: moment.id.into(), outcome: 0 });
        }
        assert!(watch.is_quiet(&accepted));
    }
}
