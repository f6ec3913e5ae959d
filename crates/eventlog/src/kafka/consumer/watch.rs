//! What librdkafka tells a member between two records: assignments, lost commits, errors.
//!
//! Its calls come on the member's thread, out of a poll; none waits for the store or the broker.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use afterglow_events::{Cursor, Topic};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, Statistics, TopicPartitionList};

use super::lanes::{Place as Partition, Shared};
use crate::kafka::offset_mark;
use crate::kafka::settings::{self, Settings};
use crate::metric;

/// What the member's thread is told, until it looks.
pub(super) struct Watch {
    settings: Arc<Settings>,
    shared: Arc<Shared>,
    /// Assigned, and not started yet: that needs the store, which no callback waits for.
    assigned: Mutex<Vec<Partition>>,
    /// A position may not be in the log any more: the broker has said so, or the topic was made anew.
    pub(super) astray: AtomicBool,
    /// Something has failed: the broker may be away.
    pub(super) suspect: AtomicBool,
    /// A commit was lost.
    pub(super) untold: AtomicBool,
    pub(super) closing: AtomicBool,
    group: String,
    topic: Topic,
}

impl Watch {
    pub(super) fn new(settings: Arc<Settings>, group: &str, topic: Topic, shared: Arc<Shared>) -> Self {
        Self {
            group: group.to_owned(),
            topic,
            settings,
            shared,
            assigned: Mutex::new(Vec::new()),
            astray: AtomicBool::new(false),
            suspect: AtomicBool::new(false),
            untold: AtomicBool::new(false),
            closing: AtomicBool::new(false),
        }
    }

    /// Partitions that are ours and not started yet.
    pub(super) fn waiting(&self) -> MutexGuard<'_, Vec<Partition>> {
        self.assigned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Commits without waiting for the answer, each offset with the mark of its cursor.
pub(super) fn commit(
    consumer: &BaseConsumer<Watch>,
    settings: &Settings,
    cursors: &[Cursor],
) -> KafkaResult<()> {
    let list = offset_mark::list(settings, cursors)?;
    consumer.commit(&list, CommitMode::Async)
}

impl ClientContext for Watch {
    /// The position in a topic that was made anew may be inside of it: librdkafka then goes on in silence, and
    /// its debug line is all there is. It comes before the first record of the new topic.
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        if settings::tells_of_a_topic_made_anew(line) {
            self.astray.store(true, Ordering::Relaxed);
        }
        settings::log(level, facility, line);
    }

    /// librdkafka knows where a partition ends without being asked; we know what of it is decided.
    fn stats(&self, statistics: Statistics) {
        let topic = statistics.topics.get(&self.settings.topic_name(self.topic));
        for (cursor, _) in self.shared.positions(self.topic) {
            let partition = topic.and_then(|topic| topic.partitions.get(&i32::from(cursor.partition)));
            // Negative where it has not heard of it yet.
            if let Some(end) = partition.map(|partition| partition.hi_offset).filter(|end| *end >= 0) {
                metric::lag(&self.group, cursor.topic, cursor.partition, end - cursor.next_offset);
            }
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(error = %error, reason, "Kafka: consumer");
        self.settings.trouble.heard(&error, reason);
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
                self.astray.store(true, Ordering::Relaxed);
            }
            _ => self.suspect.store(true, Ordering::Relaxed),
        }
    }
}

impl ConsumerContext for Watch {
    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        if let Err(error) = result {
            self.not_told(&error);
        }
    }

    /// Overridden whole: offsets are set at the assignment, and the library's own way would assign twice.
    fn rebalance(&self, consumer: &BaseConsumer<Self>, what: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let partitions = self.partitions(list);
        let assigned = matches!(what, RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS);
        let word = if assigned { "assigned" } else { "revoked" };
        metrics::counter!(metric::REBALANCES, "group" => self.group.clone(), "what" => word).increment(1);
        let done = match what {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS
                if partitions.is_empty() || self.closing.load(Ordering::Relaxed) =>
            {
                self.shared.joined(self.topic);
                consumer.incremental_assign(list)
            }
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                self.waiting().extend(partitions);
                Ok(())
            }
            _ => {
                self.waiting().retain(|place| !partitions.contains(place));
                self.hand_back(consumer, &partitions);
                consumer.incremental_unassign(list)
            }
        };
        if let Err(error) = done {
            self.shared.trouble(self.topic, format!("Kafka: the group's assignment failed: {error}"));
        }
    }
}

impl Watch {
    /// Remembers that Kafka was not told, and looks whether it can be.
    pub(super) fn not_told(&self, error: &KafkaError) {
        tracing::debug!(error = %error, "Kafka: offsets were not committed");
        self.untold.store(true, Ordering::Relaxed);
        self.suspect.store(true, Ordering::Relaxed);
    }

    /// The partitions of a list; the library's own way to its elements panics where it has none.
    fn partitions(&self, list: &TopicPartitionList) -> Vec<Partition> {
        let elements = if list.count() == 0 { Vec::new() } else { list.elements() };
        let place = |element: rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
            Some((self.settings.topic_of(element.topic())?, u16::try_from(element.partition()).ok()?))
        };
        elements.into_iter().filter_map(place).collect()
    }

    /// Tells Kafka how far we have come, for whoever gets these partitions next.
    fn hand_back(&self, consumer: &BaseConsumer<Self>, partitions: &[Partition]) {
        let untold = self.shared.uncommitted(self.topic);
        if !untold.is_empty()
            && let Err(error) = commit(consumer, &self.settings, &untold)
        {
            self.not_told(&error);
        }
        for place in partitions {
            self.shared.revoked(*place);
            // Whoever has it now tells its lag; ours would stand still.
            metric::lag(&self.group, place.0, place.1, 0);
        }
        self.shared.tell_assigned(&self.group);
    }
}
