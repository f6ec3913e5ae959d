//! Armed waits: never early, never lost, no class starved.

use std::collections::BTreeSet;

use afterglow_domain::{Shard, Timestamp};

use super::{Fixture, at, shard, timer};
use crate::rows::{Timeline, Timer, Writes};
use crate::shard_set::ShardSet;
use crate::store::{CommitFaults, Store, Tx};

/// Arms timers of any shards.
pub(crate) async fn arm<S: Store>(store: &S, timers: &[Timer]) {
    let shards = ShardSet::new(timers.iter().map(|timer| timer.shard));
    let mut tx = store.begin(&shards).await.unwrap();
    tx.write(Writes { arm: timers.to_vec(), ..Writes::default() }).await.unwrap();
    tx.commit().await.unwrap();
}

/// Fires one page as a role would; gives what fired.
async fn fire<S: Store>(store: &S, now: Timestamp, max: usize) -> Vec<Timer> {
    let Some((mut tx, page)) = store.begin_due(Timeline::Journey, now, max).await.unwrap() else {
        return Vec::new();
    };
    tx.write(Writes { disarm: page.clone(), ..Writes::default() }).await.unwrap();
    tx.commit().await.unwrap();
    page
}

async fn fire_all<S: Store>(store: &S, now: Timestamp, max: usize) -> Vec<Timer> {
    let mut fired = Vec::new();
    loop {
        let page = fire(store, now, max).await;
        if page.is_empty() {
            return fired;
        }
        fired.extend(page);
    }
}

pub(super) async fn due_ones_come_by_shard_and_time(fixture: &impl Fixture) {
    let store = fixture.fresh(CommitFaults::default()).await;
    let timers = [timer(9, at(50), 1), timer(1, at(70), 2), timer(1, at(60), 3), timer(2, at(10), 4)];
    arm(&store, &timers).await;
    let page = fire_all(&store, at(100), 10).await;
    assert_eq!(page.len(), 4);
    let of_class_1: Vec<_> = page.iter().filter(|timer| timer.shard.class() == 1).collect();
    assert_eq!(of_class_1, [&timers[2], &timers[1], &timers[0]]);
}

pub(super) async fn none_fires_early_and_none_is_lost(fixture: &impl Fixture) {
    let store = fixture.fresh(CommitFaults::default()).await;
    let due = |n: u128| at(i64::try_from(n * 37 % 1000).unwrap());
    let timers: Vec<Timer> = (0..300).map(|n| timer(u8::try_from(n % 64).unwrap(), due(n), n)).collect();
    arm(&store, &timers).await;
    let mut fired = BTreeSet::new();
    for now in (0..1100).step_by(53).map(at) {
        for timer in fire_all(&store, now, 7).await {
            assert!(timer.due <= now, "never early");
            assert!(fired.insert(timer), "never twice");
        }
        let left = store.next_due(Timeline::Journey).await.unwrap();
        assert!(left.is_none_or(|due| due > now), "nothing due is left behind");
    }
    assert_eq!(fired.len(), timers.len());
}

pub(super) async fn one_armed_in_the_past_fires_at_once(fixture: &impl Fixture) {
    let store = fixture.fresh(CommitFaults::default()).await;
    arm(&store, &[timer(3, at(500), 1)]).await;
    let (mut tx, page) = store.begin_due(Timeline::Journey, at(1000), 10).await.unwrap().unwrap();
    // Armed by the very transaction that moves the mark past its due time.
    let due = tx.armable(Timeline::Journey, shard(3), at(20));
    assert!(due >= at(20) && due <= at(1000));
    tx.write(Writes { disarm: page, arm: vec![timer(3, due, 2)], ..Writes::default() }).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(fire(&store, at(1000), 10).await.len(), 1);
    // And by a later one.
    let tx = store.begin(&ShardSet::new([shard(3)])).await.unwrap();
    let due = tx.armable(Timeline::Journey, shard(3), at(30));
    drop(tx);
    assert!(due <= at(1000));
    arm(&store, &[timer(3, due, 3)]).await;
    let store = fixture.reopened(store).await;
    assert_eq!(fire(&store, at(1000), 10).await.len(), 1);
}

