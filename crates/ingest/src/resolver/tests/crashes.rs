//! Every transaction of the resolver dies before its COMMIT, and again after it, one at a time: the
//! story is the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use afterglow_durable::Store;
use afterglow_durable::conformance::postgres::Database;
use afterglow_durable::store::{CommitFault, CommitFaults};

use super::world::{self, World, deal, moved, won};
use crate::store::ResolverTx;

/// More commits than the story has.
const COMMITS_MAX: usize = 60;

/// Fails the `nth` COMMIT.
fn failing(nth: usize, fault: CommitFault) -> (CommitFaults, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = count.clone();
    let decide =
        move || if counter.fetch_add(1, Ordering::SeqCst) == nth { fault } else { CommitFault::None };
    (CommitFaults::new(decide), count)
}

/// Won, reopened, won again, and merged into another deal.
async fn story<S: Store<Tx: ResolverTx>>(mut world: World<S>) -> Vec<String> {
    world.crm.set(1, won(1));
    world.crm.set(2, won(2));
    step(&mut world, 1, "closedwon").await;
    world.crm.set(1, moved(1, "sent", 10));
    step(&mut world, 1, "sent").await;
    world.crm.set(1, moved(1, "closedwon", 1000));
    step(&mut world, 1, "closedwon").await;
    step(&mut world, 2, "closedwon").await;
    world.crm.set(1, won(2));
    step(&mut world, 1, "").await;
    assert_eq!(world.pending(&deal(1)).await, None);
    assert_eq!(world.pending(&deal(2)).await, None);
    assert_eq!(
        world.store.next_due(afterglow_durable::Timeline::Wall).await.unwrap(),
        None,
        "no timer is left"
    );
    world.story()
}

/// Long enough for a claim that was lost, and for the second look that leaving needs.
async fn step<S: Store<Tx: ResolverTx>>(world: &mut World<S>, n: u64, stage: &str) {
    world.hear(&deal(n), stage).await;
    for _ in 0..4 {
        world.wait(61).await;
    }
}

const EXPECTED: [&str; 5] = ["won 1 1/1", "reopened 1 2/1", "won 1 3/2", "won 2 1/1", "merged into 2 4/2"];

#[derive(Clone, Copy, PartialEq)]
enum On {
    Memory,
    Sqlite,
    Postgres,
}

async fn at_every_commit(fault: CommitFault, on: On) {
    let database = if on == On::Postgres { Some(Database::fresh().await) } else { None };
    for nth in 0..COMMITS_MAX {
        let (faults, count) = failing(nth, fault);
        let told = match on {
            On::Memory => story(world::in_memory(faults)).await,
            On::Sqlite => story(world::on_disk(faults).await).await,
            On::Postgres => story(world::in_schema(database.as_ref().unwrap(), faults).await).await,
        };
        assert_eq!(told, EXPECTED, "{fault:?} at commit {nth}");
        if count.load(Ordering::SeqCst) <= nth {
            assert!(nth > 10, "the story has more commits than that");
            return;
        }
    }
    panic!("the story has more than {COMMITS_MAX} commits");
}

#[tokio::test]
async fn dying_before_any_commit_changes_nothing_in_memory() {
    at_every_commit(CommitFault::Lost, On::Memory).await;
}

#[tokio::test]
async fn dying_after_any_commit_changes_nothing_in_memory() {
    at_every_commit(CommitFault::Unanswered, On::Memory).await;
}

#[tokio::test]
async fn dying_before_any_commit_changes_nothing_on_sqlite() {
    at_every_commit(CommitFault::Lost, On::Sqlite).await;
}

#[tokio::test]
async fn dying_after_any_commit_changes_nothing_on_sqlite() {
    at_every_commit(CommitFault::Unanswered, On::Sqlite).await;
}

mod postgres {
    use super::*;

    #[tokio::test]
    async fn dying_before_any_commit_changes_nothing() {
        at_every_commit(CommitFault::Lost, On::Postgres).await;
    }

    #[tokio::test]
    async fn dying_after_any_commit_changes_nothing() {
        at_every_commit(CommitFault::Unanswered, On::Postgres).await;
    }
}
