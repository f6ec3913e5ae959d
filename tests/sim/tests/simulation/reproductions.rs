//! Named stories as readable lists: what random lives found, and corners that deserve a name. Each is
//! lived on the model and on SQLite, which must agree.

use afterglow_durable::store::CommitFault;
use afterglow_sim::life::{on_disk, on_the_model};
use afterglow_sim::op::{Edit, Mood, Op, Role, Stage};
use afterglow_sim::trace::differences;
use afterglow_sim::world::Setup;

/// A day, in seconds.
const DAY: u64 = 86_400;

/// Lives the story on both grounds; what happened in it, as the types of the events in the log.
fn holds(ops: &[Op]) -> Vec<String> {
    let setup = Setup { seed: 1, ..Setup::default() };
    let (model, disk) = (on_the_model(setup, ops), on_disk(setup, ops));
    assert_eq!(model.problems, Vec::<String>::new(), "model");
    assert_eq!(disk.problems, Vec::<String>::new(), "SQLite");
    let differ = differences((&model.trace, &model.rows), (&disk.trace, &disk.rows));
    assert_eq!(differ, Vec::<String>::new());
    model.trace.into_values().flatten().map(|(_, kind, _)| kind).collect()
}

/// Deal 0 is won and told of, and its first gift is due.
const WON: [Op; 4] = [Op::Move(0, Stage::Won), Op::Deliver(0), Op::Round, Op::Round];

fn count(events: &[String], kind: &str) -> usize {
    events.iter().filter(|event| *event == kind).count()
}

/// Seed 17: the clock went back below the plan between the touchpoint and its delivery. What was kept is
/// not noted for a time at which it had not gone out yet.
#[test]
fn the_clock_goes_back_between_a_touchpoint_and_its_delivery() {
    let events = holds(&[&WON[..], &[Op::JumpBack(4684)]].concat());
    assert!(count(&events, "afterglow.delivery.concluded.v1") > 0);
}

#[test]
fn won_and_reopened_within_the_settling_time_is_one_win() {
    let back = [Op::Move(0, Stage::Open), Op::Deliver(0), Op::Round, Op::Advance(5)];
    let again = [Op::Move(0, Stage::Won), Op::Deliver(0), Op::Round, Op::Advance(40), Op::Round];
    let events = holds(&[&WON[..], &back, &again].concat());
    assert_eq!(count(&events, "afterglow.deal.won.v1"), 1);
    assert_eq!(count(&events, "afterglow.deal.reopened.v1"), 0);
}

#[test]
fn a_hint_during_a_read_is_a_second_read() {
    let events = holds(&[
        Op::Move(0, Stage::Won),
        Op::Deliver(0),
        Op::Hints,
        Op::Claim,
        Op::Read,
        Op::Amend(0, Edit::Amount),
        Op::Deliver(0),
        Op::Hints,
        Op::Settle,
    ]);
    assert_eq!(count(&events, "afterglow.deal.amended.v1"), 1);
}

#[test]
fn the_process_dies_between_a_claim_and_its_call() {
    for fault in [CommitFault::Lost, CommitFault::Unanswered] {
        for skip in 0..5 {
            let claim = [Op::Fault(Role::Dispatcher, skip, fault), Op::Claims, Op::Crash, Op::Advance(60)];
            let told = [Op::EngineRecords, Op::EngineTimers, Op::Relay(Role::Engine), Op::DispatcherRecords];
            let won = [Op::Move(0, Stage::Won), Op::Deliver(0), Op::Hints, Op::Claim, Op::Read, Op::Settle];
            let relay = [Op::Relay(Role::Ingest)];
            holds(&[&won[..], &relay, &told, &claim].concat());
        }
    }
}

#[test]
fn everything_is_said_twice_when_the_logs_answers_are_lost() {
    let lost = [Op::Log(Mood::Odd), Op::Deliver(0), Op::Round, Op::Round, Op::Crash, Op::Log(Mood::Well)];
    let events = holds(&[&[Op::Move(0, Stage::Won)][..], &lost, &[Op::Deliver(0), Op::Round]].concat());
    assert!(count(&events, "afterglow.webhook.received.v1") > 1);
}

#[test]
fn a_deal_is_merged_while_its_gift_is_in_doubt() {
    let merge = [Op::Merge(0, 2), Op::Deliver(0), Op::Round, Op::Round, Op::Advance(DAY), Op::Round];
    let moody = [Op::Vendors(Mood::Odd), Op::Move(2, Stage::Won), Op::Deliver(0)];
    let events = holds(&[&moody[..], &WON, &merge].concat());
    assert_eq!(count(&events, "afterglow.deal.merged.v1"), 1);
}
