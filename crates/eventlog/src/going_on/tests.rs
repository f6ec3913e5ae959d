//! What stops a group and how it goes on, on the model; `kafka::tests::groups` has what only a broker does.

use std::sync::Arc;
use std::time::Duration;

use afterglow_domain::Shard;
use afterglow_domain::clock::ManualClock;
use afterglow_events::{Append as _, Record};
use bytes::Bytes;

use super::*;
use crate::{MemoryLog, Options};

const KEY: &str = "acme/ext:shop:1";
const NOW: Timestamp = Timestamp(77);

/// A log with the records 0 to 9 in one partition.
async fn ten() -> MemoryLog {
    let clock = Arc::new(ManualClock::new(Timestamp::EPOCH));
    let log = MemoryLog::new(Options { partitions: 4, retention: Duration::from_mins(1), clock }).unwrap();
    let record = |n: usize| {
        let id = Bytes::from(n.to_string());
        let headers = vec![("ce_id".into(), id.clone())];
        Record { topic: Topic::Deals, key: Bytes::from_static(KEY.as_bytes()), headers, value: id }
    };
    assert!(log.append((0..10).map(record).collect()).await.iter().all(Result::is_ok));
    log
}

fn partition() -> u16 {
    Shard::of(KEY).partition(4)
}

fn cursor(next_offset: i64, last_event_id: &str) -> Cursor {
    let last_event_id = last_event_id.to_owned();
    Cursor { topic: Topic::Deals, partition: partition(), next_offset, last_event_id, at: Timestamp(5) }
}

async fn found(log: &MemoryLog, cursors: &[Cursor]) -> Vec<Misfit> {
    misfits(log, &Unremembered, (&[Topic::Deals, Topic::Signals], cursors), NOW).await.unwrap()
}

fn back(what: &str, from: i64, to: (i64, i64)) -> Misfit {
    let (next_offset, ahead) = to;
    let to = Some(Cursor { at: NOW, ..cursor(next_offset, "") });
    Misfit { topic: Topic::Deals, partition: partition(), what: what.to_owned(), from: Some(from), to, ahead }
}

#[tokio::test]
async fn what_fits_stays() {
    let log = ten().await;
    for fits in [&[][..], &[cursor(0, "")], &[cursor(7, "6")], &[cursor(10, "9")]] {
        assert_eq!(found(&log, fits).await, [], "{fits:?}");
    }
}

#[tokio::test]
async fn a_log_without_the_remembered_record_is_read_from_its_beginning() {
    let log = ten().await;
    let shorter = "we are at offset 40, the log ends at 10";
    assert_eq!(found(&log, &[cursor(40, "39")]).await, [back(shorter, 40, (0, 10))]);
    let other = r#"the checkpoint remembers event "x" at offset 6, the log has "6" there"#;
    assert_eq!(found(&log, &[cursor(7, "x")]).await, [back(other, 7, (0, 10))]);
    let clock = Timestamp::EPOCH.plus(Duration::from_secs(61));
    assert_eq!(log.prune(clock), 10);
    let pruned = "we are at offset 7, the log starts at 10";
    assert_eq!(found(&log, &[cursor(7, "6")]).await, [back(pruned, 7, (10, 0))]);
}

#[tokio::test]
async fn a_partition_that_is_no_more_is_forgotten() {
    let log = ten().await;
    let gone = Cursor { partition: 9, ..cursor(7, "6") };
    let what = "the checkpoint knows this partition at offset 7, the log has none of that number".to_owned();
    let forgotten = Misfit { topic: Topic::Deals, partition: 9, what, from: Some(7), to: None, ahead: 0 };
    assert_eq!(found(&log, std::slice::from_ref(&gone)).await, [forgotten]);
    let another = misfits(&log, &Unremembered, (&[Topic::Signals], &[gone]), NOW).await.unwrap();
    assert_eq!(another, [], "only what was asked about");
}

/// A group that remembers another place.
struct Moved;

impl Group for Moved {
    fn members(&self) -> usize {
        0
    }

    fn start(&self, (topic, at): (Topic, u16), _: Option<&Cursor>) -> Result<Option<i64>, String> {
        if (topic, at) == (Topic::Deals, partition()) { Err("it was moved".to_owned()) } else { Ok(None) }
    }

    async fn move_to(&self, _: Vec<Cursor>) -> Result<(), Error> {
        Ok(())
    }
}

#[tokio::test]
async fn where_the_group_is_wrong_the_store_is_right() {
    let log = ten().await;
    let found = async |cursors: &[Cursor]| {
        misfits(&log, &Moved, (&[Topic::Deals], cursors), NOW).await.unwrap().remove(0)
    };
    let known = cursor(7, "6");
    let misfit = found(std::slice::from_ref(&known)).await;
    assert_eq!((misfit.to, misfit.ahead), (Some(known), 3), "the store's cursor, as it is");
    let misfit = found(&[]).await;
    let begun = Cursor { at: NOW, ..cursor(0, "") };
    assert_eq!((misfit.from, misfit.to, misfit.ahead), (None, Some(begun), 10), "of a new store");
}
