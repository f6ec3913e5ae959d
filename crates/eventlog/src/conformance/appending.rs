//! What an append promises.

use std::time::Duration;

use afterglow_domain::Shard;
use afterglow_events::{Append, AppendError, Record, Topic};
use bytes::Bytes;
use futures::future::join_all;

use super::{PARTITIONS, Subject, all, append, append_deals, ids, ids_of, keys, now, record};
use crate::source::Source;

/// Records of a key come back in the order of their append, within a call and across calls, and the
/// positions that were answered are where they are.
pub async fn order_per_key(subject: impl Subject) {
    let keys = keys(8);
    for call in 0..3 {
        let records = (0..40).map(|n| record(Topic::Deals, &keys[n % 8], &(call * 40 + n))).collect();
        let positions = append(&subject.log(), records).await;
        for (n, position) in positions.into_iter().enumerate() {
            let read = subject.source().read(Topic::Deals, position.partition, position.offset, 1).await;
            let read = read.expect("readable");
            assert_eq!(ids(&read), [(call * 40 + n).to_string()]);
            assert_eq!((read[0].partition, read[0].offset), (position.partition, position.offset));
        }
    }
    let records = all(&subject.source(), Topic::Deals).await;
    for (n, key) in keys.iter().enumerate() {
        let expected: Vec<_> = (n..120).step_by(8).map(|id| id.to_string()).collect();
        assert_eq!(ids_of(&records, key), expected);
    }
}

/// The partition is the shard's, and topics do not share offsets.
pub async fn partition_follows_key(subject: impl Subject) {
    for key in keys(50) {
        let expected = Shard::of(&key).partition(PARTITIONS);
        let records = vec![record(Topic::Deals, &key, &1), record(Topic::Signals, &key, &2)];
        let positions = append(&subject.log(), records).await;
        assert!(positions.iter().all(|position| position.partition == expected));
    }
    let deals = subject.source().bounds().await.expect("readable").of_topic(Topic::Deals);
    assert_eq!(deals.len(), usize::from(PARTITIONS));
    assert!(deals.iter().all(|(_, start, end)| *start == 0 && *end > 0), "{deals:?}");
    assert_eq!(deals.iter().map(|(.., end)| end).sum::<i64>(), 50);
}

/// What was answered is there after a restart, byte for byte, and offsets go on.
pub async fn durable_after_reopen(subject: impl Subject) {
    append_deals(&subject, 30).await;
    let before = all(&subject.source(), Topic::Deals).await;
    let log_id = subject.source().log_id().to_owned();
    let subject = subject.reopen().await;
    assert_eq!(all(&subject.source(), Topic::Deals).await, before);
    assert_eq!(subject.source().log_id(), log_id);
    append_deals(&subject, 10).await;
    let after = all(&subject.source(), Topic::Deals).await;
    assert_eq!(after.len(), 40);
    assert!(before.iter().all(|record| after.contains(record)));
}

/// A record that no log takes is refused for good, holds up its key within the call, and no other.
pub async fn too_large(subject: impl Subject) {
    let mut large = record(Topic::Deals, "acme/ext:shop:1", "large");
    large.value = Bytes::from(vec![7; 2 * Record::VALUE_BYTES_MAX]);
    let mut largest = record(Topic::Deals, "acme/ext:shop:2", "largest");
    largest.value = Bytes::from(vec![7; Record::VALUE_BYTES_MAX]);
    let after = record(Topic::Deals, "acme/ext:shop:1", "after");
    let results = subject.log().append(vec![large, largest, after]).await;
    let bytes = 2 * Record::VALUE_BYTES_MAX;
    assert!(matches!(results[0], Err(AppendError::TooLarge { bytes: b, max }) if b >= bytes && max < bytes));
    assert!(results[1].is_ok());
    assert!(matches!(results[2], Err(AppendError::Unavailable(_))));
    assert_eq!(ids(&all(&subject.source(), Topic::Deals).await), ["largest"]);
}

