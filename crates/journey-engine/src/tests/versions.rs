//! A journey's versions: immutable, newest for new deals, pinned for those in flight.

use afterglow_domain::{Clock, Tenant};
use afterglow_events::{Body, proto};

use super::on_both_stores;
use crate::publish::{Version, publish};
use crate::scene::{Deal, Inspect, Kind, World, day, journey};

on_both_stores!(
    unchanged_content_is_the_same_version_and_changed_content_the_next,
    enrolments_in_flight_keep_their_version_and_new_ones_take_the_newest,
    a_journey_that_left_the_configuration_takes_no_new_deals_and_runs_on,
    a_deal_enters_every_journey_once,
    two_journeys_of_one_name_are_refused,
);

fn version(journey: &str, version: u32, new: bool) -> Version {
    Version { journey: journey.to_owned(), version, new }
}

/// Deal and greeting of every touchpoint.
fn greetings<S: Inspect>(world: &World<S>) -> Vec<(String, String, i32)> {
    let due = world.published.iter().filter_map(|event| match &event.body {
        Body::TouchpointDue(due) => Some(due.as_ref()),
        _ => None,
    });
    let greeting = |due: &proto::TouchpointDue| match due.deed.as_ref().unwrap() {
        proto::touchpoint_due::Deed::Gift(gift) => gift.mail.clone().unwrap().source,
        proto::touchpoint_due::Deed::Mail(mail) => mail.mail.clone().unwrap().source,
        proto::touchpoint_due::Deed::Task(task) => task.task.clone().unwrap().source,
    };
    let line = |due: &proto::TouchpointDue| {
        let subject = greeting(due).lines().next().unwrap().trim_start_matches("Subject: ").to_owned();
        (due.moment.clone(), subject, due.journey_version)
    };
    due.map(line).collect()
}

async fn unchanged_content_is_the_same_version_and_changed_content_the_next<S: Inspect>(mut world: World<S>) {
    assert_eq!(world.publish(&[("first-90-days", "Hello")]).await, [version("first-90-days", 1, false)]);
    assert_eq!(world.publish(&[("first-90-days", "Hi")]).await, [version("first-90-days", 2, true)]);
    assert_eq!(world.publish(&[("first-90-days", "Hi")]).await, [version("first-90-days", 2, false)]);
    assert_eq!(
        world.publish(&[("first-90-days", "Hello")]).await,
        [version("first-90-days", 3, true)],
        "never back"
    );
    let (tables, _) = world.store.look().await;
    assert_eq!(tables.definitions.len(), 3);
    assert!(tables.definitions.values().all(|published| published.definition().is_ok()));
}

async fn enrolments_in_flight_keep_their_version_and_new_ones_take_the_newest<S: Inspect>(
    mut world: World<S>,
) {
    world.tell(&[Deal::new("1").event(Kind::Won, 1)]).await;
    world.publish(&[("first-90-days", "Hi")]).await;
    world.tell(&[Deal::new("2").event(Kind::Won, 1)]).await;
    world.pass(day(1)).await;
    let mut lines = greetings(&world);
    lines.sort();
    let expected = [("welcome", "Hello", 1), ("welcome", "Hi", 2)];
    assert_eq!(
        lines,
        expected.map(|(moment, subject, version)| (moment.to_owned(), subject.to_owned(), version))
    );
}

async fn a_journey_that_left_the_configuration_takes_no_new_deals_and_runs_on<S: Inspect>(
    mut world: World<S>,
) {
    world.tell(&[Deal::new("1").event(Kind::Won, 1)]).await;
    world.publish(&[]).await;
    world.tell(&[Deal::new("2").event(Kind::Won, 1)]).await;
    world.pass(day(120)).await;
    assert_eq!(greetings(&world).len(), 5);
    assert_eq!(world.store.look().await.0.enrolments.len(), 1);
}

async fn a_deal_enters_every_journey_once<S: Inspect>(mut world: World<S>) {
    world.publish(&[("first-90-days", "Hello"), ("second", "Hey")]).await;
    let mut deal = Deal::new("1");
    world.tell(&[deal.event(Kind::Won, 1), deal.event(Kind::Reopened, 2)]).await;
    deal.won_no = 2;
    world.tell(&[deal.event(Kind::Won, 3)]).await;
    let (tables, timers) = world.store.look().await;
    assert_eq!((tables.enrolments.len(), timers.len()), (2, 2));
    world.pass(day(1)).await;
    assert_eq!(greetings(&world).len(), 2);
}

async fn two_journeys_of_one_name_are_refused<S: Inspect>(world: World<S>) {
    let tenant = Tenant::new("acme").unwrap();
    let twice = vec![journey("same", "a"), journey("same", "b")];
    let refused = publish(&world.store, &tenant, twice, world.clock.now()).await.unwrap_err();
    assert!(refused.to_string().contains("rename one"));
}
