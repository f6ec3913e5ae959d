//! What must be true of the evidence, whatever was killed and lost on the way.
//!
//! A record that was written twice with the same event id is one: that is the promise on the wire.
//! Everything else counts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use afterglow_domain::EventId;
use afterglow_events::proto::{DeliveryOutcome, ObligationOutcome};

use crate::evidence::{Due, Evidence};
use crate::promise::{Moment, NOT_HANDED_OVER};

#[cfg(test)]
mod tests;

/// A broken promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A webhook was answered with success and is not in the log.
    AcceptedAndLost,
    /// A promised moment never became due.
    TouchpointMissing,
    /// A moment became due under two ids, or one that nobody promised did.
    TouchpointTooMany,
    /// A moment became due before one that was decided earlier for the same deal: repetitions apart, the topic is
    /// the order of the commits.
    OutOfOrder,
    /// A touchpoint has no conclusion.
    NotConcluded,
    /// A touchpoint has two conclusions.
    ConcludedTwice,
    /// A promise did not end, or ended in more than one way.
    NotClosedOnce,
    /// A promise was broken although nothing is in doubt.
    NotKept,
    /// A gift is not in the ledger, or with another worth.
    GiftMissing,
    /// A gift is in the ledger more than once.
    GiftTwice,
    /// An order belongs to no touchpoint.
    GiftForNobody,
    /// A mail did not arrive, and nothing is in doubt.
    MailMissing,
    /// A mail arrived more than once.
    MailTwice,
    /// A mail belongs to no touchpoint.
    MailForNobody,
}

/// A broken promise and whose.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// What is wrong.
    pub kind: Kind,
    /// The deal, moment or touchpoint.
    pub of: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.of)
    }
}

/// Every broken promise; none is what a run must end with.
pub fn check(evidence: &Evidence, moments: &[Moment]) -> Vec<Violation> {
    let mut found = Findings(Vec::new());
    for deal in evidence.accepted.difference(&evidence.heard) {
        found.add(Kind::AcceptedAndLost, &**deal);
    }
    let due = BTreeSet::from_iter(&evidence.due);
    touchpoints(evidence, moments, &due, &mut found);
    order(evidence, moments, &mut found);
    conclusions(evidence, &due, &mut found);
    promises(evidence, moments, &due, &mut found);
    gifts(evidence, moments, &due, &mut found);
    mails(evidence, &due, &mut found);
    found.0
}

struct Findings(Vec<Violation>);

impl Findings {
    fn add(&mut self, kind: Kind, of: impl Into<String>) {
        self.0.push(Violation { kind, of: of.into() });
    }
}

/// Each accepted deal has each moment due under exactly one id, one task for each gift in doubt, and
/// nothing else.
fn touchpoints(evidence: &Evidence, moments: &[Moment], due: &BTreeSet<&Due>, found: &mut Findings) {
    let mut by_moment: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for one in due {
        *by_moment.entry((&*one.deal, &*one.moment)).or_default() += 1;
    }
    for deal in &evidence.accepted {
        for moment in moments {
            match by_moment.remove(&(&**deal, moment.id)).unwrap_or(0) {
                0 => found.add(Kind::TouchpointMissing, format!("{deal} {}", moment.id)),
                1 => {}
                _ => found.add(Kind::TouchpointTooMany, format!("{deal} {}", moment.id)),
            }
        }
    }
    let doubtful = doubtful_gifts(evidence, moments, due);
    for deal in evidence.heard.union(&evidence.accepted) {
        let told = by_moment.remove(&(&**deal, NOT_HANDED_OVER)).unwrap_or(0);
        let doubtful = doubtful.get(&**deal).copied().unwrap_or(0);
        if told > doubtful {
            found.add(Kind::TouchpointTooMany, format!("{deal} {NOT_HANDED_OVER}"));
        } else if told < doubtful && evidence.accepted.contains(deal) {
            found.add(Kind::TouchpointMissing, format!("{deal} {NOT_HANDED_OVER}"));
        }
    }
    // A webhook may be in the log although its sender was never told: then its deal is promised the
    // same. What is left must belong to such a deal.
    for ((deal, moment), count) in by_moment {
        let promised = moments.iter().any(|known| known.id == moment) && evidence.heard.contains(deal);
        if !promised || count > 1 {
            found.add(Kind::TouchpointTooMany, format!("{deal} {moment}"));
        }
    }
}

/// Each deal's moments come in their order, which is that of their days; what came before is a repetition.
fn order(evidence: &Evidence, moments: &[Moment], found: &mut Findings) {
    let mut seen = BTreeSet::new();
    let mut newest: BTreeMap<&str, usize> = BTreeMap::new();
    for due in &evidence.due {
        let Some(at) = moments.iter().position(|moment| moment.id == &*due.moment) else { continue };
        let newest = newest.entry(&due.deal).or_insert(at);
        if seen.insert((&due.deal, &due.moment)) && at < *newest {
            found.add(Kind::OutOfOrder, format!("{} {}", due.deal, due.moment));
        }
        *newest = at.max(*newest);
    }
}