/// Keys that are empty or no text, and headers and payloads of any bytes, come back as they were.
pub async fn strange_keys_and_bytes(subject: impl Subject) {
    let strange = |key: &'static [u8]| Record {
        topic: Topic::Signals,
        key: Bytes::from_static(key),
        headers: vec![
            ("".into(), Bytes::from_static(&[0xff, 0])),
            ("twice".into(), Bytes::new()),
            ("twice".into(), Bytes::from_static(b"2")),
        ],
        value: Bytes::from_static(&[0, 0xc3, 0x28]),
    };
    let records = vec![strange(b""), strange(&[0xff, 0xfe]), strange(b"no/such:key")];
    append(&subject.log(), records.clone()).await;
    let read = all(&subject.source(), Topic::Signals).await;
    let mut read: Vec<_> = read.into_iter().map(|received| received.record).collect();
    read.sort_by(|a, b| a.key.cmp(&b.key));
    let mut expected = records;
    expected.sort_by(|a, b| a.key.cmp(&b.key));
    assert_eq!(read, expected);
    assert!(append(&subject.log(), Vec::new()).await.is_empty());
}

/// A caller that gave up and tries again may write twice, but never in another order, and never what
/// was not appended.
pub async fn repeated_append_keeps_order(subject: impl Subject) {
    let key = "acme/ext:shop:1";
    let log = subject.log();
    for n in 0..20 {
        let mut given_up = Box::pin(log.append(vec![record(Topic::Deals, key, &n)]));
        let _ = futures::poll!(given_up.as_mut());
        drop(given_up);
        append(&log, vec![record(Topic::Deals, key, &n)]).await;
    }
    let mut found = ids_of(&all(&subject.source(), Topic::Deals).await, key);
    assert!((20..=40).contains(&found.len()));
    found.dedup();
    assert_eq!(found, (0..20).map(|n| n.to_string()).collect::<Vec<_>>());
}

/// Many callers at once: each one's order is kept, nothing is lost, nothing is doubled.
pub async fn concurrent_appenders_keep_their_order(subject: impl Subject) {
    let log = subject.log();
    let appender = |key: String| {
        let log = log.clone();
        async move {
            for n in 0..20 {
                append(&log, vec![record(Topic::Deals, &key, &n)]).await;
            }
        }
    };
    join_all(keys(64).into_iter().map(appender)).await;
    let records = all(&subject.source(), Topic::Deals).await;
    let expected: Vec<_> = (0..20).map(|n| n.to_string()).collect();
    for key in keys(64) {
        assert_eq!(ids_of(&records, &key), expected);
    }
}

/// `taken_at` is the clock's, and stands still where the clock of a log of one machine goes back.
pub async fn taken_at_never_falls<S: Subject>(subject: S) {
    append(&subject.log(), vec![record(Topic::Deals, "a", &1)]).await;
    let high = now(&subject);
    assert_eq!(all(&subject.source(), Topic::Deals).await[0].taken_at, high);
    if !S::OWN_CLOCK {
        return;
    }
    subject.clock().set(high.minus(Duration::from_hours(1)));
    append(&subject.log(), vec![record(Topic::Deals, "a", &2), record(Topic::Deals, "b", &3)]).await;
    let subject = subject.reopen().await;
    append(&subject.log(), vec![record(Topic::Signals, "c", &4)]).await;
    subject.clock().set(high.plus(Duration::from_secs(1)));
    append(&subject.log(), vec![record(Topic::Signals, "c", &5)]).await;
    let deals = all(&subject.source(), Topic::Deals).await;
    assert!(deals.iter().all(|received| received.taken_at == high), "{deals:?}");
    let signals = all(&subject.source(), Topic::Signals).await;
    assert_eq!(signals[0].taken_at, high);
    assert_eq!(signals[1].taken_at, high.plus(Duration::from_secs(1)));
}
