//! What a deal's later events do.

use std::time::Duration;

use afterglow_domain::Clock;
use afterglow_events::Topic;
use afterglow_events::proto::{self, DeliveryOutcome};

use super::on_both_stores;
use crate::rows::Standing;
use crate::scene::{Deal, Dispatcher, Inspect, Kind, World, day};

on_both_stores!(
    a_lost_deal_ends_at_once_and_takes_back_what_is_under_way,
    a_delivery_that_was_too_late_to_take_back_is_reported_truthfully,
    a_deleted_deal_ends,
    a_reopened_deal_is_held_and_goes_on_when_it_is_won_again,
    a_lost_deal_that_is_won_again_goes_on_and_repeats_nothing_delivered,
    a_gift_that_is_paid_for_is_not_ordered_again_when_the_deal_is_won_again,
    another_close_date_moves_what_waits,
    a_deal_heard_of_too_late_gets_no_journey_and_says_why,
    a_reopening_before_its_win_is_kept,
    a_deal_of_another_home_key_is_parked,
);

async fn a_lost_deal_ends_at_once_and_takes_back_what_is_under_way<S: Inspect>(mut world: World<S>) {
    world.dispatcher = Dispatcher::Dead;
    let deal = Deal::new("1");
    world.tell(&[deal.event(Kind::Won, 1)]).await;
    world.pass(day(1)).await;
    world.tell(&[deal.event(Kind::Lost, 2)]).await;
    assert_eq!(world.story(Topic::Touchpoints), ["due welcome 0", "revoked welcome 0: the deal is lost"]);
    let (tables, timers) = world.store.look().await;
    assert_eq!(tables.enrolments.values().next().unwrap().status(), "closing");
    assert_eq!(timers.len(), 1, "a timer asks again");
    world.dispatcher = Dispatcher::Slow;
    world.pass(day(4)).await;
    let lines = world.story(Topic::Journeys);
    assert_eq!(lines.iter().filter(|line| line.starts_with("waived")).count(), 5);
    assert_eq!(lines[lines.len() - 2..], ["waived welcome 0: the deal is lost", "exited: the deal is lost"]);
    assert_eq!(world.store.look().await.1, []);
}

async fn a_delivery_that_was_too_late_to_take_back_is_reported_truthfully<S: Inspect>(mut world: World<S>) {
    world.dispatcher = Dispatcher::Dead;
    let deal = Deal::new("1");
    world.tell(&[deal.event(Kind::Won, 1)]).await;
    world.pass(day(1)).await;
    let touchpoint = world.published.last().unwrap().envelope.id.to_string();
    world.answer(&touchpoint, DeliveryOutcome::Delivered, "");
    world.tell(&[deal.event(Kind::Lost, 2)]).await;
    let lines = world.story(Topic::Journeys);
    assert!(lines.contains(&"delivered welcome 0".to_owned()), "{lines:?}");
    assert_eq!(lines.last().unwrap(), "exited: the deal is lost");
}

async fn a_deleted_deal_ends<S: Inspect>(mut world: World<S>) {
    let deal = Deal::new("1");
    world.tell(&[deal.event(Kind::Won, 1), deal.event(Kind::Deleted, 2)]).await;
    world.pass(day(120)).await;
    assert_eq!(world.story(Topic::Touchpoints), Vec::<String>::new());
    assert_eq!(world.story(Topic::Journeys).last().unwrap(), "exited: the deal was deleted");
}

async fn a_reopened_deal_is_held_and_goes_on_when_it_is_won_again<S: Inspect>(mut world: World<S>) {
    world.dispatcher = Dispatcher::Slow;
    let mut deal = Deal::new("1");
    world.tell(&[deal.event(Kind::Won, 1)]).await;
    world.pass(day(1)).await;
    world.tell(&[deal.event(Kind::Reopened, 2)]).await;
    world.pass(day(4)).await;
    assert_eq!(
        world.story(Topic::Touchpoints),
        ["due welcome 0", "revoked welcome 0: the deal is open again"]
    );
    world.dispatcher = Dispatcher::Delivers;
    deal.won_no = 2;
    world.tell(&[deal.event(Kind::Won, 3)]).await;
    world.pass(day(120)).await;
    let due = world.story(Topic::Touchpoints);
    assert_eq!(
        due[2..],
        [
            "due welcome 1",
            "due first-week 0",
            "due how-is-it-going 0",
            "due first-month 0",
            "due first-quarter 0"
        ]
    );
    let lines = world.story(Topic::Journeys);
    assert_eq!(lines[..3], ["enrolled", "held", "waived welcome 0: the deal is open again"]);
    assert_eq!(lines[3..5], ["resumed", "replanned: the deal was won again"]);
    assert_eq!(lines.last().unwrap(), "completed");
}

async fn a_lost_deal_that_is_won_again_goes_on_and_repeats_nothing_delivered<S: Inspect>(
    mut world: World<S>,
) {
    let mut deal = Deal::new("1");
    world.tell(&[deal.event(Kind::Won, 1)]).await;
    world.pass(day(2)).await;
    world.tell(&[deal.event(Kind::Lost, 2)]).await;
    world.pass(day(3)).await;
    (deal.won_no, deal.emitted) = (2, day(3));
    world.tell(&[deal.event(Kind::Won, 3)]).await;
    world.pass(day(120)).await;
    let due = world.story(Topic::Touchpoints);
    assert_eq!(
        due,
        [
            "due welcome 0",
            "due first-week 1",
            "due how-is-it-going 1",
            "due first-month 1",
            "due first-quarter 1"
        ]
    );
    assert_eq!(world.story(Topic::Journeys).last().unwrap(), "completed");
}

