//! The main story: a deal is won, and every promised moment happens.

use std::collections::BTreeSet;

use afterglow_domain::Clock;
use afterglow_events::{Body, Encoding, Event, Topic, convert, proto};
use afterglow_journey::{Phase, Status};

use super::on_both_stores;
use crate::scene::{Deal, Dispatcher, FIVE_DAYS, Inspect, Kind, World, day};

on_both_stores!(
    every_moment_of_ninety_days_happens,
    a_touchpoint_carries_everything_the_dispatcher_needs,
    a_replay_of_the_whole_log_changes_nothing,
    a_refused_moment_is_tried_again_as_its_next_occurrence,
    a_failed_moment_is_closed_with_its_reason,
    no_answer_means_no_end_and_no_second_touchpoint,
    a_touchpoint_that_got_lost_is_told_again,
    late_is_recorded_as_late,
    what_belongs_to_nobody_is_ignored_and_what_is_wrong_is_parked,
    a_postponed_timer_still_looks,
);

fn due_events<S: Inspect>(world: &World<S>) -> Vec<proto::TouchpointDue> {
    let due = |event: &Event| match &event.body {
        Body::TouchpointDue(due) => Some(*due.clone()),
        _ => None,
    };
    world.published.iter().filter_map(due).collect()
}

async fn every_moment_of_ninety_days_happens<S: Inspect>(mut world: World<S>) {
    world.tell(&[Deal::new("1").event(Kind::Won, 1)]).await;
    world.pass(day(120)).await;
    let due = due_events(&world);
    let days: Vec<(&str, i32)> = due.iter().map(|due| (due.moment.as_str(), due.day)).collect();
    assert_eq!(days, FIVE_DAYS);
    let journeys = world.story(Topic::Journeys);
    assert_eq!(journeys.first().unwrap(), "enrolled");
    assert_eq!(journeys.last().unwrap(), "completed");
    assert_eq!(journeys.iter().filter(|line| line.starts_with("delivered")).count(), 5);
    assert_eq!(journeys.len(), 7);
    let (tables, timers) = world.store.look().await;
    assert!(tables.obligations.values().all(|row| row.closed.outcome == "delivered"));
    assert_eq!((tables.obligations.len(), timers.len()), (5, 0));
    assert_eq!(tables.links.len(), 1);
}

async fn a_touchpoint_carries_everything_the_dispatcher_needs<S: Inspect>(mut world: World<S>) {
    let mut won = Deal::new("1").event(Kind::Won, 1);
    won.envelope.traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
    world.tell(&[won.clone()]).await;
    world.pass(day(1)).await;
    let [due] = due_events(&world).try_into().unwrap();
    let recipient = due.recipient.clone().unwrap();
    assert_eq!(
        (recipient.contact_id.as_str(), recipient.email.as_str()),
        ("12", "c@x.example"),
        "the champion"
    );
    assert_eq!(due.owner.clone().unwrap().email, "mia@vendor.example");
    assert_eq!((due.account.as_str(), due.journey_version, due.occurrence), ("hubspot:33:9001", 1, 0));
    assert_eq!(due.budget_cap.as_ref().unwrap().minor_units, 40_000);
    let variables: Vec<(&str, &str)> = due.variables.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let expected =
        [("account.name", "Northwind GmbH"), ("deal.name", "Deal 1"), ("sender.company", "Vendor Inc")];
    assert_eq!(variables, expected);
    let Some(proto::touchpoint_due::Deed::Gift(gift)) = &due.deed else { panic!("a gift") };
    assert!(gift.mail.as_ref().unwrap().source.contains("{{ gift.link }}"), "the text, not filled in");
    assert_eq!(gift.mail_without_gift.as_ref().unwrap().name, "mail.md");
    let planned = convert::from_timestamp(due.planned_at.as_ref()).unwrap();
    assert_eq!(planned.to_string(), "2026-03-07T08:30:00Z");
    let event = world.published.iter().find(|event| event.body.topic() == Topic::Touchpoints).unwrap();
    assert_eq!(event.envelope.id.to_string(), due.touchpoint_id);
    assert_eq!(event.envelope.traceparent, won.envelope.traceparent, "the trace outlives the wait");
    assert_eq!(event.envelope.source, "/afterglow/journey-engine");
}

async fn a_replay_of_the_whole_log_changes_nothing<S: Inspect>(mut world: World<S>) {
    world.tell(&[Deal::new("1").event(Kind::Won, 1), Deal::new("2").event(Kind::Won, 1)]).await;
    world.pass(day(40)).await;
    let (before, count) = (world.store.look().await, world.published.len());
    world.replay().await;
    assert_eq!(world.store.look().await, before);
    assert_eq!(world.published.len(), count);
}

async fn a_refused_moment_is_tried_again_as_its_next_occurrence<S: Inspect>(mut world: World<S>) {
    world.dispatcher = Dispatcher::Says(proto::DeliveryOutcome::Refused, "over the cap");
    world.tell(&[Deal::new("1").event(Kind::Won, 1)]).await;
    world.pass(day(2)).await;
    world.dispatcher = Dispatcher::Delivers;
    world.pass(day(6)).await;
    assert_eq!(world.story(Topic::Touchpoints), ["due welcome 0", "due welcome 1"]);
    // Three days after the refusal it is more than a day late.
    let expected =
        ["enrolled", "waived welcome 0: over the cap", "replanned: a touchpoint came back", "late welcome 1"];
    assert_eq!(world.story(Topic::Journeys), expected);
}

