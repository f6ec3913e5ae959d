//! The timer loop on the model: re-arming, and a timer whose decision fails.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::*;
use crate::conformance::{at, timer};
use crate::memory::{Store as Model, Tx as ModelTx};
use crate::turns::{Handler, Incoming};

/// Counts firings per owner, re-arms owner 1 a minute later, and cannot stand owner 13.
struct Counts;

type Tables = BTreeMap<Uuid, u32>;

impl Handler for Counts {
    type Tx = ModelTx<Tables>;

    fn role(&self) -> &'static str {
        "test"
    }

    async fn apply(&self, _: &mut Self::Tx, _: Vec<Incoming>) -> Result<(), Error> {
        Ok(())
    }

    fn now(&self, _: Timeline) -> Timestamp {
        at(1000)
    }
}

impl Fires for Counts {
    async fn fire(&self, tx: &mut Self::Tx, timers: &[Timer], now: Timestamp) -> Result<(), Error> {
        let mut arm = Vec::new();
        for timer in timers {
            assert_ne!(timer.owner, Uuid::from_u128(13), "an unlucky one");
            *tx.role().entry(timer.owner).or_default() += 1;
            if timer.owner == Uuid::from_u128(1) {
                let due = tx.armable(timer.timeline, timer.shard, now.plus(Duration::from_mins(1)));
                arm.push(Timer { due, ..*timer });
            }
        }
        tx.write(Writes { arm, ..Writes::default() }).await
    }
}

#[tokio::test]
async fn a_failing_timer_is_postponed_and_its_neighbours_fire() {
    let store: Model<Tables> = Model::default();
    let armed = [timer(3, at(10), 1), timer(3, at(20), 13), timer(3, at(30), 2), timer(11, at(40), 3)];
    let mut tx = store.begin(&ShardSet::new(armed.iter().map(|timer| timer.shard))).await.unwrap();
    tx.write(Writes { arm: armed.to_vec(), ..Writes::default() }).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(fire_due(&Counts, &store, Timeline::Journey).await.unwrap(), 4);
    assert_eq!(fire_due(&Counts, &store, Timeline::Journey).await.unwrap(), 0);
    let counts = store.role().await;
    assert_eq!(
        [1, 2, 3, 13].map(|owner| counts.get(&Uuid::from_u128(owner)).copied()),
        [Some(1), Some(1), Some(1), None]
    );
    let left: Vec<_> = store.timers().await.iter().map(|timer| (timer.owner.as_u128(), timer.due)).collect();
    assert_eq!(left, [(1, at(1060)), (13, at(4600))]);
}
