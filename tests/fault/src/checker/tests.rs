//! Each broken promise is found, by its name, in evidence that is otherwise perfect.

use super::*;
use crate::evidence::{Closed, Concluded, Order};
use crate::name::Name;
use crate::promise::MOMENTS;

fn touchpoint(deal: &str, moment: &str) -> Name {
    format!("{deal}/{moment}").into()
}

/// An event's id that follows from a text.
fn event(text: &str) -> EventId {
    EventId(uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, text.as_bytes()))
}

/// A run of two deals in which everything went as it must.
fn perfect() -> Evidence {
    let mut evidence = Evidence::default();
    for deal in ["a", "b"] {
        evidence.accepted.insert(deal.into());
        evidence.heard.insert(deal.into());
        for moment in MOMENTS {
            let id = touchpoint(deal, moment.id);
            let (deal, moment_id) = (Name::from(deal), Name::from(moment.id));
            evidence.due.push(Due { touchpoint: id.clone(), deal: deal.clone(), moment: moment_id.clone() });
            evidence.concluded.push(Concluded {
                event: event(&format!("done {id}")),
                touchpoint: id.clone(),
                outcome: DeliveryOutcome::Delivered as i32,
            });
            let outcome = ObligationOutcome::Delivered as i32;
            evidence.closed.push(Closed {
                event: event(&format!("end {id}")),
                deal,
                moment: moment_id,
                outcome,
            });
            evidence.orders.extend(moment.gift_cents.map(|cents| Order { touchpoint: id.clone(), cents }));
            evidence.mails.push(id);
        }
    }
    evidence
}

fn kinds(change: impl FnOnce(&mut Evidence)) -> Vec<Kind> {
    let mut evidence = perfect();
    change(&mut evidence);
    let mut kinds: Vec<Kind> = check(&evidence, MOMENTS).into_iter().map(|found| found.kind).collect();
    kinds.dedup();
    kinds
}

#[test]
fn a_perfect_run_has_no_violation() {
    assert_eq!(kinds(|_| ()), []);
}

#[test]
fn a_moment_that_comes_late_is_out_of_order_and_one_that_is_repeated_is_not() {
    assert_eq!(kinds(|evidence| evidence.due.swap(2, 3)), [Kind::OutOfOrder]);
    assert_eq!(kinds(|evidence| evidence.due.insert(3, evidence.due[0].clone())), []);
    assert_eq!(kinds(|evidence| evidence.due.rotate_left(MOMENTS.len())), [], "deals are apart");
}

#[test]
fn a_record_written_twice_is_one() {
    let twice = |evidence: &mut Evidence| {
        evidence.due.extend(evidence.due.clone());
        evidence.concluded.extend(evidence.concluded.clone());
        evidence.closed.extend(evidence.closed.clone());
    };
    assert_eq!(kinds(twice), []);
}

#[test]
fn an_answer_before_the_commit_is_found() {
    let lost = |evidence: &mut Evidence| {
        evidence.accepted.insert("c".into());
    };
    assert_eq!(kinds(lost), [Kind::AcceptedAndLost, Kind::TouchpointMissing, Kind::NotClosedOnce]);
}

#[test]
fn a_webhook_whose_sender_was_never_told_may_be_played_too() {
    let untold = |evidence: &mut Evidence| {
        evidence.accepted.remove("b");
    };
    assert_eq!(kinds(untold), []);
    let twice = |evidence: &mut Evidence| {
        evidence.accepted.remove("b");
        evidence.orders.push(Order { touchpoint: touchpoint("b", "welcome"), cents: 2_500 });
    };
    assert_eq!(kinds(twice), [Kind::GiftTwice]);
}

#[test]
fn a_moment_is_due_once_under_one_id() {
    assert_eq!(
        kinds(|evidence| drop(evidence.due.pop())),
        [Kind::TouchpointMissing, Kind::GiftForNobody, Kind::MailForNobody]
    );
    let second = Due { touchpoint: "x".into(), deal: "a".into(), moment: "value-1".into() };
    assert_eq!(
        kinds(|evidence| evidence.due.push(second)),
        [Kind::TouchpointTooMany, Kind::NotConcluded, Kind::MailMissing]
    );
    let stranger = Due { touchpoint: "x".into(), deal: "z".into(), moment: "value-1".into() };
    assert_eq!(kinds(|evidence| evidence.due.push(stranger)), [Kind::TouchpointTooMany]);
}

