//! What must hold of the engine's rows after every transaction, for tests and simulations.

use std::collections::BTreeMap;

use afterglow_domain::EnrolmentId;
use afterglow_durable::{Timeline, Timer};
use afterglow_journey::{Promise, Status};

use crate::rows::{Closed, EnrolmentRow, ObligationRow};
use crate::store::memory::Tables;
use crate::turn::TIMER_KEY;

/// Everything that does not hold, in words; empty where all is well. The numbers are those of the
/// project's list of invariants.
pub fn check_invariants(tables: &Tables, timers: &[Timer]) -> Vec<String> {
    let mut broken = Vec::new();
    one_enrolment_each(tables, &mut broken);
    no_stuck_journey(tables, timers, &mut broken);
    never_early(tables, &mut broken);
    obligations_end_once(tables, &mut broken);
    own_version_only(tables, &mut broken);
    broken
}

fn one_enrolment_each(tables: &Tables, broken: &mut Vec<String>) {
    let mut active = BTreeMap::new();
    for row in tables.enrolments.values().filter(|row| row.status() != "ended") {
        if let Some(other) = active.insert((&row.deal, &row.journey), row.id) {
            broken.push(format!(
                "3: {} and {other} are both active for deal {} in {}",
                row.id, row.deal, row.journey
            ));
        }
    }
}

fn no_stuck_journey(tables: &Tables, timers: &[Timer], broken: &mut Vec<String>) {
    let mut armed: BTreeMap<EnrolmentId, Vec<&Timer>> = BTreeMap::new();
    for timer in timers {
        armed.entry(EnrolmentId(timer.owner)).or_default().push(timer);
    }
    for row in tables.enrolments.values() {
        let mine = armed.remove(&row.id).unwrap_or_default();
        let expected = row.armed.map(|due| Timer {
            timeline: Timeline::Journey,
            shard: row.shard(),
            due,
            owner: row.id.0,
            key: TIMER_KEY,
        });
        if mine.iter().copied().ne(expected.iter()) {
            broken.push(format!("4: {} has timers {mine:?}, its row says {:?}", row.id, row.armed));
        }
        if row.armed.is_none() != row.state.is_terminal() {
            broken.push(format!("4: {} is {} and its timer is {:?}", row.id, row.status(), row.armed));
        }
    }
    for orphan in armed.keys() {
        broken.push(format!("4: a timer of {orphan}, which is no enrolment"));
    }
}

fn never_early(tables: &Tables, broken: &mut Vec<String>) {
    for row in tables.obligations.values() {
        let kept = matches!(row.closed.outcome, "delivered" | "late");
        if kept && row.closed.at < row.planned {
            broken.push(format!("5: {} {} of {} was kept early", row.moment, row.occurrence, row.enrolment));
        }
    }
    for row in tables.enrolments.values() {
        for promise in &row.state.promises {
            if matches!(&promise.status, Status::Emitted { asked, .. } if *asked < promise.planned) {
                broken.push(format!("5: {} of {} was emitted early", promise.moment, row.id));
            }
        }
    }
}

/// 8 and 10: exactly one end each, with a reason for every absence; what ended has nothing open, and
/// what is closing has nothing that may still go out.
fn obligations_end_once(tables: &Tables, broken: &mut Vec<String>) {
    for obligation in tables.obligations.values() {
        let Some(row) = tables.enrolments.get(&obligation.enrolment) else {
            broken
                .push(format!("8: {} of {}, which is no enrolment", obligation.moment, obligation.enrolment));
            continue;
        };
        broken.extend(wrong_obligation(row, obligation));
    }
    for row in tables.enrolments.values() {
        for promise in &row.state.promises {
            let key = (row.id, promise.moment.clone(), promise.occurrence);
            if !promise.is_open() && !tables.obligations.contains_key(&key) {
                broken.push(format!(
                    "8: {} {} of {} is not open and nothing says how it ended",
                    promise.moment, promise.occurrence, row.id
                ));
            }
            if row.status() != "active" && may_still_go_out(promise) {
                broken.push(format!(
                    "10: {} of {} may still go out, it is {}",
                    promise.moment,
                    row.id,
                    row.status()
                ));
            }
        }
    }
}

fn may_still_go_out(promise: &Promise) -> bool {
    matches!(
        promise.status,
        Status::Waiting { .. } | Status::Recalled | Status::Emitted { revoking: None, .. }
    )
}

fn wrong_obligation(row: &EnrolmentRow, obligation: &ObligationRow) -> Option<String> {
    let (moment, occurrence, id) = (&obligation.moment, obligation.occurrence, row.id);
    let promise = row.state.promise(moment);
    let open = promise.is_some_and(|promise| promise.occurrence == occurrence && promise.is_open());
    let Closed { outcome, reason, .. } = &obligation.closed;
    if open {
        return Some(format!("8: {moment} {occurrence} of {id} is {outcome} and still waits"));
    }
    let absent = matches!(*outcome, "waived" | "failed");
    (absent && reason.is_empty())
        .then(|| format!("8: {moment} {occurrence} of {id} is {outcome} without a reason"))
}

fn own_version_only(tables: &Tables, broken: &mut Vec<String>) {
    for row in tables.enrolments.values() {
        let version = (row.deal.tenant.clone(), row.journey.clone(), row.version);
        if !tables.definitions.contains_key(&version) {
            broken.push(format!(
                "9: {} is on {} version {}, which is not published",
                row.id, row.journey, row.version
            ));
        }
    }
}
