use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use afterglow_domain::Shard;
use afterglow_domain::clock::ManualClock;
use afterglow_durable::{ShardSet, Tx as _, Writes, memory};
use afterglow_eventlog::{MemoryLog, Options};
use afterglow_events::{Append as _, Cursor, Record};

use super::*;

const PARTITIONS: u16 = 2;

/// The topic, the role's store, and how far each of its processes says that it is.
struct Role {
    log: MemoryLog,
    store: memory::Store<()>,
    clock: ManualClock,
    lag: SignalsLag,
    mark: SignalsMark<memory::Store<()>>,
    decided: BTreeMap<u16, i64>,
}

impl Role {
    fn new() -> Self {
        let clock = ManualClock::new(Timestamp::from_millis(1_000_000));
        let wall = Arc::new(clock.clone());
        let retention = Duration::from_hours(1);
        let log = MemoryLog::new(Options { partitions: PARTITIONS, retention, clock: wall.clone() }).unwrap();
        let (store, lag) = (memory::Store::default(), SignalsLag::default());
        let mark = SignalsMark::new(store.clone(), lag.clone(), wall);
        Self { log, store, clock, lag, mark, decided: BTreeMap::new() }
    }

    /// A signal of a customer in this partition.
    async fn says(&self, partition: u16) {
        let keys = (0..).map(|n| format!("acme/ext:shop:{n}"));
        let key = keys.into_iter().find(|key| Shard::of(key).partition(PARTITIONS) == partition).unwrap();
        let record = Record { topic: Topic::Signals, key: key.into(), headers: Vec::new(), value: "".into() };
        self.log.append(vec![record]).await.remove(0).unwrap();
    }

    /// The partition's process decides on one more.
    async fn decides(&mut self, partition: u16) {
        let next_offset = self.decided.entry(partition).or_default();
        *next_offset += 1;
        let cursor = Cursor {
            topic: Topic::Signals,
            partition,
            next_offset: *next_offset,
            last_event_id: String::new(),
            at: self.clock.now(),
        };
        let mut tx = self.store.begin(&ShardSet::new([])).await.unwrap();
        let cursors = vec![(ROLE.to_owned(), cursor)];
        tx.write(Writes { cursors, ..Writes::default() }).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Whether operators know that mails wait, and not yet that they go on.
    fn is_told(&self) -> bool {
        self.lag.0.told.load(Ordering::Relaxed)
    }

    /// A round after some seconds; how old the knowledge is then, in seconds.
    async fn after(&mut self, seconds: u64) -> u64 {
        self.clock.advance(Duration::from_secs(seconds));
        self.mark.round(&self.log).await.unwrap();
        self.lag.behind(self.clock.now()).as_secs()
    }
}

#[tokio::test]
async fn nobody_knows_more_than_the_process_that_knows_least() {
    let mut role = Role::new();
    assert_eq!(role.after(0).await, 0, "nobody has said anything");
    role.says(0).await;
    role.says(1).await;
    role.decides(0).await;
    // The other process is alive and does not reach its database.
    assert_eq!(role.after(30).await, 30);
    role.says(0).await;
    role.decides(0).await;
    assert_eq!(role.after(31).await, 61);
    assert!(!role.lag.is_fresh(role.clock.now()), "mails wait");
    role.lag.mails_wait();
    role.after(1).await;
    assert!(role.is_told(), "they still wait");
    role.decides(1).await;
    assert_eq!(role.after(1).await, 0);
    assert!(!role.is_told(), "that they go on is said although nothing is left here to be sent");
}

#[tokio::test]
async fn a_topic_that_never_rests_is_known_up_to_a_round_ago() {
    let mut role = Role::new();
    role.says(0).await;
    role.after(0).await;
    assert!(!role.lag.is_fresh(role.clock.now()), "nothing is known yet");
    for _ in 0..10 {
        role.decides(0).await;
        role.says(0).await;
        assert_eq!(role.after(5).await, 5);
    }
}
