//! The clock goes back between two decisions: nothing goes out early, nothing is noted too early.

use super::scene::{FOUR, Scene};
use crate::input::{DeliveryOutcome, Input};
use insta::assert_snapshot;

/// Welcome is with the dispatcher, and the clock went back to the local time.
fn welcome_is_out(back_to: &str) -> Scene {
    let mut scene = Scene::new(FOUR, "2026-03-06T15:00");
    scene.won("2026-03-06");
    scene.answer = None;
    scene.run_to("2026-03-07T09:30");
    scene.story();
    scene.now = scene.instant(back_to);
    scene
}

#[test]
fn what_was_kept_is_not_noted_before_it_went_out() {
    let mut scene = welcome_is_out("2026-03-07T08:10");
    let at = scene.now;
    scene.delivery("welcome", 0, DeliveryOutcome::Delivered { at, without_gift: None });
    assert_snapshot!(scene.story(), @"03-07 08:10  welcome#0 delivered, noted for 03-07 09:30");
}

#[test]
fn what_is_taken_back_went_out_when_it_did() {
    let mut scene = welcome_is_out("2026-03-07T08:10");
    scene.input(&Input::Reopened);
    let at = scene.now;
    scene.delivery("welcome", 0, DeliveryOutcome::Delivered { at, without_gift: None });
    assert_snapshot!(scene.story(), @r"
    03-07 08:10  held
    03-07 08:10  REVOKE welcome#0: the deal is open again
    03-07 08:10  welcome#0 delivered, noted for 03-07 09:30
    ");
}

#[test]
fn a_refusal_days_before_the_plan_is_not_tried_again_before_it() {
    let mut scene = welcome_is_out("2026-03-01T12:00");
    scene.delivery("welcome", 0, DeliveryOutcome::Refused { reason: "cap".to_owned(), obstacle: None });
    scene.run_to("2026-03-10T00:00");
    assert_snapshot!(scene.story(), @r"
    03-01 12:00  welcome#0 waived: cap, noted for 03-07 09:30
    03-01 12:00  promised welcome#1 for 03-07 09:30 until 03-28 00:00
    03-08 09:30  EMIT welcome#1 day 1 to ann
    03-09 09:30  EMIT tip#0 day 3 to ann
    03-09 09:30  ASK welcome#1
    ");
}
