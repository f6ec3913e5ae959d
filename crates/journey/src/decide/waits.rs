//! The waiting rule: whatever stands in the way makes a moment wait, and is the reason if it waits
//! too long.

use std::time::Duration;

use super::scene::{FOUR, Scene};
use crate::input::{DeliveryOutcome, Input};
use crate::state::State;
use insta::assert_snapshot;

#[test]
fn two_moments_of_one_day_go_out_on_two() {
    let twins = "
  - {id: a, day: 1, not_after_day: 1, intent: value, mail: mail.md}
  - {id: b, day: 1, not_after_day: 2, intent: value, mail: mail.md}
  - {id: c, day: 1, not_after_day: 1, intent: value, mail: mail.md}
";
    let mut scene = Scene::new(twins, "2026-03-06T15:00");
    scene.won("2026-03-06");
    scene.run_to("2026-05-01T00:00");
    assert_snapshot!(scene.story(), @r"
    03-06 15:00  enrolled
    03-06 15:00  promised a#0 for 03-07 09:30 until 03-08 00:00
    03-06 15:00  promised b#0 for 03-07 09:30 until 03-09 00:00
    03-06 15:00  promised c#0 for 03-07 09:30 until 03-08 00:00
    03-07 09:30  EMIT a#0 day 1 to ann
    03-07 09:30  a#0 delivered
    03-08 00:00  c#0 waived: one moment per day: another one went out
    03-08 09:30  EMIT b#0 day 1 to ann
    03-08 09:30  b#0 delivered
    03-08 09:30  completed
    ");
}

#[test]
fn a_refused_moment_tries_again_and_keeps_nobody_waiting() {
    let mut scene = Scene::new(FOUR, "2026-03-06T15:00");
    scene.answer = Some(|_| DeliveryOutcome::Refused { reason: "over the cap".to_owned(), obstacle: None });
    scene.won("2026-03-06");
    scene.run_to("2026-03-13T12:00");
    scene.answer = Some(|at| DeliveryOutcome::Delivered { at, without_gift: None });
    scene.run_to("2026-05-01T00:00");
    assert_snapshot!(scene.story(), @r"
    03-06 15:00  enrolled
    03-06 15:00  promised welcome#0 for 03-07 09:30 until 03-28 00:00
    03-06 15:00  promised tip#0 for 03-09 09:30 until 03-17 00:00
    03-06 15:00  promised book#0 for 03-13 09:30 until 03-21 00:00
    03-06 15:00  promised call#0 for 03-16 09:30 until 03-24 00:00
    03-07 09:30  EMIT welcome#0 day 1 to ann
    03-07 09:30  welcome#0 waived: over the cap
    03-07 09:30  promised welcome#1 for 03-07 09:30 until 03-28 00:00
    03-09 09:30  EMIT tip#0 day 3 to ann
    03-09 09:30  tip#0 waived: over the cap
    03-09 09:30  promised tip#1 for 03-09 09:30 until 03-17 00:00
    03-10 09:30  EMIT welcome#1 day 1 to ann
    03-10 09:30  welcome#1 waived: over the cap
    03-10 09:30  promised welcome#2 for 03-07 09:30 until 03-28 00:00
    03-12 09:30  EMIT tip#1 day 3 to ann
    03-12 09:30  tip#1 waived: over the cap
    03-12 09:30  promised tip#2 for 03-09 09:30 until 03-17 00:00
    03-13 09:30  EMIT book#0 day 7 to ann
    03-13 09:30  book#0 waived: over the cap
    03-13 09:30  promised book#1 for 03-13 09:30 until 03-21 00:00
    03-14 09:30  EMIT welcome#2 day 1 to ann
    03-14 09:30  welcome#2 late by 168 h
    03-15 09:30  EMIT tip#2 day 3 to ann
    03-15 09:30  tip#2 late by 144 h
    03-16 09:30  EMIT call#0 day 10 to the owner because the journey plans this for day 10
    03-16 09:30  call#0 delivered
    03-17 09:30  EMIT book#1 day 7 to ann
    03-17 09:30  book#1 late by 96 h
    03-17 09:30  completed
    ");
}

#[test]
fn a_failed_moment_is_not_tried_again() {
    let mut scene = Scene::new(FOUR, "2026-03-06T15:00");
    scene.answer =
        Some(|_| DeliveryOutcome::Failed { reason: "bounced".to_owned(), spent: false, obstacle: None });
    scene.won("2026-03-06");
    scene.run_to("2026-03-08T12:00");
    let story = scene.story();
    assert!(story.ends_with("welcome#0 failed: bounced"), "{story}");
    scene.run_to("2026-03-08T23:00");
    assert_eq!(scene.story(), "");
}

#[test]
fn late_is_more_than_a_day_after_planned() {
    for (at, ends) in [("2026-03-08T09:30", "delivered"), ("2026-03-08T10:31", "late by 25 h")] {
        let mut scene = Scene::new(FOUR, "2026-03-06T15:00");
        scene.won("2026-03-06");
        scene.answer = None;
        scene.run_to("2026-03-07T12:00");
        let at = scene.instant(at);
        scene.delivery("welcome", 0, DeliveryOutcome::Delivered { at, without_gift: None });
        let story = scene.story();
        assert!(story.ends_with(&format!("welcome#0 {ends}")), "{story}");
    }
}

#[test]
fn an_unanswered_touchpoint_keeps_a_timer_and_is_not_sent_twice() {
    let mut scene = Scene::new(FOUR, "2026-03-06T15:00");
    scene.won("2026-03-06");
    scene.answer = None;
    scene.run_to("2026-08-01T00:00");
    let story = scene.story();
    assert_eq!(story.matches("EMIT welcome").count(), 1, "{story}");
    let days_without_answer = 146;
    assert_eq!(story.matches("ASK welcome#0").count(), days_without_answer, "{story}");
    assert!(scene.state.as_ref().and_then(State::next_due).is_some());
    let at = scene.now;
    for moment in ["welcome", "tip", "book", "call"] {
        scene.delivery(moment, 0, DeliveryOutcome::Delivered { at, without_gift: None });
    }
    assert!(scene.story().ends_with("completed"));
    assert_eq!(scene.state.as_ref().and_then(State::next_due), None);
}

#[test]
fn what_got_lost_on_its_way_is_asked_for_after_a_day() {
    let mut scene = Scene::new(FOUR, "2026-03-06T15:00");
    scene.won("2026-03-06");
    scene.answer = None;
    scene.run_to("2026-03-08T09:00");
    scene.story();
    scene.answer = Some(|at| DeliveryOutcome::Delivered { at, without_gift: None });
    scene.run_to("2026-03-09T12:00");
    assert_snapshot!(scene.story(), @r"
    03-08 09:30  ASK welcome#0
    03-08 09:30  welcome#0 delivered
    03-09 09:30  EMIT tip#0 day 3 to ann
    03-09 09:30  tip#0 delivered
    ");
}

#[test]
fn in_a_fast_sandbox_it_asks_as_seldom_as_its_windows_are_wide() {
    let mut scene = Scene::new(FOUR, "2026-03-06T15:00");
    scene.definition.sending.window_at_least = Duration::from_hours(200 * 24);
    scene.won("2026-03-06");
    scene.answer = None;
    scene.run_to("2026-09-23T09:00");
    assert!(!scene.story().contains("ASK"));
    scene.run_to("2026-09-23T09:30");
    assert!(!scene.story().contains("ASK"), "200 times 24 hours and not 200 dates: summer time began");
    scene.run_to("2026-09-23T10:30");
    assert!(scene.story().ends_with("ASK welcome#0"));
}

#[test]
fn an_outage_longer_than_the_deadline_is_named_as_the_reason() {
    let mut scene = Scene::new(FOUR, "2026-03-06T15:00");
    scene.won("2026-03-06");
    scene.story();
    scene.sleep_to("2026-06-01T12:00");
    scene.input(&Input::Due);
    assert_snapshot!(scene.story(), @r"
    06-01 12:00  welcome#0 waived: we were not running between 2026-03-07T08:30:00Z and its deadline
    06-01 12:00  tip#0 waived: we were not running between 2026-03-09T08:30:00Z and its deadline
    06-01 12:00  book#0 waived: we were not running between 2026-03-13T08:30:00Z and its deadline
    06-01 12:00  call#0 waived: we were not running between 2026-03-16T08:30:00Z and its deadline
    06-01 12:00  completed
    ");
}

#[test]
fn in_a_fast_sandbox_a_window_is_wide_enough_for_a_pause() {
    let mut scene = Scene::new(FOUR, "2026-03-06T15:00");
    scene.definition.sending.window_at_least = Duration::from_hours(200 * 24);
    scene.won("2026-03-06");
    scene.story();
    scene.sleep_to("2026-06-01T12:00");
    scene.run_to("2026-06-20T00:00");
    assert!(!scene.story().contains("waived"));
    assert_eq!(scene.state.as_ref().and_then(State::next_due), None, "every promise was kept");
}

#[test]
fn a_hold_longer_than_the_deadline_is_named_as_the_reason() {
    let mut scene = Scene::new(FOUR, "2026-03-06T15:00");
    scene.won("2026-03-06");
    scene.input(&Input::Reopened);
    scene.story();
    scene.run_to("2026-06-01T12:00");
    assert_snapshot!(scene.story(), @r"
    03-17 00:00  tip#0 waived: the deal is open again
    03-21 00:00  book#0 waived: the deal is open again
    03-24 00:00  call#0 waived: the deal is open again
    03-28 00:00  welcome#0 waived: the deal is open again
    03-28 00:00  completed
    ");
}

#[test]
fn a_clock_that_jumps_back_sends_nothing_twice_a_day() {
    let mut scene = Scene::new(FOUR, "2026-03-06T15:00");
    scene.won("2026-03-06");
    scene.run_to("2026-03-09T12:00");
    scene.story();
    scene.sleep_to("2026-03-07T12:00");
    scene.input(&Input::Due);
    scene.run_to("2026-03-09T13:00");
    assert_eq!(scene.story(), "");
}
