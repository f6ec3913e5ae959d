//! Random lives of deals, with duplicates, lagging reads, outages and crashes: whatever happens, the
//! story is legal, ends where the CRM ends, and is the same on both stores.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use afterglow_durable::Store;
use afterglow_durable::store::{CommitFault, CommitFaults};
use afterglow_events::Topic;

use super::world::{self, World, deal, moved};
use crate::store::{ResolverTx, State};
use crate::testing::outage;

const DEALS: u64 = 4;
const STEPS: u64 = 120;
const SEEDS: u64 = 8;
const STAGES: [&str; 4] = ["sent", "closedwon", "closedlost", "closedwon"];

/// A small generator with its own seed: the same numbers for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Lets about one COMMIT in eight fail, as the seed says, until told to stop.
fn crashing(seed: u64) -> (CommitFaults, Arc<AtomicU64>) {
    let state = Arc::new(AtomicU64::new(seed));
    let dice = state.clone();
    let decide = move || {
        let now = dice.load(Ordering::SeqCst);
        if now == u64::MAX {
            return CommitFault::None;
        }
        let mut roller = Dice(now);
        let side = roller.roll(16);
        dice.store(roller.0 & (u64::MAX >> 1), Ordering::SeqCst);
        match side {
            0 => CommitFault::Lost,
            1 => CommitFault::Unanswered,
            _ => CommitFault::None,
        }
    };
    (CommitFaults::new(decide), state)
}

async fn live<S: Store<Tx: ResolverTx>>(world: &mut World<S>, seed: u64, faults: &AtomicU64) {
    let mut dice = Dice(seed);
    let mut last = BTreeMap::new();
    for step in 1..=STEPS {
        let n = 1 + dice.roll(DEALS);
        match dice.roll(6) {
            0 | 1 => {
                let stage = STAGES[usize::try_from(dice.roll(4)).unwrap()];
                last.insert(n, (stage, step));
                world.crm.set(n, moved(n, stage, step));
                world.webhook(&deal(n), stage).await;
            }
            2 => world.webhook(&deal(n), STAGES[usize::try_from(dice.roll(4)).unwrap()]).await,
            // A replica that lags answers with what was true before.
            3 => world.crm.set(n, moved(n, STAGES[usize::try_from(dice.roll(4)).unwrap()], 0)),
            4 => world.crm.fails(n, outage()),
            _ => world.wait(dice.roll(50)).await,
        }
        if dice.roll(3) == 0 {
            world.run().await;
        }
    }
    // Everything heals, the CRM says it once more, and time passes.
    faults.store(u64::MAX, Ordering::SeqCst);
    for (n, (stage, step)) in last {
        world.crm.set(n, moved(n, stage, step));
        world.webhook(&deal(n), "").await;
    }
    for _ in 0..12 {
        world.wait(901).await;
    }
}

async fn check<S: Store<Tx: ResolverTx>>(world: &World<S>, seed: u64) {
    let story = world.story();
    for n in 1..=DEALS {
        let of_deal: Vec<&str> = story
            .iter()
            .filter(|line| line.split(' ').nth(1) == Some(&n.to_string()))
            .map(String::as_str)
            .collect();
        let revs: Vec<String> = of_deal
            .iter()
            .map(|line| line.rsplit(' ').next().unwrap().split('/').next().unwrap().to_owned())
            .collect();
        let expected: Vec<String> = (1..=of_deal.len()).map(|rev| rev.to_string()).collect();
        assert_eq!(revs, expected, "seed {seed}: each rev once, in order: {of_deal:?}");
        let mut won_nos: Vec<&str> = of_deal
            .iter()
            .filter(|line| line.starts_with("won"))
            .map(|line| line.rsplit('/').next().unwrap())
            .collect();
        let wins = won_nos.len();
        won_nos.dedup();
        assert_eq!(won_nos.len(), wins, "seed {seed}: one win per won_no: {of_deal:?}");
        assert_eq!(world.pending(&deal(n)).await, None, "seed {seed}: nothing hangs");
        let Some(known) = world.known(&deal(n)).await else { continue };
        assert_eq!(known.state, State::from(known.snapshot.status), "seed {seed}");
        assert_eq!(known.modified, known.snapshot.modified, "seed {seed}: it ends where the CRM ends");
        assert_eq!(known.leaving_since, None, "seed {seed}");
    }
    assert_eq!(world.store.next_due(afterglow_durable::Timeline::Wall).await.unwrap(), None, "seed {seed}");
    assert!(world.log.events(Topic::DeadLetters).is_empty(), "seed {seed}");
}

#[tokio::test]
async fn any_life_is_told_the_same_on_both_stores() {
    let mut events = 0;
    for seed in 1..=SEEDS {
        // Without crashes: where a store commits, the other does too, and the stories are equal.
        let calm = AtomicU64::new(0);
        let mut model = world::in_memory(CommitFaults::default());
        live(&mut model, seed, &calm).await;
        check(&model, seed).await;
        let mut disk = world::on_disk(CommitFaults::default()).await;
        live(&mut disk, seed, &calm).await;
        check(&disk, seed).await;
        for n in 1..=DEALS {
            let of = |story: Vec<String>| -> Vec<String> {
                story.into_iter().filter(|line| line.split(' ').nth(1) == Some(&n.to_string())).collect()
            };
            assert_eq!(of(model.story()), of(disk.story()), "seed {seed}");
        }
        events += model.story().len();
    }
    assert!(events > 60, "too little happened: {events}");
}

#[tokio::test]
async fn any_life_with_crashes_stays_legal() {
    for seed in 1..=SEEDS {
        let (faults, state) = crashing(seed);
        let mut model = world::in_memory(faults);
        live(&mut model, seed, &state).await;
        check(&model, seed).await;
        let (faults, state) = crashing(seed);
        let mut disk = world::on_disk(faults).await;
        live(&mut disk, seed, &state).await;
        check(&disk, seed).await;
    }
}
