//! Rule 7: a deal that is open again, lost, deleted, and won again.

use super::scene::{FOUR, Scene};
use crate::input::{DeliveryOutcome, Input};
use crate::state::{Phase, State};
use insta::assert_snapshot;

#[test]
fn rule_7_reopened_holds_and_won_again_goes_on() {
    let mut scene = Scene::new(FOUR, "2026-03-06T15:00");
    scene.won("2026-03-06");
    scene.run_to("2026-03-08T12:00");
    scene.answer = None;
    scene.run_to("2026-03-09T12:00");
    scene.story();
    scene.input(&Input::Reopened);
    scene.input(&Input::Reopened);
    scene.delivery("tip", 0, DeliveryOutcome::Revoked);
    scene.delivery("tip", 0, DeliveryOutcome::Revoked);
    scene.run_to("2026-03-14T12:00");
    assert_snapshot!(scene.story(), @r"
    03-09 12:00  held
    03-09 12:00  REVOKE tip#0: the deal is open again
    03-09 12:00  tip#0 waived: the deal is open again
    ");
    scene.answer = Some(|at| DeliveryOutcome::Delivered { at, without_gift: None });
    scene.won("2026-03-14");
    scene.run_to("2026-05-01T00:00");
    assert_snapshot!(scene.story(), @r"
    03-14 12:00  resumed
    03-14 12:00  moved book#0 for 03-21 09:30 until 03-29 00:00
    03-14 12:00  moved call#0 for 03-24 09:30 until 04-01 00:00
    03-14 12:00  promised tip#1 for 03-17 09:30 until 03-25 00:00
    03-17 09:30  EMIT tip#1 day 3 to ann
    03-17 09:30  tip#1 delivered
    03-21 09:30  EMIT book#0 day 7 to ann
    03-21 09:30  book#0 delivered
    03-24 09:30  EMIT call#0 day 10 to the owner because the journey plans this for day 10
    03-24 09:30  call#0 delivered
    03-24 09:30  completed
    ");
}

#[test]
fn rule_7_won_again_on_the_same_day_sends_what_was_recalled() {
    let mut scene = Scene::new(FOUR, "2026-03-06T15:00");
    scene.won("2026-03-06");
    scene.run_to("2026-03-08T12:00");
    scene.answer = None;
    scene.run_to("2026-03-09T12:00");
    scene.input(&Input::Reopened);
    scene.story();
    // Won again before the dispatcher answers; the date is the old one.
    scene.won("2026-03-06");
    scene.delivery("tip", 0, DeliveryOutcome::Revoked);
    scene.run_to("2026-03-11T00:00");
    assert_snapshot!(scene.story(), @r"
    03-09 12:00  resumed
    03-09 12:00  tip#0 waived: the deal is open again
    03-09 12:00  promised tip#1 for 03-09 09:30 until 03-17 00:00
    03-10 09:30  EMIT tip#1 day 3 to ann
    ");
}

#[test]
fn rule_7_lost_ends_at_once_and_only_a_delivery_closes_what_was_out() {
    let mut scene = Scene::new(FOUR, "2026-03-06T15:00");
    scene.won("2026-03-06");
    scene.answer = None;
    scene.run_to("2026-03-07T12:00");
    scene.story();
    scene.input(&Input::Lost);
    scene.run_to("2026-03-09T13:00");
    assert!(matches!(scene.state.as_ref().unwrap().phase, Phase::Closing { .. }));
    let at = scene.now;
    scene.delivery("welcome", 0, DeliveryOutcome::Delivered { at, without_gift: None });
    assert_snapshot!(scene.story(), @r"
    03-07 12:00  tip#0 waived: the deal is lost
    03-07 12:00  book#0 waived: the deal is lost
    03-07 12:00  call#0 waived: the deal is lost
    03-07 12:00  REVOKE welcome#0: the deal is lost
    03-08 12:00  REVOKE welcome#0: the deal is lost
    03-08 12:00  ASK welcome#0
    03-09 12:00  REVOKE welcome#0: the deal is lost
    03-09 12:00  ASK welcome#0
    03-09 13:00  welcome#0 late by 51 h
    03-09 13:00  exited: the deal is lost
    ");
    assert_eq!(scene.state.as_ref().and_then(State::next_due), None);
}

#[test]
fn rule_7_lost_and_won_again_promises_what_was_not_delivered() {
    let mut scene = Scene::new(FOUR, "2026-03-06T15:00");
    scene.won("2026-03-06");
    scene.run_to("2026-03-08T12:00");
    scene.input(&Input::Deleted);
    scene.story();
    scene.sleep_to("2026-06-01T12:00");
    scene.won("2026-06-01");
    scene.run_to("2026-08-01T00:00");
    assert_snapshot!(scene.story(), @r"
    06-01 12:00  resumed
    06-01 12:00  promised tip#1 for 06-04 09:30 until 06-12 00:00
    06-01 12:00  promised book#1 for 06-08 09:30 until 06-16 00:00
    06-01 12:00  promised call#1 for 06-11 09:30 until 06-19 00:00
    06-04 09:30  EMIT tip#1 day 3 to ann
    06-04 09:30  tip#1 delivered
    06-08 09:30  EMIT book#1 day 7 to ann
    06-08 09:30  book#1 delivered
    06-11 09:30  EMIT call#1 day 10 to the owner because the journey plans this for day 10
    06-11 09:30  call#1 delivered
    06-11 09:30  completed
    ");
}

fn paid() -> DeliveryOutcome {
    DeliveryOutcome::Failed {
        reason: "the gift is ordered, its mail was not sent".to_owned(),
        spent: true,
        obstacle: None,
    }
}

#[test]
fn rule_7_a_gift_that_was_paid_for_while_held_is_not_ordered_again() {
    let mut scene = Scene::new(FOUR, "2026-03-06T15:00");
    scene.won("2026-03-06");
    scene.answer = None;
    scene.run_to("2026-03-07T12:00");
    scene.input(&Input::Reopened);
    scene.delivery("welcome", 0, paid());
    scene.story();
    scene.answer = Some(|at| DeliveryOutcome::Delivered { at, without_gift: None });
    scene.run_to("2026-03-08T12:00");
    scene.won("2026-03-08");
    scene.run_to("2026-05-01T00:00");
    assert_snapshot!(scene.story(), @r"
    03-08 12:00  resumed
    03-08 12:00  moved tip#0 for 03-11 09:30 until 03-19 00:00
    03-08 12:00  moved book#0 for 03-15 09:30 until 03-23 00:00
    03-08 12:00  moved call#0 for 03-18 09:30 until 03-26 00:00
    03-11 09:30  EMIT tip#0 day 3 to ann
    03-11 09:30  tip#0 delivered
    03-15 09:30  EMIT book#0 day 7 to ann
    03-15 09:30  book#0 delivered
    03-18 09:30  EMIT call#0 day 10 to the owner because the journey plans this for day 10
    03-18 09:30  call#0 delivered
    03-18 09:30  completed
    ");
}

#[test]
fn rule_7_a_gift_that_was_paid_for_is_not_ordered_again_on_any_way_back() {
    for away in [Input::Lost, Input::Deleted, Input::Reopened] {
        for answered_first in [true, false] {
            let mut scene = Scene::new(FOUR, "2026-03-06T15:00");
            scene.won("2026-03-06");
            scene.answer = None;
            scene.run_to("2026-03-07T12:00");
            scene.input(&away);
            if answered_first {
                scene.delivery("welcome", 0, paid());
                scene.won("2026-03-07");
            } else {
                scene.won("2026-03-07");
                scene.delivery("welcome", 0, paid());
            }
            scene.answer = Some(|at| DeliveryOutcome::Delivered { at, without_gift: None });
            scene.run_to("2026-05-01T00:00");
            let story = scene.story();
            assert_eq!(story.matches("EMIT welcome").count(), 1, "{away:?}: {story}");
            for other in ["EMIT tip", "EMIT book", "EMIT call"] {
                assert_eq!(story.matches(other).count(), 1, "{away:?}: {story}");
            }
            assert!(story.ends_with("completed"), "{away:?}: {story}");
            scene.input(&Input::Lost);
            scene.won("2026-05-01");
            assert_eq!(scene.story(), "", "nothing is left that could go out");
        }
    }
}

#[test]
fn rule_7_a_completed_journey_has_nothing_to_repeat() {
    let mut scene = Scene::new(FOUR, "2026-03-06T15:00");
    scene.won("2026-03-06");
    scene.run_to("2026-05-01T00:00");
    scene.story();
    scene.input(&Input::Reopened);
    scene.won("2026-05-01");
    scene.input(&Input::Due);
    assert_eq!(scene.story(), "");
}