async fn a_failed_moment_is_closed_with_its_reason<S: Inspect>(mut world: World<S>) {
    world.dispatcher = Dispatcher::Says(proto::DeliveryOutcome::Failed, "");
    world.tell(&[Deal::new("1").event(Kind::Won, 1)]).await;
    world.pass(day(2)).await;
    assert_eq!(world.story(Topic::Journeys), ["enrolled", "failed welcome 0: failed"]);
}

async fn no_answer_means_no_end_and_no_second_touchpoint<S: Inspect>(mut world: World<S>) {
    world.dispatcher = Dispatcher::Dead;
    world.tell(&[Deal::new("1").event(Kind::Won, 1)]).await;
    world.pass(day(130)).await;
    let told = due_events(&world);
    let ids: BTreeSet<&str> = told.iter().map(|due| due.touchpoint_id.as_str()).collect();
    assert_eq!(ids.len(), 5, "five touchpoints, however often they are told");
    assert!(told.len() > 5 * 20, "each daily: {}", told.len());
    assert!(told.iter().all(|due| due.occurrence == 0));
    for due in &told {
        let first = told.iter().find(|first| first.touchpoint_id == due.touchpoint_id);
        assert_eq!(first, Some(due), "the same event each time");
    }
    assert_eq!(world.story(Topic::Journeys), ["enrolled"]);
    let (tables, timers) = world.store.look().await;
    let row = tables.enrolments.values().next().unwrap();
    assert_eq!((row.state.phase.clone(), timers.len()), (Phase::Active, 1), "and it asks again");
    assert!(row.state.promises.iter().all(|promise| matches!(promise.status, Status::Emitted { .. })));
}

async fn a_touchpoint_that_got_lost_is_told_again<S: Inspect>(mut world: World<S>) {
    world.dispatcher = Dispatcher::Dead;
    world.tell(&[Deal::new("1").event(Kind::Won, 1)]).await;
    world.pass(day(1)).await;
    world.dispatcher = Dispatcher::Delivers;
    world.pass(day(2)).await;
    assert_eq!(world.story(Topic::Touchpoints), ["due welcome 0", "due welcome 0"]);
    assert_eq!(world.story(Topic::Journeys), ["enrolled", "delivered welcome 0"]);
    world.pass(day(120)).await;
    assert_eq!(world.story(Topic::Touchpoints).len(), 6, "what is answered is not told again");
    assert_eq!(world.story(Topic::Journeys).last().unwrap(), "completed");
}

async fn late_is_recorded_as_late<S: Inspect>(mut world: World<S>) {
    world.dispatcher = Dispatcher::Slow;
    world.tell(&[Deal::new("1").event(Kind::Won, 1)]).await;
    world.pass(day(4)).await;
    let touchpoint = due_events(&world)[0].touchpoint_id.clone();
    world.answer(&touchpoint, proto::DeliveryOutcome::Delivered, "");
    world.settle().await;
    assert_eq!(world.story(Topic::Journeys), ["enrolled", "late welcome 0"]);
}

async fn what_belongs_to_nobody_is_ignored_and_what_is_wrong_is_parked<S: Inspect>(mut world: World<S>) {
    world.tell(&[Deal::new("1").event(Kind::Won, 1)]).await;
    world.pass(day(1)).await;
    let due = due_events(&world)[0].clone();
    let of = |enrolment_id: String| proto::DeliveryOf {
        enrolment_id,
        moment: due.moment.clone(),
        ..Default::default()
    };
    let concluded = |of| proto::DeliveryConcluded { of, ..Default::default() };
    let mut event = Deal::new("1").event(Kind::Won, 1);
    event.body = concluded(Some(of(uuid::Uuid::nil().to_string()))).into();
    world.tell(&[event.clone()]).await;
    assert_eq!(world.story(Topic::DeadLetters), Vec::<String>::new());
    let mut signal = event.clone();
    signal.body = proto::Signal::default().into();
    world.tell(&[signal.clone(), signal]).await;
    assert_eq!(world.story(Topic::DeadLetters), Vec::<String>::new());
    let mut elsewhere = event.clone();
    elsewhere.body = concluded(Some(of(due.enrolment_id.clone()))).into();
    elsewhere.envelope.subject = "acme/hubspot:33:77".to_owned();
    event.body = concluded(None).into();
    let nameless = Event { body: proto::DealWon { rev: 1, ..Default::default() }.into(), ..event.clone() };
    assert_eq!(elsewhere.to_record(Encoding::Protobuf).key_text(), "acme/hubspot:33:77");
    world.tell(&[elsewhere, event, nameless]).await;
    let letters = world.story(Topic::DeadLetters);
    assert_eq!(letters.len(), 3, "{letters:?}");
    assert!(letters.iter().all(|letter| letter.contains("AG3003")), "{letters:?}");
}

async fn a_postponed_timer_still_looks<S: Inspect>(mut world: World<S>) {
    use afterglow_durable::{ShardSet, Tx, Writes};
    world.tell(&[Deal::new("1").event(Kind::Won, 1)]).await;
    let (_, timers) = world.store.look().await;
    // What the loop does to a timer whose decision failed: an hour later, behind the row's back.
    let late =
        afterglow_durable::Timer { due: timers[0].due.plus(std::time::Duration::from_hours(1)), ..timers[0] };
    let mut tx = world.store.begin(&ShardSet::new([late.shard])).await.unwrap();
    tx.write(Writes { disarm: timers, arm: vec![late], ..Writes::default() }).await.unwrap();
    tx.commit().await.unwrap();
    world.pass(day(1)).await;
    assert!(world.clock.now() == day(1));
    assert_eq!(world.story(Topic::Touchpoints), ["due welcome 0"]);
}
