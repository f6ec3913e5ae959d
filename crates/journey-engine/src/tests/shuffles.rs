//! Any duplication, delay or reordering of the same events gives the same rows and the same event ids.

use std::collections::BTreeSet;

use afterglow_durable::store::CommitFaults;
use afterglow_events::{Event, proto};
use proptest::prelude::*;

use crate::scene::{Deal, Dispatcher, Inspect, Kind, World, day, world_in_memory, world_on_sqlite};
use crate::store::memory::Tables;

/// Two deals' events in order: one is reopened, won again, amended, lost and won once more; one is deleted.
fn events() -> Vec<Event> {
    let (mut one, two) = (Deal::new("1"), Deal::elsewhere("2"));
    let mut events = vec![one.event(Kind::Won, 1), one.event(Kind::Reopened, 2)];
    one.won_no = 2;
    events.extend([one.event(Kind::Won, 3), one.clone().closing("2026-03-05").event(Kind::Amended, 4)]);
    events.push(one.event(Kind::Lost, 5));
    one.won_no = 3;
    events.extend([one.event(Kind::Won, 6), two.event(Kind::Won, 1), two.event(Kind::Deleted, 2)]);
    events
}

/// Tells the events in pieces on day 2, when the first moment is with the dispatcher, then lives on.
async fn live<S: Inspect>(mut world: World<S>, told: &[Vec<Event>]) -> (Tables, BTreeSet<String>) {
    world.dispatcher = Dispatcher::Dead;
    world.tell(&events()[..1]).await;
    world.pass(day(2)).await;
    for events in told {
        world.tell(events).await;
    }
    let emitted = world.published.iter().filter_map(|event| match &event.body {
        afterglow_events::Body::TouchpointDue(due) => Some(due.touchpoint_id.clone()),
        _ => None,
    });
    for touchpoint in emitted.collect::<Vec<_>>() {
        world.answer(&touchpoint, proto::DeliveryOutcome::Revoked, "");
    }
    world.dispatcher = Dispatcher::Delivers;
    world.settle().await;
    world.pass(day(120)).await;
    world.replay().await;
    (world.store.look().await.0, world.ids())
}

/// The events in the order of `order`, each told `1 + again % 2` times, in turns of at most `size`.
fn shuffled(order: &[usize], again: &[usize], size: usize) -> Vec<Vec<Event>> {
    let all = events();
    let mut told: Vec<Event> = order.iter().map(|index| all[*index].clone()).collect();
    told.extend(again.iter().map(|index| all[*index].clone()));
    told.chunks(size).map(<[Event]>::to_vec).collect()
}

fn block<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_and_number_is_the_same_life(
        order in Just((0..events().len()).collect::<Vec<_>>()).prop_shuffle(),
        again in proptest::collection::vec(0..events().len(), 0..8),
        size in 1..9_usize,
    ) {
        block(async {
            let expected = live(world_in_memory(CommitFaults::default()).await, &[events()]).await;
            let found = live(world_in_memory(CommitFaults::default()).await, &shuffled(&order, &again, size)).await;
            assert_eq!(found, expected);
        });
    }
}

#[tokio::test]
async fn sqlite_lives_the_same_life_backwards() {
    let expected = live(world_in_memory(CommitFaults::default()).await, &[events()]).await;
    let backwards: Vec<usize> = (0..events().len()).rev().collect();
    let (_folder, world) = world_on_sqlite(CommitFaults::default()).await;
    assert_eq!(live(world, &shuffled(&backwards, &[3, 1, 5], 3)).await, expected);
}
