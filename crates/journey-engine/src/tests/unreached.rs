//! Nobody can be written to, or a gift was not handed over: somebody hears of it, once.

use afterglow_events::proto::{self, DeliveryCause, DeliveryOutcome};
use afterglow_events::{Body, Topic};

use super::on_both_stores;
use crate::scene::{Deal, Dispatcher, Inspect, Kind, World, day};

on_both_stores!(
    refused_addresses_end_in_one_task_and_a_corrected_one_releases_what_waits,
    who_unsubscribed_is_not_tried_again_until_the_deadline,
    a_contact_without_a_first_name_is_asked_for_and_released_by_one,
    a_paid_gift_that_was_not_handed_over_is_told_to_the_owner,
);

fn tasks<S: Inspect>(world: &World<S>) -> Vec<proto::TouchpointDue> {
    let due = world.published.iter().filter_map(|event| match &event.body {
        Body::TouchpointDue(due) if due.channel() == proto::Channel::Task => Some(*due.clone()),
        _ => None,
    });
    due.collect()
}

async fn refused_addresses_end_in_one_task_and_a_corrected_one_releases_what_waits<S: Inspect>(
    mut world: World<S>,
) {
    world.dispatcher = Dispatcher::Refuses(DeliveryCause::AddressRefused, "smtp mx: 550 5.1.1");
    let mut deal = Deal::new("1");
    world.tell(&[deal.event(Kind::Won, 1)]).await;
    world.pass(day(9)).await;
    let due = ["due welcome 0", "due welcome 1", "due no-recipient 0"];
    assert_eq!(world.story(Topic::Touchpoints), due, "the champion, then the contact, then the owner");
    let [task] = tasks(&world).try_into().unwrap();
    assert_eq!(
        task.variables["task.reason"],
        "the deal has no reachable contact who is champion or primary_contact: \
         the champion has an address that does not exist, says its mail server"
    );
    deal.snapshot.contacts[0].email = "right@x.example".to_owned();
    deal.emitted = day(9);
    world.dispatcher = Dispatcher::Delivers;
    world.tell(&[deal.event(Kind::Amended, 2)]).await;
    world.replay().await;
    world.pass(day(11)).await;
    assert_eq!(world.story(Topic::Touchpoints)[3..], ["due welcome 2", "due first-week 0"]);
    world.pass(day(120)).await;
    assert_eq!(tasks(&world).len(), 1);
    assert_eq!(world.story(Topic::Journeys).last().unwrap(), "completed");
}

async fn who_unsubscribed_is_not_tried_again_until_the_deadline<S: Inspect>(mut world: World<S>) {
    world.dispatcher = Dispatcher::Refuses(DeliveryCause::Suppressed, "suppressed: unsubscribed (page)");
    let mut deal = Deal::new("1");
    deal.snapshot.contacts.remove(0);
    world.tell(&[deal.event(Kind::Won, 1)]).await;
    world.pass(day(120)).await;
    assert_eq!(world.story(Topic::Touchpoints), ["due welcome 0", "due no-recipient 0"]);
    let journeys = world.story(Topic::Journeys);
    let why = "the champion wants no mail from us any more";
    let waived = |line: &&String| line.starts_with("waived ") && line.ends_with(why);
    assert_eq!(journeys.iter().filter(waived).count(), 5, "{journeys:?}");
    assert_eq!(journeys.last().unwrap(), "completed");
}

async fn a_contact_without_a_first_name_is_asked_for_and_released_by_one<S: Inspect>(mut world: World<S>) {
    let mut deal = Deal::new("1");
    for contact in &mut deal.snapshot.contacts {
        contact.first_name.clear();
    }
    world.tell(&[deal.event(Kind::Won, 1)]).await;
    world.pass(day(3)).await;
    assert_eq!(world.story(Topic::Touchpoints), ["due no-recipient 0"]);
    "Ann".clone_into(&mut deal.snapshot.contacts[1].first_name);
    deal.emitted = day(3);
    world.tell(&[deal.event(Kind::Amended, 2)]).await;
    world.pass(day(4)).await;
    assert_eq!(world.story(Topic::Touchpoints), ["due no-recipient 0", "due welcome 0"]);
}

async fn a_paid_gift_that_was_not_handed_over_is_told_to_the_owner<S: Inspect>(mut world: World<S>) {
    world.dispatcher = Dispatcher::Slow;
    world.tell(&[Deal::new("1").event(Kind::Won, 1)]).await;
    world.pass(day(1)).await;
    let touchpoint = world.published.last().unwrap().envelope.id.to_string();
    world.spent = Some(proto::Money { minor_units: 2_500, currency_code: "USD".to_owned() });
    world.cause = DeliveryCause::AddressRefused;
    world.answer(&touchpoint, DeliveryOutcome::Failed, "its mail was not sent: 550 5.1.1");
    world.settle().await;
    world.replay().await;
    let [task] = tasks(&world).try_into().unwrap();
    assert_eq!((task.moment.as_str(), task.occurrence), ("gift-not-handed-over", 0));
    assert_eq!(task.recipient.unwrap().email, "mia@vendor.example");
    let why = "the gift of day 1 (welcome): its mail was not sent: 550 5.1.1";
    assert_eq!(task.variables["task.reason"], why);
    let Some(proto::touchpoint_due::Deed::Task(deed)) = task.deed else { panic!("a task") };
    assert!(deed.task.unwrap().source.starts_with("Subject: A gift for {{ account.name }}"));
    assert_eq!(world.story(Topic::Journeys)[1], "failed welcome 0: its mail was not sent: 550 5.1.1");
}
