//! Classes whose timers fire at the same time.

use std::collections::BTreeSet;

use super::*;
use crate::conformance::timers::arm;
use crate::conformance::{at, shard, timer};
use crate::rows::{Timeline, Timer};
use crate::shard_set::ShardSet;
use crate::store::Store as _;

async fn store_with_timers(database: &Database, classes: u8) -> Store {
    let (store, _) = database.fresh_store(&CORE, CommitFaults::default()).await;
    let timers: Vec<Timer> = (0..classes).map(|n| timer(n, at(100), u128::from(n))).collect();
    arm(&store, &timers).await;
    store
}

async fn classes_of_a_round(store: &Store, classes: usize) -> BTreeSet<u8> {
    let due = store.begin_due_apart(Timeline::Journey, at(1000), 10, classes).await.unwrap();
    due.iter().flat_map(|(_, page)| page).map(|timer| timer.shard.class()).collect()
}

#[tokio::test]
async fn a_round_has_as_many_classes_as_it_asks_for() {
    let database = Database::fresh().await;
    assert_eq!(classes_of_a_round(&store_with_timers(&database, 6).await, 4).await.len(), 4);
    let store = store_with_timers(&database, 6).await;
    assert_eq!(classes_of_a_round(&store, 8).await, BTreeSet::from([0, 1, 2, 3, 4, 5]));
}

#[tokio::test]
async fn whoever_is_at_work_on_a_class_holds_up_no_other() {
    let database = Database::fresh().await;
    let store = store_with_timers(&database, 6).await;
    let _busy = store.begin(&ShardSet::new([shard(3)])).await.unwrap();
    assert_eq!(classes_of_a_round(&store, 8).await, BTreeSet::from([0, 1, 2, 4, 5]));
}
