//! Names of the metrics that this crate emits, and the counters behind them.

use std::sync::OnceLock;

use afterglow_events::{Record, Topic};
use metrics::Counter;

use crate::topic_number;

/// Counter of records handed to readers, by `topic` and `by` (the consumer group, or `tail`).
pub const RECEIVED: &str = "afterglow_log_received_total";

/// Counter of records that are durable in the log, by `topic`.
pub const SENT: &str = "afterglow_log_sent_total";

/// Counter of bytes of key, headers and value that are durable in the log, by `topic`.
pub const SENT_BYTES: &str = "afterglow_log_sent_bytes_total";

/// Counter of records that callers were told are not in the log, by `reason` (`too_large`, `unavailable`).
pub const ERRORED: &str = "afterglow_log_errored_total";

/// Histogram of the records in one commit of the embedded log.
pub const COMMIT_RECORDS: &str = "afterglow_log_commit_records";

/// Counter of records that retention has removed.
pub const PRUNED: &str = "afterglow_log_pruned_total";

/// Records of a partition that a group has not decided yet, by `group`, `topic` and `partition`.
pub const LAG: &str = "afterglow_log_lag_records";

/// Counter of records that came from another partition than their key's: a producer with a partitioner of its own, by `topic`. Harmless, and slower.
pub const FOREIGN: &str = "afterglow_log_foreign_partition_total";

/// Counter of changes of a group's assignment that this process took part in, by `group` and `what` (`assigned`, `revoked`).
pub const REBALANCES: &str = "afterglow_log_rebalances_total";

/// Partitions that this process reads for a group, by `group`.
pub const ASSIGNED: &str = "afterglow_log_assigned_partitions";

/// Counter of times that Kafka was found not to answer.
pub const OUTAGES: &str = "afterglow_log_outages_total";

/// Counter of times that Kafka's producer failed for good and was made anew.
pub const PRODUCERS_RENEWED: &str = "afterglow_log_producers_renewed_total";

/// How far a group is behind in a partition.
pub(crate) fn lag(group: &str, topic: Topic, partition: u16, records: i64) {
    let labels = [
        ("group", group.to_owned()),
        ("topic", topic.short_name().to_owned()),
        ("partition", partition.to_string()),
    ];
    // A gauge is a float; what does not fit its 52 bits is not looked at.
    #[expect(clippy::cast_precision_loss, reason = "a lag is far below 2^52 records")]
    metrics::gauge!(LAG, &labels).set(records.max(0) as f64);
}

/// The counters of what is durable, each looked up with its topic's first record: to look one up by its labels
/// costs more than to count.
#[derive(Default)]
pub(crate) struct SentCounters([OnceLock<(Counter, Counter)>; topic_number::COUNT as usize]);

impl SentCounters {
    /// Counts records of a topic, with the bytes that they have together.
    pub(crate) fn count(&self, topic: Topic, records: u64, bytes: u64) {
        let (sent, sent_bytes) = self.0[usize::from(topic_number::of(topic))].get_or_init(|| {
            let label = ("topic", topic.short_name());
            (metrics::counter!(SENT, &[label]), metrics::counter!(SENT_BYTES, &[label]))
        });
        sent.increment(records);
        sent_bytes.increment(bytes);
    }
}

/// Records and their bytes per topic, counted before the records are given away.
pub(crate) struct Tally([(u64, u64); topic_number::COUNT as usize]);

impl Tally {
    pub(crate) fn of<'a>(records: impl Iterator<Item = &'a Record>) -> Self {
        let mut tally = Self(Default::default());
        for record in records {
            let (count, bytes) = &mut tally.0[usize::from(topic_number::of(record.topic))];
            (*count, *bytes) = (*count + 1, *bytes + record_bytes(record) as u64);
        }
        tally
    }

    pub(crate) fn sent(&self, counters: &SentCounters) {
        for (topic, records, bytes) in self.each() {
            counters.count(topic, records, bytes);
        }
    }

    pub(crate) fn received(&self, by: &str) {
        for (topic, records, _) in self.each() {
            metrics::counter!(RECEIVED, "topic" => topic.short_name(), "by" => by.to_owned())
                .increment(records);
        }
    }

    fn each(&self) -> impl Iterator<Item = (Topic, u64, u64)> {
        let tallied =
            Topic::ALL.into_iter().map(|topic| (topic, self.0[usize::from(topic_number::of(topic))]));
        tallied
            .filter(|(_, (records, _))| *records > 0)
            .map(|(topic, (records, bytes))| (topic, records, bytes))
    }
}

/// Bytes of key, headers and value.
pub(crate) fn record_bytes(record: &Record) -> usize {
    let headers: usize = record.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    record.key.len() + headers + record.value.len()
}
