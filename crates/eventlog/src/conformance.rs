//! What every log does, as tests that each adapter runs on itself with [`crate::log_conformance`].
//!
//! A case gets a fresh log and fails by panicking. Deliberately absent: durability against SIGKILL and
//! power loss, which no test inside the process can show.

mod appending;
mod consuming;
mod retention;
mod tailing;

pub use appending::*;
pub use consuming::*;
pub use retention::*;
pub use tailing::*;

use std::future::Future;
use std::time::Duration;

use afterglow_domain::clock::ManualClock;
use afterglow_domain::{Clock, Timestamp};
use afterglow_events::{Append, Consume, Position, Received, Record, Topic};
use bytes::Bytes;

use crate::memory::MemoryCheckpoints;
use crate::options::Options;
use crate::source::Source;

/// Partitions of the log under test.
pub const PARTITIONS: u16 = 4;

/// Retention of the log under test.
pub const RETENTION: Duration = Duration::from_hours(1);

/// A log under test and what belongs to it.
pub trait Subject: Sized + Send {
    /// What is appended to.
    type Log: Append + Clone;
    /// What is read by position.
    type Source: Source;

    /// Whether the log itself stamps `taken_at`, by the clock that it was opened with; a broker's is its own.
    const OWN_CLOCK: bool = true;
    /// Whether a consumer holds records beyond what it was asked for: those outlive their removal.
    const READS_AHEAD: bool = false;

    /// The log.
    fn log(&self) -> Self::Log;

    /// Its reader.
    fn source(&self) -> Self::Source;

    /// The clock that it was opened with.
    fn clock(&self) -> &ManualClock;

    /// The reader of a group.
    fn consumer(&self, group: &str, topics: &[Topic], checkpoints: MemoryCheckpoints) -> impl Consume;

    /// Applies the retention now; says how many records went.
    fn prune(&self) -> impl Future<Output = u64> + Send;

    /// Closes the log and opens it again, as after a restart.
    fn reopen(self) -> impl Future<Output = Self> + Send;
}

/// The options and the clock that a log under test is opened with.
pub fn options() -> (Options, ManualClock) {
    let clock = ManualClock::new(Timestamp::from_millis(1_770_000_000_000));
    let options =
        Options { partitions: PARTITIONS, retention: RETENTION, clock: std::sync::Arc::new(clock.clone()) };
    (options, clock)
}

/// One `#[tokio::test]` per case, in a module of the given name; the expression makes a fresh
/// [`Subject`] and may await.
#[macro_export]
macro_rules! log_conformance {
    ($module:ident, $subject:expr) => {
        $crate::log_conformance!(@cases $module, $subject,
            order_per_key, partition_follows_key, durable_after_reopen, too_large, strange_keys_and_bytes,
            repeated_append_keeps_order, concurrent_appenders_keep_their_order, taken_at_never_falls,
            every_partition_gets_its_turn, rewind_gives_again_what_was_not_committed,
            restart_goes_on_behind_the_checkpoint, groups_are_independent, poll_waits_for_an_append,
            giving_up_a_poll_loses_nothing, a_checkpoint_that_does_not_fit_stops_the_group,
            retention_keeps_offsets, a_pruned_checkpoint_stops_the_group, a_slow_group_is_stopped_by_retention,
            tail_is_in_order_of_time, tail_resumes_behind_every_record, tail_from_now_sees_only_what_follows,
            foreign_and_expired_cursors_are_refused);
    };
    (@cases $module:ident, $subject:expr, $($case:ident),+) => {
        mod $module {
            #[allow(unused_imports, reason = "the expression may name nothing of its surroundings")]
            use super::*;
            $(#[tokio::test]
            async fn $case() {
                $crate::conformance::$case($subject).await;
            })+
        }
    };
}

/// A record of a topic; its `ce_id` is `id`, its payload repeats it.
fn record(topic: Topic, key: &str, id: &(impl ToString + ?Sized)) -> Record {
    let id = id.to_string();
    Record {
        topic,
        key: Bytes::copy_from_slice(key.as_bytes()),
        headers: vec![("ce_id".into(), Bytes::from(id.clone()))],
        value: Bytes::from(id),
    }
}

/// Keys that reach every partition.
fn keys(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("acme/ext:shop:{n}")).collect()
}

fn id(received: &Received) -> String {
    received.record.header("ce_id").unwrap_or_default().to_owned()
}

fn ids(records: &[Received]) -> Vec<String> {
    records.iter().map(id).collect()
}

/// The ids of one key, in order.
fn ids_of(records: &[Received], key: &str) -> Vec<String> {
    let of_key = records.iter().filter(|received| received.record.key_text() == key);
    of_key.map(id).collect()
}

/// Appends, all of it durable.
async fn append(log: &impl Append, records: Vec<Record>) -> Vec<Position> {
    let results = log.append(records).await;
    results.into_iter().map(|result| result.expect("a healthy log takes a sound record")).collect()
}

/// Appends `count` deals with rising ids, their keys in turn; ten seconds pass before each.
async fn append_deals(subject: &impl Subject, count: usize) {
    let keys = keys(10);
    for n in 0..count {
        subject.clock().advance(Duration::from_secs(10));
        append(&subject.log(), vec![record(Topic::Deals, &keys[n % keys.len()], &n)]).await;
    }
}

/// All that a topic holds, partition by partition.
async fn all(source: &impl Source, topic: Topic) -> Vec<Received> {
    let mut records = Vec::new();
    for (partition, start, end) in source.bounds().await.expect("readable").of_topic(topic) {
        let mut from = start;
        while from < end {
            let read = source.read(topic, partition, from, 100).await.expect("readable");
            from = read.last().expect("what lies within the bounds is there").offset + 1;
            records.extend(read);
        }
    }
    records
}

/// Polls until nothing comes any more.
async fn drain(consumer: &mut impl Consume) -> Vec<Received> {
    let mut records = Vec::new();
    loop {
        let batch = consumer.poll(7, Duration::ZERO).await.expect("a consumer that fits its log");
        if batch.is_empty() {
            return records;
        }
        assert!(batch.len() <= 7);
        records.extend(batch);
    }
}

/// Decides on the records durably.
async fn decide(consumer: &mut impl Consume, store: &MemoryCheckpoints, group: &str, records: &[Received]) {
    let cursors = MemoryCheckpoints::behind(records, Timestamp::EPOCH);
    store.save(group, &cursors);
    consumer.commit(&cursors).await.expect("a log that can be told");
}

/// The clock's reading, for assertions.
fn now(subject: &impl Subject) -> Timestamp {
    subject.clock().now()
}
