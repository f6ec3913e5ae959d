//! Two deals become one.

use afterglow_domain::Shard;
use afterglow_durable::turns::{Handler, Incoming};
use afterglow_durable::{Error, ShardSet};
use afterglow_events::{Encoding, Event, Received, Topic, proto};

use super::on_both_stores;
use crate::scene::{Deal, Inspect, Kind, World, day};

on_both_stores!(
    an_enrolment_passes_to_a_survivor_without_one,
    where_both_had_one_the_losers_promises_are_waived,
    a_survivor_on_another_home_key_ends_what_it_took_over,
    a_survivor_that_is_lost_ends_what_passes_to_it,
    a_survivor_that_is_won_only_later_goes_on_with_what_passed,
    a_merge_that_waited_for_its_turn_finds_its_survivor,
    a_shard_found_late_repeats_the_turn_with_both,
);

async fn an_enrolment_passes_to_a_survivor_without_one<S: Inspect>(mut world: World<S>) {
    let (loser, mut survivor) = (Deal::new("1"), Deal::new("2"));
    world.tell(&[loser.event(Kind::Won, 1)]).await;
    world.pass(day(2)).await;
    survivor.snapshot.contacts.truncate(1);
    world.tell(&[loser.merged_into(&survivor, 2, survivor.home.as_str())]).await;
    world.tell(&[survivor.event(Kind::Won, 1)]).await;
    world.pass(day(120)).await;
    let (tables, _) = world.store.look().await;
    let [row] = tables.enrolments.values().collect::<Vec<_>>().try_into().unwrap();
    assert_eq!((&row.deal, &row.home), (&survivor.deal_ref(), &loser.home));
    // The champion of the loser received the first gift and is not the survivor's: nobody takes over
    // silently, the owner is asked once.
    let due = world.story(Topic::Touchpoints);
    assert_eq!(due, ["due welcome 0", "due no-recipient 0"]);
    assert_eq!(world.story(Topic::Journeys).last().unwrap(), "completed");
}

async fn where_both_had_one_the_losers_promises_are_waived<S: Inspect>(mut world: World<S>) {
    let (loser, survivor) = (Deal::new("1"), Deal::new("2"));
    world.tell(&[loser.event(Kind::Won, 1), survivor.event(Kind::Won, 1)]).await;
    world.tell(&[loser.merged_into(&survivor, 2, survivor.home.as_str())]).await;
    world.pass(day(120)).await;
    let lines = world.story(Topic::Journeys);
    assert_eq!(lines.iter().filter(|line| line.ends_with(": merged")).count(), 6, "{lines:?}");
    assert_eq!(world.story(Topic::Touchpoints).len(), 5, "the survivor's");
    assert_eq!(lines.last().unwrap(), "completed");
}

async fn a_survivor_on_another_home_key_ends_what_it_took_over<S: Inspect>(mut world: World<S>) {
    let (loser, survivor) = (Deal::new("1"), Deal::elsewhere("2"));
    world.tell(&[loser.event(Kind::Won, 1)]).await;
    world.tell(&[loser.merged_into(&survivor, 2, "")]).await;
    world.tell(&[survivor.event(Kind::Lost, 1)]).await;
    let lines = world.story(Topic::Journeys);
    assert_eq!(lines.last().unwrap(), "exited: the deal is lost");
    assert!(
        world.published.iter().all(|event| event.envelope.subject == loser.home.as_str()),
        "never a re-keying"
    );
    assert_eq!(world.story(Topic::DeadLetters), Vec::<String>::new());
}

async fn a_survivor_that_is_lost_ends_what_passes_to_it<S: Inspect>(mut world: World<S>) {
    let (loser, mut survivor) = (Deal::new("1"), Deal::elsewhere("2"));
    survivor.snapshot.status = proto::DealStatus::Lost.into();
    world.tell(&[loser.event(Kind::Won, 1)]).await;
    world.tell(&[loser.merged_into(&survivor, 2, survivor.home.as_str())]).await;
    assert_eq!(world.story(Topic::Journeys).last().unwrap(), "exited: the deal is lost");
}

async fn a_survivor_that_is_won_only_later_goes_on_with_what_passed<S: Inspect>(mut world: World<S>) {
    let (loser, mut survivor) = (Deal::new("1"), Deal::elsewhere("2"));
    survivor.snapshot.status = proto::DealStatus::Open.into();
    world.tell(&[loser.event(Kind::Won, 1)]).await;
    world.tell(&[loser.merged_into(&survivor, 2, survivor.home.as_str())]).await;
    world.pass(day(3)).await;
    assert_eq!(world.story(Topic::Touchpoints), Vec::<String>::new(), "held while the survivor is open");
    survivor.emitted = day(3);
    world.tell(&[survivor.event(Kind::Won, 1)]).await;
    world.pass(day(120)).await;
    assert_eq!(world.story(Topic::Touchpoints).len(), 5);
    assert_eq!(world.store.look().await.0.enrolments.len(), 1);
}

async fn a_merge_that_waited_for_its_turn_finds_its_survivor<S: Inspect>(mut world: World<S>) {
    let (loser, survivor) = (Deal::new("1"), Deal::elsewhere("2"));
    world.tell(&[survivor.event(Kind::Won, 1)]).await;
    world.tell(&[loser.merged_into(&survivor, 2, survivor.home.as_str())]).await;
    world.tell(&[loser.event(Kind::Won, 1)]).await;
    let lines = world.story(Topic::Journeys);
    assert_eq!(lines.last().unwrap(), "exited: merged");
    assert_eq!(lines.iter().filter(|line| *line == "enrolled").count(), 2);
}

async fn a_shard_found_late_repeats_the_turn_with_both<S: Inspect>(mut world: World<S>) {
    let (loser, survivor) = (Deal::new("1"), Deal::elsewhere("2"));
    world.tell(&[loser.event(Kind::Won, 1)]).await;
    world.tell(&[loser.merged_into(&survivor, 2, survivor.home.as_str())]).await;
    let lost = incoming(survivor.event(Kind::Lost, 1));
    let both = ShardSet::new([Shard::of(loser.home.as_str()), Shard::of(survivor.home.as_str())]);
    let only = ShardSet::new(world.engine.shards(&lost));
    assert_eq!((only.len(), both.len()), (1, 2));
    let mut tx = world.store.begin(&only).await.unwrap();
    let refused = world.engine.apply(&mut tx, vec![lost.clone()]).await;
    assert!(matches!(refused, Err(Error::Unavailable(_))));
    drop(tx);
    assert_eq!(ShardSet::new(world.engine.shards(&lost)), both, "the next turn locks both");
    // One that began before the engine knew has what it has locked, not what it would lock now.
    let mut tx = world.store.begin(&only).await.unwrap();
    let refused = world.engine.apply(&mut tx, vec![lost.clone()]).await;
    assert!(matches!(refused, Err(Error::Unavailable(_))));
    drop(tx);
    let mut tx = world.store.begin(&both).await.unwrap();
    world.engine.apply(&mut tx, vec![lost]).await.unwrap();
}

fn incoming(event: Event) -> Incoming {
    let record = event.to_record(Encoding::Protobuf);
    Incoming { event, received: Received { record, partition: 0, offset: 0, taken_at: day(0) } }
}
