//! Rule 8 where the answer of a mail server or a person says it: a contact whose address takes no mail is
//! a missing contact. And rule 9: a gift that is paid for and not handed over is told.

use super::scene::{FOUR, Scene, contact};
use crate::input::{Contact, DeliveryOutcome, Obstacle};
use insta::assert_snapshot;

fn bounced() -> DeliveryOutcome {
    let reason = "smtp mx: 550 5.1.1 at RCPT TO".to_owned();
    DeliveryOutcome::Refused { reason, obstacle: Some(Obstacle::AddressRefused) }
}

fn unsubscribed() -> DeliveryOutcome {
    let reason = "suppressed: unsubscribed (one click)".to_owned();
    DeliveryOutcome::Refused { reason, obstacle: Some(Obstacle::Suppressed) }
}

fn delivered(at: afterglow_domain::Timestamp) -> DeliveryOutcome {
    DeliveryOutcome::Delivered { at, without_gift: None }
}

/// Two days after the win, the welcome came back because of its address.
fn scene_with_a_refused_address(answer: fn() -> DeliveryOutcome) -> Scene {
    let mut scene = Scene::new(FOUR, "2026-03-06T15:00");
    scene.answer = None;
    scene.won("2026-03-06");
    scene.run_to("2026-03-07T12:00");
    scene.delivery("welcome", 0, answer());
    scene.answer = Some(delivered);
    scene
}

