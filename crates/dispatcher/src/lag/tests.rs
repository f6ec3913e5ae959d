use std::collections::VecDeque;

use afterglow_domain::clock::ManualClock;
use afterglow_events::{Record, Topic};

use super::*;

struct Script(VecDeque<Vec<Received>>);

impl Consume for Script {
    async fn poll(&mut self, _: usize, _: Duration) -> Result<Vec<Received>, ConsumeError> {
        Ok(self.0.pop_front().unwrap_or_default())
    }

    async fn commit(&mut self, _: &[Cursor]) -> Result<(), ConsumeError> {
        Ok(())
    }

    async fn rewind(&mut self) -> Result<(), ConsumeError> {
        Ok(())
    }
}

fn taken(at: i64) -> Received {
    let record = Record { topic: Topic::Signals, key: "".into(), headers: Vec::new(), value: "".into() };
    Received { record, partition: 0, offset: 0, taken_at: Timestamp(at) }
}

#[tokio::test]
async fn knowledge_is_as_old_as_the_oldest_undecided_signal() {
    let second = 1_000_000;
    let clock = ManualClock::new(Timestamp(1000 * second));
    let lag = SignalsLag::default();
    let script = Script([vec![taken(900 * second), taken(999 * second)], Vec::new()].into());
    let mut watch = LagWatch::new(script, lag.clone(), Arc::new(clock.clone()));
    assert!(!lag.is_fresh(clock.now()), "nothing was read yet");
    watch.poll(10, Duration::ZERO).await.unwrap();
    watch.rewind().await.unwrap();
    watch.commit(&[]).await.unwrap();
    assert_eq!(
        lag.behind(clock.now()),
        clock.now().since(Timestamp(i64::MIN)),
        "what was not decided does not count"
    );
    let script = Script([vec![taken(900 * second), taken(999 * second)], Vec::new()].into());
    let mut watch = LagWatch::new(script, lag.clone(), Arc::new(clock.clone()));
    watch.poll(10, Duration::ZERO).await.unwrap();
    watch.commit(&[]).await.unwrap();
    assert_eq!(lag.behind(clock.now()), Duration::from_secs(100));
    assert!(!lag.is_fresh(clock.now()));
    watch.poll(10, Duration::ZERO).await.unwrap();
    watch.commit(&[]).await.unwrap();
    assert!(lag.is_fresh(clock.now()));
    clock.advance(LAG_MAX + Duration::from_secs(1));
    assert!(!lag.is_fresh(clock.now()), "a reader that does not come back grows old");
}