async fn a_gift_that_is_paid_for_is_not_ordered_again_when_the_deal_is_won_again<S: Inspect>(
    mut world: World<S>,
) {
    // Whatever the dispatcher calls it: what cost money and was not delivered has failed.
    for (id, outcome) in
        [("1", DeliveryOutcome::Failed), ("2", DeliveryOutcome::Revoked), ("3", DeliveryOutcome::Refused)]
    {
        world.dispatcher = Dispatcher::Dead;
        let start = world.published.len();
        let mut deal = Deal::new(id);
        deal.emitted = world.clock.now();
        let today = &deal.emitted.to_string()[..10];
        (deal.snapshot.close_date, deal.snapshot.won_date) = (today.to_owned(), today.to_owned());
        world.tell(&[deal.event(Kind::Won, 1)]).await;
        world.pass(deal.emitted.plus(Duration::from_hours(24))).await;
        let touchpoint = world.published.last().unwrap().envelope.id.to_string();
        world.tell(&[deal.event(Kind::Reopened, 2)]).await;
        world.spent = Some(proto::Money { minor_units: 2_500, currency_code: "USD".to_owned() });
        world.answer(&touchpoint, outcome, "the gift is ordered, its mail was not sent");
        world.settle().await;
        (world.dispatcher, world.spent) = (Dispatcher::Delivers, None);
        (deal.won_no, deal.emitted) = (2, world.clock.now());
        world.tell(&[deal.event(Kind::Won, 3)]).await;
        world.pass(deal.emitted.plus(Duration::from_hours(24 * 120))).await;
        let (touchpoints, journeys) =
            (world.story_since(start, Topic::Touchpoints), world.story_since(start, Topic::Journeys));
        let goes_on = [
            "due gift-not-handed-over 0",
            "due first-week 0",
            "due how-is-it-going 0",
            "due first-month 0",
            "due first-quarter 0",
        ];
        assert_eq!(touchpoints[..2], ["due welcome 0", "revoked welcome 0: the deal is open again"]);
        assert_eq!(touchpoints[2..], goes_on, "{outcome:?}");
        assert_eq!(journeys[2], "failed welcome 0: the gift is ordered, its mail was not sent");
        assert_eq!(journeys.last().unwrap(), "completed");
    }
}

async fn another_close_date_moves_what_waits<S: Inspect>(mut world: World<S>) {
    let mut deal = Deal::new("1");
    world.tell(&[deal.event(Kind::Won, 1)]).await;
    world.pass(day(2)).await;
    deal = deal.closing("2026-03-04");
    deal.emitted = day(2);
    world.tell(&[deal.event(Kind::Amended, 2)]).await;
    assert_eq!(world.story(Topic::Journeys)[2], "replanned: the deal's dates changed");
    world.pass(day(5)).await;
    assert_eq!(world.story(Topic::Touchpoints), ["due welcome 0", "due first-week 0"], "two days earlier");
    let (tables, _) = world.store.look().await;
    let month = tables.enrolments.values().find_map(|row| row.state.promise("first-month")).unwrap();
    assert_eq!(month.planned.to_string(), "2026-04-03T07:30:00Z");
}

async fn a_deal_heard_of_too_late_gets_no_journey_and_says_why<S: Inspect>(mut world: World<S>) {
    let deal = Deal::new("1").closing("2025-03-06");
    world.tell(&[deal.event(Kind::Won, 1), deal.event(Kind::Amended, 2)]).await;
    let [line] = world.story(Topic::Journeys).try_into().unwrap();
    assert!(line.starts_with("declined: day 0 was 365 days ago"), "{line}");
    let (tables, timers) = world.store.look().await;
    assert!(tables.enrolments.is_empty() && timers.is_empty());
    assert!(tables.deals[&deal.deal_ref()].declined.is_some());
}

async fn a_reopening_before_its_win_is_kept<S: Inspect>(mut world: World<S>) {
    let deal = Deal::new("1");
    world.tell(&[deal.event(Kind::Reopened, 2)]).await;
    assert_eq!(world.store.look().await.0.deals[&deal.deal_ref()].rev, 0);
    world.tell(&[deal.event(Kind::Won, 1)]).await;
    let (tables, _) = world.store.look().await;
    let row = &tables.deals[&deal.deal_ref()];
    assert_eq!((row.rev, row.standing), (2, Standing::Open));
    assert_eq!(world.story(Topic::Journeys), ["enrolled", "held"]);
}

async fn a_deal_of_another_home_key_is_parked<S: Inspect>(mut world: World<S>) {
    let (here, there) = (Deal::new("1"), Deal::elsewhere("1"));
    world.tell(&[here.event(Kind::Won, 1)]).await;
    world.tell(&[there.event(Kind::Lost, 2), here.event(Kind::Amended, 2)]).await;
    let [letter] = world.story(Topic::DeadLetters).try_into().unwrap();
    assert!(letter.contains("AG3003") && letter.contains("lives on"), "{letter}");
    assert_eq!(world.store.look().await.0.deals[&here.deal_ref()].standing, Standing::Won);
}