pub(super) async fn an_unfinished_page_comes_again(fixture: &impl Fixture) {
    let store = fixture.fresh(CommitFaults::default()).await;
    arm(&store, &[timer(3, at(100), 1), timer(3, at(200), 2), timer(3, at(300), 3)]).await;
    let (mut tx, page) = store.begin_due(Timeline::Journey, at(1000), 10).await.unwrap().unwrap();
    assert_eq!(page.len(), 3);
    tx.write(Writes { disarm: vec![page[0], page[2]], ..Writes::default() }).await.unwrap();
    tx.commit().await.unwrap();
    let again = fire(&store, at(1000), 10).await;
    assert_eq!(again, [timer(3, at(200), 2)], "what was read and not dealt with is not forgotten");
}

pub(super) async fn the_clocks_do_not_meet(fixture: &impl Fixture) {
    let store = fixture.fresh(CommitFaults::default()).await;
    let wall = Timer { timeline: Timeline::Wall, ..timer(3, at(100), 1) };
    arm(&store, &[wall]).await;
    assert_eq!(fire(&store, at(1000), 10).await, []);
    assert_eq!(store.next_due(Timeline::Wall).await.unwrap(), Some(at(100)));
    assert_eq!(store.next_due(Timeline::Journey).await.unwrap(), None);
}

pub(super) async fn no_class_starves(fixture: &impl Fixture) {
    let store = fixture.fresh(CommitFaults::default()).await;
    let timers: Vec<Timer> = (0..64)
        .map(|n| timer(n, at(100), u128::from(n)))
        .chain((100..140).map(|n| timer(0, at(50), n)))
        .collect();
    arm(&store, &timers).await;
    let mut classes = BTreeSet::new();
    for _ in 0..24 {
        for timer in fire(&store, at(1000), 8).await {
            classes.insert(timer.shard.class());
            // A busy shard that never runs dry.
            arm(&store, &[Timer { due: at(1000), owner: uuid::Uuid::new_v4(), ..timer }]).await;
        }
    }
    assert_eq!(classes.len(), 8, "every class had its turn");
}

pub(super) async fn several_classes_fire_beside_each_other(fixture: &impl Fixture) {
    let store = fixture.fresh(CommitFaults::default()).await;
    let timers: Vec<Timer> = (0..6).map(|n| timer(n, at(100), u128::from(n))).collect();
    arm(&store, &timers).await;
    let mut left: BTreeSet<Timer> = timers.into_iter().collect();
    while !left.is_empty() {
        let due = store.begin_due_apart(Timeline::Journey, at(1000), 10, 4).await.unwrap();
        assert!((1..=4).contains(&due.len()));
        for (mut tx, page) in due {
            assert!(page.iter().all(|timer| left.remove(timer)), "each is in one page, of one round");
            tx.write(Writes { disarm: page, ..Writes::default() }).await.unwrap();
            tx.commit().await.unwrap();
        }
    }
    assert!(store.begin_due_apart(Timeline::Journey, at(1000), 10, 4).await.unwrap().is_empty());
}

pub(super) async fn a_clock_that_goes_back_loses_nothing(fixture: &impl Fixture) {
    let store = fixture.fresh(CommitFaults::default()).await;
    arm(&store, &[timer(5, at(100), 1)]).await;
    assert_eq!(fire_all(&store, at(10_000), 10).await.len(), 1);
    // The clock jumped back; what is armed now lies below the mark.
    let tx = store.begin(&ShardSet::new([Shard::new(5).unwrap()])).await.unwrap();
    let due = tx.armable(Timeline::Journey, shard(5), at(200));
    drop(tx);
    arm(&store, &[timer(5, due, 2)]).await;
    assert_eq!(fire_all(&store, at(10_000), 10).await.len(), 1);
}
