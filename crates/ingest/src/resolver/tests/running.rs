//! The fetcher's own loop.

use afterglow_durable::Store;

use super::world::{self, World, deal, won};

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
            let signal = changed.notified();
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
