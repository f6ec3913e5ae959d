//! The hours in which people are reached, and what goes first when several wait for them.

use std::time::Duration;

use super::scene::{FOUR, Scene};
use crate::input::{DeliveryOutcome, Input};
use insta::assert_snapshot;

/// A mail that can go on its own day only.
const TODAY_ONLY: &str = "
  - {id: a, day: 1, not_after_day: 1, intent: value, mail: mail.md}
";

#[test]
fn after_the_hours_a_moment_waits_for_the_next_days_slot_and_says_why() {
    let mut scene = Scene::new(FOUR, "2026-03-07T19:45");
    scene.won("2026-03-06");
    let state = scene.state.as_ref().unwrap();
    let waits = format!("{:?}", state.promise("welcome").unwrap().status);
    assert!(waits.contains("not reached so late in the day"), "{waits}");
    assert_eq!(state.next_due(), Some(scene.instant("2026-03-08T09:30")));
}

#[test]
fn a_promise_that_would_be_broken_by_waiting_goes_at_once() {
    let mut scene = Scene::new(TODAY_ONLY, "2026-03-07T23:58");
    scene.won("2026-03-06");
    assert!(scene.story().contains("03-07 23:58  EMIT a#0 day 1 to ann"));
}

#[test]
fn the_day_never_ends_early_in_a_fast_sandbox() {
    let mut scene = Scene::new(FOUR, "2026-03-07T23:58");
    scene.definition.sending.window_at_least = Duration::from_hours(600 * 24);
    scene.won("2026-03-06");
    assert!(scene.story().contains("03-07 23:58  EMIT welcome#0 day 1 to ann"));
}

#[test]
fn a_late_welcome_comes_before_the_first_week_that_is_due_today() {
    let both = "
  - {id: welcome, day: 1, not_after_day: 21, intent: welcome, mail: mail.md}
  - {id: first-week, day: 7, not_after_day: 14, intent: check_in, mail: mail.md}
";
    for (heard, welcome, first_week) in [
        ("2026-03-12T15:00", "03-13 09:30", "03-14 09:30"),
        ("2026-03-13T08:00", "03-13 09:30", "03-14 09:30"),
        ("2026-03-13T15:00", "03-13 15:00", "03-14 09:30"),
        ("2026-03-13T19:45", "03-14 09:30", "03-15 09:30"),
    ] {
        let mut scene = Scene::new(both, heard);
        scene.won("2026-03-06");
        scene.run_to("2026-04-01T00:00");
        let story = scene.story();
        assert!(story.contains(&format!("{welcome}  EMIT welcome#0")), "{heard}: {story}");
        assert!(story.contains(&format!("{first_week}  EMIT first-week#0")), "{heard}: {story}");
    }
}

#[test]
fn what_can_only_go_today_goes_before_a_late_one() {
    let both = "
  - {id: welcome, day: 1, not_after_day: 21, intent: welcome, mail: mail.md}
  - {id: today, day: 7, not_after_day: 7, intent: value, mail: mail.md}
";
    let mut scene = Scene::new(both, "2026-03-13T15:00");
    scene.won("2026-03-06");
    scene.run_to("2026-03-15T00:00");
    assert_snapshot!(scene.story(), @r"
    03-13 15:00  enrolled
    03-13 15:00  promised welcome#0 for 03-13 09:30 until 03-28 00:00
    03-13 15:00  promised today#0 for 03-13 09:30 until 03-14 00:00
    03-13 15:00  EMIT today#0 day 7 to ann
    03-13 15:00  today#0 delivered
    03-14 09:30  EMIT welcome#0 day 7 to ann
    03-14 09:30  welcome#0 delivered
    03-14 09:30  completed
    ");
}

#[test]
fn a_late_one_that_would_cost_another_its_day_stays_away() {
    let days: Vec<String> = (1..=30)
        .map(|day| {
            format!(
                "  - {{id: m{day}, day: {day}, not_after_day: {}, intent: value, mail: mail.md}}\n",
                day + 3
            )
        })
        .collect();
    let mut scene = Scene::new(&format!("\n{}", days.concat()), "2026-03-11T12:00");
    scene.won("2026-03-06");
    scene.run_to("2026-05-01T00:00");
    let story = scene.story();
    assert_eq!(story.matches("waived: past at the start").count(), 4, "{story}");
    assert_eq!(story.matches("EMIT").count(), 26, "{story}");
    assert!(!story.contains("late by"), "{story}");
}

#[test]
fn the_next_days_slot_is_on_time_also_when_summer_time_ends() {
    // Planned for the Saturday before the clock goes back: its next slot is 25 hours later.
    let mut scene = Scene::new(FOUR, "2026-10-24T19:45");
    scene.answer = None;
    scene.won("2026-10-23");
    scene.run_to("2026-10-25T09:30");
    let at = scene.now.plus(Duration::from_secs(90));
    scene.delivery("welcome", 0, DeliveryOutcome::Delivered { at, without_gift: None });
    assert!(scene.story().ends_with("welcome#0 delivered"));
}

#[test]
fn a_task_for_the_owner_keeps_the_same_hours() {
    let mut scene = Scene::new(FOUR, "2026-03-07T19:45");
    scene.contacts.clear();
    scene.won("2026-03-06");
    scene.input(&Input::Due);
    assert!(!scene.story().contains("EMIT"));
    scene.run_to("2026-03-08T12:00");
    assert!(scene.story().starts_with("03-08 09:30  EMIT no-recipient#0"));
}
