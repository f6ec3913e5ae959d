//! The pinned semantics, rule by rule, as far as this release has their keys.

use super::scene::{FOUR, Scene, contact, definition};
use crate::input::{DeliveryOutcome, Input};
use crate::state::{Phase, State};
use insta::assert_snapshot;

#[test]
fn a_deal_won_today_gets_each_promise_on_its_day() {
    let mut scene = Scene::new(FOUR, "2026-03-06T15:00");
    scene.won("2026-03-06");
    scene.run_to("2026-05-01T00:00");
    assert_snapshot!(scene.story(), @r"
    03-06 15:00  enrolled
    03-06 15:00  promised welcome#0 for 03-07 09:30 until 03-28 00:00
    03-06 15:00  promised tip#0 for 03-09 09:30 until 03-17 00:00
    03-06 15:00  promised book#0 for 03-13 09:30 until 03-21 00:00
    03-06 15:00  promised call#0 for 03-16 09:30 until 03-24 00:00
    03-07 09:30  EMIT welcome#0 day 1 to ann
    03-07 09:30  welcome#0 delivered
    03-09 09:30  EMIT tip#0 day 3 to ann
    03-09 09:30  tip#0 delivered
    03-13 09:30  EMIT book#0 day 7 to ann
    03-13 09:30  book#0 delivered
    03-16 09:30  EMIT call#0 day 10 to the owner because the journey plans this for day 10
    03-16 09:30  call#0 delivered
    03-16 09:30  completed
    ");
    assert!(scene.state.unwrap().is_terminal());
}

#[test]
fn rule_1_day_0_is_never_later_than_the_day_of_the_win() {
    let mut scene = Scene::new(FOUR, "2026-03-06T15:00");
    scene.won("2026-12-31");
    assert_eq!(scene.state.unwrap().day_zero.to_string(), "2026-03-06");
}

#[test]
fn rule_4_twelve_days_late_sends_skips_and_shifts() {
    let mut scene = Scene::new(FOUR, "2026-03-18T15:00");
    scene.won("2026-03-06");
    scene.run_to("2026-05-01T00:00");
    assert_snapshot!(scene.story(), @r"
    03-18 15:00  enrolled
    03-18 15:00  promised welcome#0 for 03-19 09:30 until 03-28 00:00
    03-18 15:00  promised tip#0 for 03-09 09:30 until 03-17 00:00
    03-18 15:00  tip#0 waived: past at the start
    03-18 15:00  promised book#0 for 03-25 09:30 until 04-02 00:00
    03-18 15:00  promised call#0 for 03-20 09:30 until 03-24 00:00
    03-19 09:30  EMIT welcome#0 day 13 to ann
    03-19 09:30  welcome#0 delivered
    03-20 09:30  EMIT call#0 day 14 to the owner because the journey plans this for day 14
    03-20 09:30  call#0 delivered
    03-25 09:30  EMIT book#0 day 19 to ann
    03-25 09:30  book#0 delivered
    03-25 09:30  completed
    ");
}

/// The day counts, not the hour: at three in the afternoon the moment goes out at once. After the hours
/// it is still no late start, but nobody is written to at a quarter to eight in the evening.
#[test]
fn rule_4_a_day_that_is_not_over_is_no_late_start() {
    for (heard, out) in [
        ("2026-03-07T15:00", "03-07 15:00"),
        ("2026-03-07T17:29", "03-07 17:29"),
        ("2026-03-07T17:30", "03-08 09:30"),
        ("2026-03-07T23:59", "03-08 09:30"),
    ] {
        let mut scene = Scene::new(FOUR, heard);
        scene.won("2026-03-06");
        scene.run_to("2026-03-08T12:00");
        let story = scene.story();
        let on_time = format!("{out}  EMIT welcome#0 day 1 to ann\n{out}  welcome#0 delivered");
        assert!(story.ends_with(&on_time), "{heard}: {story}");
    }
}

#[test]
fn rule_4_much_too_late_there_is_no_journey() {
    let mut scene = Scene::new(FOUR, "2026-04-06T15:00");
    scene.won("2026-03-06");
    assert_snapshot!(scene.story(), @"04-06 15:00  never enrolled: day 0 was 31 days ago (2026-03-06), start_not_after_day is 30");
    assert_eq!(scene.state, None);
}

#[test]
fn rule_4_late_moments_never_come_in_a_burst() {
    let three = "
  - {id: a, day: 1, not_after_day: 30, intent: value, mail: mail.md}
  - {id: b, day: 2, not_after_day: 30, intent: value, mail: mail.md}
  - {id: c, day: 6, not_after_day: 30, intent: value, mail: mail.md}
";
    let mut scene = Scene::new(three, "2026-03-11T15:00");
    scene.won("2026-03-06");
    scene.run_to("2026-05-01T00:00");
    assert_snapshot!(scene.story(), @r"
    03-11 15:00  enrolled
    03-11 15:00  promised a#0 for 03-12 09:30 until 04-06 00:00
    03-11 15:00  promised b#0 for 03-13 09:30 until 04-06 00:00
    03-11 15:00  promised c#0 for 03-12 09:30 until 04-06 00:00
    03-12 09:30  EMIT a#0 day 6 to ann
    03-12 09:30  a#0 delivered
    03-13 09:30  EMIT b#0 day 7 to ann
    03-13 09:30  b#0 delivered
    03-14 09:30  EMIT c#0 day 6 to ann
    03-14 09:30  c#0 late by 48 h
    03-14 09:30  completed
    ");
}

#[test]
fn rule_4_an_outage_of_ours_is_no_late_start() {
    let mut scene = Scene::new(FOUR, "2026-03-06T15:00");
    scene.won("2026-03-06");
    scene.story();
    // Nothing ran from day 0 to day 8 in the small hours: all three wait for the sending time, then
    // go out one per day.
    scene.sleep_to("2026-03-14T03:00");
    scene.run_to("2026-05-01T00:00");
    assert_snapshot!(scene.story(), @r"
    03-14 09:30  EMIT welcome#0 day 1 to ann
    03-14 09:30  welcome#0 late by 168 h
    03-15 09:30  EMIT tip#0 day 3 to ann
    03-15 09:30  tip#0 late by 144 h
    03-16 09:30  EMIT book#0 day 7 to ann
    03-16 09:30  book#0 late by 72 h
    03-17 09:30  EMIT call#0 day 10 to the owner because the journey plans this for day 10
    03-17 09:30  call#0 delivered
    03-17 09:30  completed
    ");
}

#[test]
fn rule_4_a_deal_event_that_we_processed_late_was_heard_when_it_was_emitted() {
    let mut scene = Scene::new(FOUR, "2026-03-06T15:00");
    let facts = scene.facts("2026-03-06");
    scene.sleep_to("2026-03-10T15:00");
    scene.input(&Input::Won(facts));
    scene.run_to("2026-03-12T00:00");
    let story = scene.story();
    assert!(story.contains("EMIT welcome#0") && story.contains("EMIT tip#0"), "{story}");
}

#[test]
fn rule_5_a_changed_close_date_moves_what_is_pending_earlier_too() {
    let mut scene = Scene::new(FOUR, "2026-03-06T15:00");
    scene.won("2026-03-06");
    scene.run_to("2026-03-08T12:00");
    scene.story();
    scene.amended("2026-03-04");
    assert_snapshot!(scene.story(), @r"
    03-08 12:00  tip#0 waived: past at the start
    03-08 12:00  moved book#0 for 03-11 09:30 until 03-19 00:00
    03-08 12:00  moved call#0 for 03-14 09:30 until 03-22 00:00
    ");
    scene.amended("2026-03-04");
    assert_eq!(scene.story(), "", "the same facts again change nothing");
    scene.run_to("2026-03-09T12:00");
    scene.amended("2026-02-20");
    scene.run_to("2026-05-01T00:00");
    assert_snapshot!(scene.story(), @r"
    03-09 12:00  moved book#0 for 03-16 09:30 until 03-24 00:00
    03-09 12:00  call#0 waived: past at the start
    03-16 09:30  EMIT book#0 day 24 to ann
    03-16 09:30  book#0 delivered
    03-16 09:30  completed
    ");
}

#[test]
fn rule_6_two_deals_are_two_journeys() {
    let mut scenes = ["2026-03-06", "2026-03-05"].map(|close| {
        let mut scene = Scene::new(FOUR, "2026-03-06T15:00");
        scene.won(close);
        scene
    });
    scenes[0].input(&Input::Lost);
    scenes[1].run_to("2026-03-06T16:00");
    assert!(matches!(scenes[0].state.as_ref().unwrap().phase, Phase::Exited { .. }));
    assert_eq!(scenes[1].state.as_ref().unwrap().phase, Phase::Active);
    assert!(scenes[1].story().contains("EMIT welcome"));
}

#[test]
fn rule_8_without_a_contact_the_owner_is_asked_once_and_moments_wait() {
    let mut scene = Scene::new(FOUR, "2026-03-06T15:00");
    scene.contacts = vec![contact("bob", "influencer", true), contact("ann", "champion", false)];
    scene.won("2026-03-06");
    scene.run_to("2026-03-10T12:00");
    scene.story();
    let asked = scene.state.as_ref().unwrap().owner_asked;
    assert!(asked);
    scene.contacts = vec![contact("eve", "primary_contact", true)];
    scene.amended("2026-03-06");
    scene.run_to("2026-05-01T00:00");
    assert_snapshot!(scene.story(), @r"
    03-11 09:30  EMIT welcome#0 day 1 to eve
    03-11 09:30  welcome#0 late by 96 h
    03-12 09:30  EMIT tip#0 day 3 to eve
    03-12 09:30  tip#0 late by 72 h
    03-13 09:30  EMIT book#0 day 7 to eve
    03-13 09:30  book#0 delivered
    03-16 09:30  EMIT call#0 day 10 to the owner because the journey plans this for day 10
    03-16 09:30  call#0 delivered
    03-16 09:30  completed
    ");
}

#[test]
fn rule_8_the_task_says_why() {
    let mut scene = Scene::new(FOUR, "2026-03-06T15:00");
    scene.contacts.clear();
    scene.won("2026-03-06");
    scene.run_to("2026-05-01T00:00");
    assert_snapshot!(scene.story(), @r"
    03-06 15:00  enrolled
    03-06 15:00  promised welcome#0 for 03-07 09:30 until 03-28 00:00
    03-06 15:00  promised tip#0 for 03-09 09:30 until 03-17 00:00
    03-06 15:00  promised book#0 for 03-13 09:30 until 03-21 00:00
    03-06 15:00  promised call#0 for 03-16 09:30 until 03-24 00:00
    03-07 09:30  EMIT no-recipient#0 day 1 to the owner because the deal has no reachable contact who is champion or primary_contact
    03-16 09:30  EMIT call#0 day 10 to the owner because the journey plans this for day 10
    03-16 09:30  call#0 delivered
    03-17 00:00  tip#0 waived: the deal has no reachable contact who is champion or primary_contact
    03-21 00:00  book#0 waived: the deal has no reachable contact who is champion or primary_contact
    03-28 00:00  welcome#0 waived: the deal has no reachable contact who is champion or primary_contact
    03-28 00:00  completed
    ");
}

#[test]
fn rule_8_nobody_else_after_a_gift() {
    let mut scene = Scene::new(FOUR, "2026-03-06T15:00");
    scene.won("2026-03-06");
    scene.run_to("2026-03-08T00:00");
    scene.story();
    scene.contacts = vec![contact("ann", "champion", false), contact("eve", "primary_contact", true)];
    scene.amended("2026-03-06");
    scene.run_to("2026-03-10T00:00");
    assert_snapshot!(scene.story(), @"03-09 09:30  EMIT no-recipient#0 day 3 to the owner because the contact who received a gift has no mail address in the CRM, and nobody else takes over silently");
}

#[test]
fn rule_9_a_gift_and_its_mail_are_one_promise() {
    let mut scene = Scene::new(FOUR, "2026-03-06T15:00");
    scene.answer =
        Some(|at| DeliveryOutcome::Delivered { at, without_gift: Some("over the cap".to_owned()) });
    scene.won("2026-03-06");
    scene.run_to("2026-03-08T00:00");
    let story = scene.story();
    assert!(story.ends_with("welcome#0 delivered without gift: over the cap"), "{story}");
    assert_eq!(scene.state.unwrap().gift_contact, None);
}

#[test]
fn a_merge_waives_the_losers_promises_only_if_the_survivor_has_its_own() {
    for (survivor_enrolled, phase) in
        [(true, Phase::Exited { reason: "merged".to_owned() }), (false, Phase::Active)]
    {
        let mut scene = Scene::new(FOUR, "2026-03-06T15:00");
        scene.won("2026-03-06");
        scene.input(&Input::Merged { survivor_enrolled });
        assert_eq!(scene.state.unwrap().phase, phase);
    }
}

#[test]
fn without_an_enrolment_only_a_win_does_anything() {
    let mut scene = Scene::new(FOUR, "2026-03-06T15:00");
    for input in [Input::Reopened, Input::Lost, Input::Deleted, Input::Due] {
        scene.input(&input);
    }
    scene.amended("2026-03-06");
    scene.delivery("welcome", 0, DeliveryOutcome::Revoked);
    assert_eq!((scene.story(), scene.state), (String::new(), None));
}

#[test]
fn a_state_survives_its_bytes_and_refuses_others() {
    let mut scene = Scene::new(FOUR, "2026-03-06T15:00");
    scene.won("2026-03-06");
    let state = scene.state.unwrap();
    assert_eq!(State::from_bytes(crate::STATE_VERSION, &state.to_bytes()).unwrap(), state);
    assert!(State::from_bytes(4, &state.to_bytes()).unwrap_err().to_string().contains("version 4"));
    assert!(State::from_bytes(crate::STATE_VERSION, b"{}").is_err());
    assert_eq!(definition(FOUR).moments.len(), state.promises.len());
}