#[test]
fn rule_8_after_a_bounce_the_owner_is_asked_once_and_nothing_is_tried_again() {
    let mut scene = scene_with_a_refused_address(bounced);
    scene.run_to("2026-05-01T00:00");
    assert_snapshot!(scene.story(), @r"
    03-06 15:00  enrolled
    03-06 15:00  promised welcome#0 for 03-07 09:30 until 03-28 00:00
    03-06 15:00  promised tip#0 for 03-09 09:30 until 03-17 00:00
    03-06 15:00  promised book#0 for 03-13 09:30 until 03-21 00:00
    03-06 15:00  promised call#0 for 03-16 09:30 until 03-24 00:00
    03-07 09:30  EMIT welcome#0 day 1 to ann
    03-07 12:00  welcome#0 waived: smtp mx: 550 5.1.1 at RCPT TO
    03-07 12:00  EMIT no-recipient#0 day 1 to the owner because the deal has no reachable contact who is champion or primary_contact: the champion has an address that does not exist, says its mail server
    03-07 12:00  promised welcome#1 for 03-07 09:30 until 03-28 00:00
    03-16 09:30  EMIT call#0 day 10 to the owner because the journey plans this for day 10
    03-16 09:30  call#0 delivered
    03-17 00:00  tip#0 waived: the deal has no reachable contact who is champion or primary_contact: the champion has an address that does not exist, says its mail server
    03-21 00:00  book#0 waived: the deal has no reachable contact who is champion or primary_contact: the champion has an address that does not exist, says its mail server
    03-28 00:00  welcome#1 waived: the deal has no reachable contact who is champion or primary_contact: the champion has an address that does not exist, says its mail server
    03-28 00:00  completed
    ");
}

#[test]
fn rule_8_who_unsubscribed_is_a_missing_contact_and_the_task_says_so() {
    let mut scene = scene_with_a_refused_address(unsubscribed);
    let story = scene.story();
    let why = "the deal has no reachable contact who is champion or primary_contact: the champion wants no mail from us any more";
    assert!(story.contains(&format!("EMIT no-recipient#0 day 1 to the owner because {why}")), "{story}");
    scene.run_to("2026-03-28T12:00");
    assert!(scene.story().contains(&format!("welcome#1 waived: {why}")));
}

#[test]
fn rule_8_a_corrected_address_releases_what_waits_one_a_day() {
    let mut scene = scene_with_a_refused_address(bounced);
    scene.run_to("2026-03-14T12:00");
    scene.story();
    scene.amended("2026-03-06");
    scene.run_to("2026-03-15T12:00");
    assert_eq!(scene.story(), "", "the same address again is no news");
    scene.contacts = vec![Contact { address: 2, ..contact("ann", "champion", true) }];
    scene.amended("2026-03-06");
    scene.run_to("2026-05-01T00:00");
    assert_snapshot!(scene.story(), @r"
    03-16 09:30  EMIT tip#0 day 3 to ann
    03-16 09:30  tip#0 late by 168 h
    03-17 09:30  EMIT welcome#1 day 1 to ann
    03-17 09:30  welcome#1 late by 240 h
    03-18 09:30  EMIT book#0 day 7 to ann
    03-18 09:30  book#0 late by 120 h
    03-19 09:30  EMIT call#0 day 10 to the owner because the journey plans this for day 10
    03-19 09:30  call#0 late by 72 h
    03-19 09:30  completed
    ");
}

#[test]
fn rule_8_another_contact_releases_what_waits() {
    let mut scene = scene_with_a_refused_address(unsubscribed);
    scene.story();
    scene.contacts.push(contact("eve", "primary_contact", true));
    scene.amended("2026-03-06");
    scene.run_to("2026-03-10T00:00");
    assert_snapshot!(scene.story(), @r"
    03-08 09:30  EMIT welcome#1 day 1 to eve
    03-08 09:30  welcome#1 delivered
    03-09 09:30  EMIT tip#0 day 3 to eve
    03-09 09:30  tip#0 delivered
    ");
}

#[test]
fn rule_8_who_can_take_over_at_once_does_and_the_owner_is_not_asked() {
    let mut scene = Scene::new(FOUR, "2026-03-06T15:00");
    scene.contacts.push(contact("eve", "primary_contact", true));
    scene.answer = None;
    scene.won("2026-03-06");
    scene.run_to("2026-03-07T12:00");
    scene.delivery("welcome", 0, bounced());
    scene.story();
    scene.run_to("2026-03-09T00:00");
    assert_snapshot!(scene.story(), @"03-08 09:30  EMIT welcome#1 day 1 to eve");
}

#[test]
fn an_answer_about_an_address_that_was_corrected_meanwhile_bars_nobody() {
    let mut scene = Scene::new(FOUR, "2026-03-06T15:00");
    scene.answer = None;
    scene.won("2026-03-06");
    scene.run_to("2026-03-07T12:00");
    scene.contacts = vec![Contact { address: 2, ..contact("ann", "champion", true) }];
    scene.amended("2026-03-06");
    scene.delivery("welcome", 0, bounced());
    scene.story();
    scene.run_to("2026-03-08T12:00");
    assert_eq!(scene.story(), "03-08 09:30  EMIT welcome#1 day 1 to ann");
}

#[test]
fn a_contact_without_a_first_name_waits_for_it() {
    let mut scene = Scene::new(FOUR, "2026-03-06T15:00");
    let ann = contact("ann", "champion", true);
    scene.contacts = vec![Contact { obstacle: Some(Obstacle::NoFirstName), ..ann.clone() }];
    scene.won("2026-03-06");
    scene.run_to("2026-03-08T12:00");
    let story = scene.story();
    assert!(story.ends_with("primary_contact: the champion has no first name in the CRM"), "{story}");
    assert_eq!(story.matches("EMIT").count(), 1, "one task and nothing else: {story}");
    scene.contacts = vec![ann];
    scene.amended("2026-03-06");
    scene.run_to("2026-03-09T12:00");
    assert!(scene.story().contains("03-09 09:30  EMIT welcome#0 day 1 to ann"));
}

#[test]
fn without_an_owner_there_is_nobody_to_ask_until_there_is() {
    let mut scene = Scene::new(FOUR, "2026-03-06T15:00");
    (scene.owner_reachable, scene.contacts) = (false, Vec::new());
    scene.won("2026-03-06");
    scene.run_to("2026-03-08T00:00");
    assert!(scene.story().contains("03-07 09:30  nobody to ask: the deal has no reachable contact"));
    scene.owner_reachable = true;
    scene.amended("2026-03-06");
    scene.run_to("2026-03-10T00:00");
    assert_eq!(scene.story().matches("EMIT no-recipient#0").count(), 1);
}

#[test]
fn rule_9_a_gift_that_was_paid_for_and_not_handed_over_is_told_to_the_owner_each_once() {
    let lost = |reason: &str| DeliveryOutcome::Failed {
        reason: format!("the gift is ordered, but its mail was not sent: {reason}"),
        spent: true,
        obstacle: Some(Obstacle::AddressRefused),
    };
    let mut scene = Scene::new(FOUR, "2026-03-06T15:00");
    scene.contacts.push(contact("eve", "primary_contact", true));
    scene.won("2026-03-06");
    scene.answer = None;
    scene.run_to("2026-03-07T12:00");
    scene.story();
    scene.delivery("welcome", 0, lost("550"));
    scene.delivery("welcome", 0, lost("550"));
    scene.answer = Some(delivered);
    scene.run_to("2026-03-12T12:00");
    scene.answer = None;
    scene.run_to("2026-03-13T12:00");
    scene.delivery("book", 0, lost("551"));
    assert_snapshot!(scene.story(), @r"
    03-07 12:00  EMIT gift-not-handed-over#0 day 1 to the owner because the gift of day 1 (welcome): the gift is ordered, but its mail was not sent: 550
    03-07 12:00  welcome#0 failed: the gift is ordered, but its mail was not sent: 550
    03-09 09:30  EMIT tip#0 day 3 to eve
    03-09 09:30  tip#0 delivered
    03-13 09:30  EMIT book#0 day 7 to eve
    03-13 12:00  EMIT gift-not-handed-over#1 day 7 to the owner because the gift of day 7 (book): the gift is ordered, but its mail was not sent: 551
    03-13 12:00  book#0 failed: the gift is ordered, but its mail was not sent: 551
    ");
}