/// How many gifts of each deal are in doubt.
fn doubtful_gifts<'a>(
    evidence: &Evidence,
    moments: &[Moment],
    due: &BTreeSet<&'a Due>,
) -> BTreeMap<&'a str, usize> {
    let gifts = |id: &str| moments.iter().any(|moment| moment.id == id && moment.gift_cents.is_some());
    let mut doubtful: BTreeMap<&str, usize> = BTreeMap::new();
    for one in due {
        if gifts(&one.moment) && evidence.in_doubt.contains(&one.touchpoint) {
            *doubtful.entry(&one.deal).or_default() += 1;
        }
    }
    doubtful
}

fn conclusions(evidence: &Evidence, due: &BTreeSet<&Due>, found: &mut Findings) {
    let distinct: BTreeSet<_> = evidence.concluded.iter().collect();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for one in distinct {
        *counts.entry(&one.touchpoint).or_default() += 1;
    }
    for one in due.iter().filter(|one| evidence.accepted.contains(&one.deal)) {
        match counts.get(&*one.touchpoint) {
            None => found.add(Kind::NotConcluded, describe(one)),
            Some(1) => {}
            Some(_) => found.add(Kind::ConcludedTwice, describe(one)),
        }
    }
}

/// Each promise ends once: kept, or broken because a call is in doubt.
fn promises(evidence: &Evidence, moments: &[Moment], due: &BTreeSet<&Due>, found: &mut Findings) {
    let kept = [ObligationOutcome::Delivered as i32, ObligationOutcome::Late as i32];
    let doubtful: BTreeSet<(&str, &str)> = due
        .iter()
        .filter(|one| evidence.in_doubt.contains(&one.touchpoint))
        .map(|one| (&*one.deal, &*one.moment))
        .collect();
    let mut ends: BTreeMap<(&str, &str), BTreeSet<(EventId, i32)>> = BTreeMap::new();
    for closed in &evidence.closed {
        ends.entry((&closed.deal, &closed.moment)).or_default().insert((closed.event, closed.outcome));
    }
    for deal in &evidence.accepted {
        for moment in moments {
            let key = (&**deal, moment.id);
            let mut outcomes = ends.get(&key).into_iter().flatten().map(|(_, outcome)| *outcome);
            match (outcomes.next(), outcomes.next()) {
                (Some(outcome), None) if kept.contains(&outcome) || doubtful.contains(&key) => {}
                (Some(outcome), None) => {
                    let word = ObligationOutcome::try_from(outcome).map_or("?", |o| o.as_str_name());
                    found.add(Kind::NotKept, format!("{deal} {}: {word}", moment.id));
                }
                _ => found.add(Kind::NotClosedOnce, format!("{deal} {}", moment.id)),
            }
        }
    }
}

/// Each gift stands in the ledger once, with its worth.
fn gifts(evidence: &Evidence, moments: &[Moment], due: &BTreeSet<&Due>, found: &mut Findings) {
    let mut orders: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for order in &evidence.orders {
        orders.entry(&order.touchpoint).or_default().push(order.cents);
    }
    for one in due {
        let worth = moments.iter().find(|moment| moment.id == &*one.moment).and_then(|m| m.gift_cents);
        let ordered = orders.remove(&*one.touchpoint).unwrap_or_default();
        let Some(worth) = worth else {
            if !ordered.is_empty() {
                found.add(Kind::GiftForNobody, describe(one));
            }
            continue;
        };
        match ordered.as_slice() {
            [cents] if *cents == worth => {}
            [_, _, ..] => found.add(Kind::GiftTwice, describe(one)),
            // A deal whose sender was never told is only forbidden to have a gift twice.
            _ if evidence.accepted.contains(&one.deal) => found.add(Kind::GiftMissing, describe(one)),
            _ => {}
        }
    }
    for touchpoint in orders.into_keys() {
        found.add(Kind::GiftForNobody, touchpoint);
    }
}

/// Each mail arrived once, or is missing with its row in doubt.
fn mails(evidence: &Evidence, due: &BTreeSet<&Due>, found: &mut Findings) {
    let delivered = DeliveryOutcome::Delivered as i32;
    let claimed: BTreeSet<&str> = evidence
        .concluded
        .iter()
        .filter(|done| done.outcome == delivered)
        .map(|done| &*done.touchpoint)
        .collect();
    let mut arrived: BTreeMap<&str, usize> = BTreeMap::new();
    for touchpoint in &evidence.mails {
        *arrived.entry(touchpoint).or_default() += 1;
    }
    for one in due {
        let touchpoint = &*one.touchpoint;
        match arrived.remove(touchpoint) {
            Some(1) => {}
            Some(_) => found.add(Kind::MailTwice, describe(one)),
            None => {
                let excused = evidence.in_doubt.contains(touchpoint) && !claimed.contains(touchpoint);
                if evidence.accepted.contains(&one.deal) && !excused {
                    found.add(Kind::MailMissing, describe(one));
                }
            }
        }
    }
    for touchpoint in arrived.into_keys() {
        found.add(Kind::MailForNobody, touchpoint);
    }
}

fn describe(due: &Due) -> String {
    format!("{} {} {}", due.deal, due.moment, due.touchpoint)
}
