//! Every transaction dies once before and once after its COMMIT; nothing is lost, nothing happens twice.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use afterglow_durable::store::{CommitFault, CommitFaults};

use crate::scene::{Deal, Inspect, Kind, World, day, world_in_memory, world_on_sqlite};
use crate::store::memory::Tables;

/// The n-th COMMIT fails; how many there were is counted.
fn failing(n: usize, fault: CommitFault) -> (CommitFaults, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = count.clone();
    let decide = move || if counter.fetch_add(1, Ordering::SeqCst) == n { fault } else { CommitFault::None };
    (CommitFaults::new(decide), count)
}

/// A life with everything in it: enrolment, deliveries, an amendment, a hold, a re-win, a merge, a loss.
async fn live<S: Inspect>(mut world: World<S>) -> (Tables, BTreeSet<String>) {
    let (mut deal, other, survivor) = (Deal::new("1"), Deal::new("2"), Deal::elsewhere("3"));
    world.tell(&[deal.event(Kind::Won, 1), other.event(Kind::Won, 1)]).await;
    world.pass(day(2)).await;
    deal.emitted = day(2);
    world
        .tell(&[deal.clone().closing("2026-03-05").event(Kind::Amended, 2), deal.event(Kind::Reopened, 3)])
        .await;
    world.pass(day(3)).await;
    (deal.won_no, deal.emitted) = (2, day(3));
    world.tell(&[deal.event(Kind::Won, 4)]).await;
    world.tell(&[other.merged_into(&survivor, 2, survivor.home.as_str())]).await;
    world.pass(day(31)).await;
    world.tell(&[survivor.event(Kind::Lost, 1)]).await;
    world.pass(day(120)).await;
    (world.store.look().await.0, world.ids())
}

#[tokio::test]
async fn any_commit_may_die_in_memory() {
    let (faults, count) = failing(usize::MAX, CommitFault::None);
    let expected = live(world_in_memory(faults).await).await;
    assert!(count.load(Ordering::SeqCst) > 12);
    for n in 0..count.load(Ordering::SeqCst) {
        for fault in [CommitFault::Lost, CommitFault::Unanswered] {
            let found = live(world_in_memory(failing(n, fault).0).await).await;
            assert_eq!(found, expected, "commit {n} was {fault:?}");
        }
    }
}

#[tokio::test]
async fn any_commit_may_die_on_sqlite_and_both_stores_agree() {
    let model = live(world_in_memory(CommitFaults::default()).await).await;
    let (faults, count) = failing(usize::MAX, CommitFault::None);
    let (_folder, world) = world_on_sqlite(faults).await;
    assert_eq!(live(world).await, model, "the model and SQLite agree");
    for n in 0..count.load(Ordering::SeqCst) {
        let fault = if n % 2 == 0 { CommitFault::Lost } else { CommitFault::Unanswered };
        let (_folder, world) = world_on_sqlite(failing(n, fault).0).await;
        assert_eq!(live(world).await, model, "commit {n} was {fault:?}");
    }
}

mod postgres {
    use afterglow_durable::conformance::postgres::Database;

    use super::*;
    use crate::scene::postgres::world_on;

    #[tokio::test]
    async fn any_commit_may_die_and_the_model_agrees() {
        let database = Database::fresh().await;
        let model = live(world_in_memory(CommitFaults::default()).await).await;
        let (faults, count) = failing(usize::MAX, CommitFault::None);
        assert_eq!(live(world_on(&database, faults).await).await, model, "the model and PostgreSQL agree");
        for n in 0..count.load(Ordering::SeqCst) {
            let fault = if n % 2 == 0 { CommitFault::Lost } else { CommitFault::Unanswered };
            let found = live(world_on(&database, failing(n, fault).0).await).await;
            assert_eq!(found, model, "commit {n} was {fault:?}");
        }
    }
}
