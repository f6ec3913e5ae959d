//! The checks are checked: each deliberate breakage is found out.

use afterglow_sim::life::on_the_model;
use afterglow_sim::op::{Mood, Op, Stage, list};
use afterglow_sim::sabotage::Sabotage;
use afterglow_sim::trace::differences;
use afterglow_sim::world::Setup;

/// A calm life with everything in it, and a vendor whose answers get lost.
fn calm() -> Vec<Op> {
    let mut ops = vec![Op::Vendors(Mood::Odd)];
    for deal in 0..4 {
        ops.extend([Op::Move(deal, Stage::Won), Op::Deliver(0), Op::Round, Op::Round]);
    }
    ops.extend([Op::Advance(86_400), Op::Round, Op::Round, Op::Advance(60), Op::Round].repeat(8));
    ops
}

/// The problems of a sabotaged life; the same life unharmed has none.
fn found(sabotage: Sabotage) -> String {
    let setup = Setup { seed: 1, ..Setup::default() };
    assert_eq!(on_the_model(setup, &calm()).problems, Vec::<String>::new(), "unharmed");
    on_the_model(Setup { sabotage, ..setup }, &calm()).problems.join("\n")
}

#[test]
fn a_vendor_that_does_not_know_its_key_again_is_found_out() {
    let found = found(Sabotage::ExternalId);
    assert!(found.contains("6: a gift under"), "{found}");
}

#[test]
fn a_mail_that_goes_twice_is_found_out() {
    let found = found(Sabotage::TwoMails);
    assert!(found.contains("with 2 mails"), "{found}");
}

#[test]
fn an_answer_before_the_commit_is_found_out() {
    let found = found(Sabotage::ForgetfulEdge);
    assert!(found.contains("1: accepted and not in the log"), "{found}");
}

#[test]
fn an_event_lost_between_outbox_and_log_is_found_out() {
    let found = found(Sabotage::ForgetfulRelay);
    assert!(found.contains("7: ") && found.contains("in the log, or reordered"), "{found}");
    assert!(found.contains("8: the promise"), "and what follows from it: {found}");
    let open = found.contains("4: ") || found.contains("8: touchpoint");
    assert!(!open, "a lost touchpoint is asked for again, and a lost conclusion said again: {found}");
}

#[test]
fn a_log_that_reorders_is_found_out() {
    let found = found(Sabotage::Shuffled);
    assert!(found.contains("7: "), "{found}");
}

#[test]
fn a_different_life_is_found_out() {
    let lives = [0, 1].map(|seed| on_the_model(Setup { seed, ..Setup::default() }, &calm()));
    let [one, other] = &lives;
    let found = differences((&one.trace, &one.rows), (&other.trace, &other.rows)).join("\n");
    assert!(found.contains("12: "), "{found}");
}

#[test]
fn the_same_seed_is_the_same_life() {
    let setup = Setup { seed: 3, spread: true, ..Setup::default() };
    let (one, other) = (on_the_model(setup, &list(3)), on_the_model(setup, &list(3)));
    assert_eq!(differences((&one.trace, &one.rows), (&other.trace, &other.rows)), Vec::<String>::new());
    assert_eq!(one.problems, other.problems);
}
