//! The model passes the suite, and its faults do what they say.

use afterglow_domain::Clock;
use afterglow_domain::clock::ManualClock;
use afterglow_events::Consume;
use bytes::Bytes;

use super::*;
use crate::conformance::{Subject, options};

struct InMemory(MemoryLog, ManualClock);

fn subject() -> InMemory {
    let (options, clock) = options();
    InMemory(MemoryLog::new(options).unwrap(), clock)
}

impl Subject for InMemory {
    type Log = MemoryLog;
    type Source = MemoryLog;

    fn log(&self) -> MemoryLog {
        self.0.clone()
    }

    fn source(&self) -> MemoryLog {
        self.0.clone()
    }

    fn clock(&self) -> &ManualClock {
        &self.1
    }

    fn consumer(&self, group: &str, topics: &[Topic], checkpoints: MemoryCheckpoints) -> impl Consume {
        self.0.consumer(group, topics, checkpoints)
    }

    async fn prune(&self) -> u64 {
        self.0.prune(self.1.now())
    }

    /// It has nowhere to come back from: a restart keeps the clones.
    async fn reopen(self) -> Self {
        self
    }
}

crate::log_conformance!(conforms, subject());

#[tokio::test]
async fn faults_refuse_or_lose_the_answer() {
    let log = subject().0;
    let record = || {
        vec![Record { topic: Topic::Deals, key: Bytes::from("a"), headers: Vec::new(), value: Bytes::new() }]
    };
    log.set_fault(Fault::Refuse);
    assert!(matches!(log.append(record()).await[0], Err(AppendError::Unavailable(_))));
    assert_eq!(log.all(Topic::Deals).len(), 0);
    let mut calls = 0;
    log.set_fault(Fault::LoseAnswer(Box::new(move || {
        calls += 1;
        calls == 1
    })));
    assert!(matches!(log.append(record()).await[0], Err(AppendError::Unavailable(_))));
    assert_eq!(log.append(record()).await[0].as_ref().unwrap().offset, 1);
    assert_eq!(log.all(Topic::Deals).len(), 2);
}