#[test]
fn a_touchpoint_is_concluded_once_and_a_promise_closed_once() {
    assert_eq!(kinds(|evidence| drop(evidence.concluded.pop())), [Kind::NotConcluded]);
    let again = Concluded {
        event: event("another"),
        touchpoint: touchpoint("a", "value-1"),
        outcome: DeliveryOutcome::Failed as i32,
    };
    assert_eq!(kinds(|evidence| evidence.concluded.push(again)), [Kind::ConcludedTwice]);
    assert_eq!(kinds(|evidence| drop(evidence.closed.pop())), [Kind::NotClosedOnce]);
    let differently = |evidence: &mut Evidence| {
        let mut other = evidence.closed[0].clone();
        other.outcome = ObligationOutcome::Failed as i32;
        evidence.closed.push(other);
    };
    assert_eq!(kinds(differently), [Kind::NotClosedOnce]);
    let waived = |evidence: &mut Evidence| evidence.closed[0].outcome = ObligationOutcome::Waived as i32;
    assert_eq!(kinds(waived), [Kind::NotKept]);
}

#[test]
fn a_gift_stands_in_the_ledger_once_with_its_worth() {
    assert_eq!(kinds(|evidence| drop(evidence.orders.pop())), [Kind::GiftMissing]);
    assert_eq!(kinds(|evidence| evidence.orders[0].cents = 1), [Kind::GiftMissing]);
    let again = |evidence: &mut Evidence| evidence.orders.push(evidence.orders[0].clone());
    assert_eq!(kinds(again), [Kind::GiftTwice]);
    let nobodys = Order { touchpoint: "x".into(), cents: 1 };
    assert_eq!(kinds(|evidence| evidence.orders.push(nobodys)), [Kind::GiftForNobody]);
    let of_a_mail = Order { touchpoint: touchpoint("a", "value-1"), cents: 1 };
    assert_eq!(kinds(|evidence| evidence.orders.push(of_a_mail)), [Kind::GiftForNobody]);
}

#[test]
fn a_mail_goes_at_most_once_and_a_missing_one_is_in_doubt() {
    assert_eq!(kinds(|evidence| evidence.mails.push(touchpoint("a", "welcome"))), [Kind::MailTwice]);
    assert_eq!(kinds(|evidence| evidence.mails.push("x".into())), [Kind::MailForNobody]);
    let id = || touchpoint("a", "value-1");
    let lost = |evidence: &mut Evidence| evidence.mails.retain(|mail| *mail != id());
    assert_eq!(kinds(lost), [Kind::MailMissing]);
    let said_to_be_sent = |evidence: &mut Evidence| {
        lost(evidence);
        evidence.in_doubt.insert(id());
    };
    assert_eq!(kinds(said_to_be_sent), [Kind::MailMissing]);
    let in_doubt = |evidence: &mut Evidence| {
        said_to_be_sent(evidence);
        let failed = |done: &&mut Concluded| done.touchpoint == id();
        evidence.concluded.iter_mut().find(failed).unwrap().outcome = DeliveryOutcome::Failed as i32;
        let promise = |closed: &&mut Closed| &*closed.deal == "a" && &*closed.moment == "value-1";
        evidence.closed.iter_mut().find(promise).unwrap().outcome = ObligationOutcome::Failed as i32;
    };
    assert_eq!(kinds(in_doubt), []);
}

#[test]
fn a_gift_in_doubt_is_told_to_its_owner_once() {
    let task = |n: u32| Due {
        touchpoint: format!("task {n}").into(),
        deal: "a".into(),
        moment: crate::promise::NOT_HANDED_OVER.into(),
    };
    let told = |evidence: &mut Evidence, n: u32| {
        evidence.due.push(task(n));
        evidence.mails.push(format!("task {n}").into());
        evidence.concluded.push(Concluded {
            event: event(&format!("done {n}")),
            touchpoint: format!("task {n}").into(),
            outcome: DeliveryOutcome::Delivered as i32,
        });
    };
    let doubt = |evidence: &mut Evidence| {
        evidence.in_doubt.insert(touchpoint("a", "welcome"));
    };
    assert_eq!(kinds(|evidence| told(evidence, 1)), [Kind::TouchpointTooMany]);
    assert_eq!(kinds(doubt), [Kind::TouchpointMissing]);
    let once = |evidence: &mut Evidence| {
        doubt(evidence);
        told(evidence, 1);
    };
    assert_eq!(kinds(once), []);
    let twice = |evidence: &mut Evidence| {
        once(evidence);
        told(evidence, 2);
    };
    assert_eq!(kinds(twice), [Kind::TouchpointTooMany]);
}
