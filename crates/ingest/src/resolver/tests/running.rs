//! The fetcher's own loop.

use std::num::NonZeroU32;
use std::time::Duration;

use afterglow_crm::Pace;
use afterglow_durable::Store;

use super::world::{self, World, at, deal, won};

#[tokio::test]
async fn the_loop_fetches_and_settles_until_it_is_stopped() {
    let mut world = world::in_memory(afterglow_durable::store::CommitFaults::default());
    world.crm.set(1, won(1));
    world.crm.set(2, won(2));
    world.webhook(&deal(1), "closedwon").await;
    let stop = tokio_util::sync::CancellationToken::new();
    assert!(world.take_hints().await);
    world.webhook(&deal(2), "closedwon").await;
    let World { store, resolver, .. } = &world;
    let changed = store.changed();
    let watch = async {
        loop {
            let signal = changed.outbox();
            if store.outbox_read(10).await.unwrap().len() == 1 {
                break stop.cancel();
            }
            signal.await;
        }
    };
    tokio::join!(resolver.run_fetcher(store, &stop), watch);
    assert_eq!(world.pending(&deal(1)).await, None);
    world.run().await;
    assert_eq!(world.story(), ["won 1 1/1", "won 2 1/1"]);
}

#[tokio::test]
async fn at_one_request_in_ten_seconds_one_deal_is_read_at_a_time_under_a_claim_that_outlives_it() {
    let pace = Pace::of(NonZeroU32::MIN);
    let mut world = world::at_pace(pace);
    for n in 1..=20 {
        world.crm.set(n, won(n));
        world.webhook(&deal(n), "closedwon").await;
    }
    while world.store.next_due(afterglow_durable::Timeline::Wall).await.unwrap().is_none() {
        world.take_hints().await;
    }
    let first = world.resolver.claim(&world.store).await.unwrap();
    assert_eq!(first.len(), 1);
    let claimed = world.pending(&first[0].row().deal).await.unwrap();
    assert!(claimed.due > at(pace.read_time_max.as_secs()), "nobody else reads it meanwhile");
    let mut looks = 0;
    while world.clock_now() < at(pace.read_time_max.as_secs()) {
        assert!(world.resolver.claim(&world.store).await.unwrap().is_empty(), "its place is taken");
        let next = world.store.next_due(afterglow_durable::Timeline::Wall).await.unwrap().unwrap();
        world.clock.set(next.max(world.clock_now().plus(Duration::from_millis(1))));
        looks += 1;
    }
    assert!(looks < 400, "the others wait without being looked at all the time: {looks}");
    for claim in first {
        let fetched = world.resolver.read(claim).await;
        world.resolver.settle(&world.store, vec![fetched]).await.unwrap();
    }
    for _ in 0..40 {
        world.wait(30).await;
    }
    assert_eq!(world.story().len(), 20);
}
