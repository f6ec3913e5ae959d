//! What retention leaves.

use std::time::Duration;

use afterglow_events::{Consume, ConsumeError, Topic};

use super::{RETENTION, Subject, all, append, append_deals, decide, drain, ids, record};
use crate::memory::MemoryCheckpoints;
use crate::source::Source;

/// How long what must come is waited for: on a busy machine a group takes its time to form.
const PATIENCE: Duration = Duration::from_mins(1);

/// What is older than the retention goes, what is younger stays, and no offset is given twice, not
/// even after everything has gone and the log was opened again.
pub async fn retention_keeps_offsets(subject: impl Subject) {
    append_deals(&subject, 20).await;
    subject.clock().advance(RETENTION.saturating_sub(Duration::from_secs(50)));
    assert_eq!(subject.prune().await, 14, "six records are at most fifty seconds older than the rest");
    assert_eq!(subject.prune().await, 0);
    let mut left: Vec<u32> = ids(&all(&subject.source(), Topic::Deals).await)
        .iter()
        .map(|id| id.parse().expect("ids are numbers here"))
        .collect();
    left.sort_unstable();
    assert_eq!(left, [14, 15, 16, 17, 18, 19]);
    let ends = subject.source().bounds().await.expect("readable").of_topic(Topic::Deals);
    subject.clock().advance(RETENTION);
    assert_eq!(subject.prune().await, 6);
    let subject = subject.reopen().await;
    let empty = subject.source().bounds().await.expect("readable").of_topic(Topic::Deals);
    assert!(empty.iter().all(|(_, start, end)| start == end), "{empty:?}");
    assert!(empty.iter().zip(&ends).all(|(now, before)| now.2 == before.2), "{empty:?}");
    let position = append(&subject.log(), vec![record(Topic::Deals, "acme/ext:shop:1", &20)]).await[0];
    assert_eq!(position.offset, ends[usize::from(position.partition)].2);
}

/// A group whose next record has been removed stops; one that has never read starts with what is there.
pub async fn a_pruned_checkpoint_stops_the_group(subject: impl Subject) {
    append_deals(&subject, 20).await;
    let store = MemoryCheckpoints::new();
    let mut consumer = subject.consumer("role", &[Topic::Deals], store.clone());
    let first = consumer.poll(4, PATIENCE).await.expect("readable");
    decide(&mut consumer, &store, "role", &first).await;
    drop(consumer);
    let mut current = subject.consumer("current", &[Topic::Deals], store.clone());
    let records = drain(&mut current).await;
    decide(&mut current, &store, "current", &records).await;
    drop(current);
    subject.clock().advance(RETENTION + Duration::from_secs(1));
    assert_eq!(subject.prune().await, 20);
    append_deals(&subject, 10).await;
    let stopped = subject.consumer("role", &[Topic::Deals], store.clone()).poll(9, PATIENCE).await;
    assert!(matches!(stopped, Err(ConsumeError::Discontinuity { .. })), "{stopped:?}");
    assert_eq!(drain(&mut subject.consumer("current", &[Topic::Deals], store.clone())).await.len(), 10);
    assert_eq!(drain(&mut subject.consumer("new", &[Topic::Deals], store)).await.len(), 10);
}

/// A group that is running and falls behind the retention is stopped too, unless it has at hand what went:
/// nothing is skipped silently.
pub async fn a_slow_group_is_stopped_by_retention<S: Subject>(subject: S) {
    append_deals(&subject, 20).await;
    let mut consumer = subject.consumer("role", &[Topic::Deals], MemoryCheckpoints::new());
    let mut records = consumer.poll(1, PATIENCE).await.expect("readable");
    subject.clock().advance(RETENTION + Duration::from_secs(1));
    subject.prune().await;
    append_deals(&subject, 10).await;
    if S::READS_AHEAD {
        while records.len() < 30 {
            let batch = consumer.poll(100, PATIENCE).await.expect("what went is at hand");
            assert!(!batch.is_empty(), "{} of 30 came", records.len());
            records.extend(batch);
        }
        return;
    }
    let stopped = consumer.poll(100, Duration::ZERO).await;
    assert!(matches!(stopped, Err(ConsumeError::Discontinuity { .. })), "{stopped:?}");
}
