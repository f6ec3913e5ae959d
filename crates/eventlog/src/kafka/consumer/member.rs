//! The thread that is the group's member for one topic: the only one that touches librdkafka's consumer.
//!
//! It never waits for the role: full lanes are paused, and polling goes on, so the group never takes a slow
//! role for a dead one.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use afterglow_events::{Checkpoints, ConsumeError, Cursor, Received, Topic};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::metadata::MetadataTopic;
use rdkafka::{Offset, TopicPartitionList};
use tokio::time::Instant;

use super::lanes::{Orders, Place as Partition, Shared};
use super::start::Place;
use super::watch::{Watch, commit};
use crate::error::Error;
use crate::kafka::message;
use crate::kafka::settings::ASK;

/// How long the thread waits for a record before it looks for orders.
const POLL: Duration = Duration::from_millis(20);

/// What is gathered before it is handed over: a turn of the role, or what comes in this time.
const HAND_OVER_RECORDS: usize = 500;
const HAND_OVER: Duration = Duration::from_millis(5);

/// Pause after the store or the broker could not answer where to start.
const PAUSE: Duration = Duration::from_millis(500);

/// How often a broker that is away is looked for.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// A member of a group, for one topic.
pub(super) struct Member {
    consumer: BaseConsumer<Watch>,
    place: Place,
    shared: Arc<Shared>,
}

impl Member {
    pub(super) fn join(place: Place, shared: Arc<Shared>) -> Result<Self, Error> {
        let Place { settings, group, topic, .. } = &place;
        let watch = Watch::new(settings.clone(), group, *topic, shared.clone());
        let refused = |error: KafkaError| crate::kafka::settings::refused(&error);
        let consumer =
            settings.member(group).create_with_context::<_, BaseConsumer<_>>(watch).map_err(refused)?;
        consumer.subscribe(&[&settings.topic_name(*topic)]).map_err(refused)?;
        Ok(Self { consumer, place, shared })
    }

    /// What it reads.
    pub(super) fn topic(&self) -> Topic {
        self.place.topic
    }

    /// Polls until the role has dropped its consumer; then leaves the group.
    pub(super) fn run<C: Checkpoints>(self, checkpoints: &C) {
        let mut start_at = Instant::now();
        let mut probe_at = Instant::now();
        loop {
            let orders = self.shared.orders(self.place.topic);
            self.obey(&orders);
            if orders.closing {
                break;
            }
            self.poll();
            let now = Instant::now();
            if now >= start_at && !self.start_assigned(checkpoints) {
                start_at = now + PAUSE;
            }
            if self.watch().astray.swap(false, Ordering::Relaxed) {
                self.look_where_we_are();
            }
            let suspect =
                self.watch().suspect.load(Ordering::Relaxed) || self.shared.in_trouble(self.place.topic);
            if now >= probe_at && suspect {
                self.watch().suspect.store(false, Ordering::Relaxed);
                probe_at = now + PROBE_INTERVAL;
                self.probe();
                if self.watch().untold.swap(false, Ordering::Relaxed) {
                    self.shared.tell_again(self.place.topic);
                }
            }
        }
        self.watch().closing.store(true, Ordering::Relaxed);
        self.accept_what_waits();
        // Leaves the group; it can hang, and then nobody waits for this thread.
        drop(self.consumer);
    }

    fn watch(&self) -> &Watch {
        self.consumer.context()
    }

    fn obey(&self, orders: &Orders) {
        if !orders.commit.is_empty()
            && let Err(error) = commit(&self.consumer, &self.place.settings, &orders.commit)
        {
            self.watch().not_told(&error);
        }
        for (place, offset) in &orders.seek {
            let name = self.place.settings.topic_name(place.0);
            match self.consumer.seek(&name, i32::from(place.1), Offset::Offset(*offset), ASK) {
                Ok(()) => self.shared.sought(*place, *offset),
                Err(error) => tracing::debug!(error = %error, "Kafka: not rewound yet"),
            }
        }
        let failed = |error: KafkaError| tracing::debug!(error = %error, "Kafka: not paused or resumed");
        if !orders.pause.is_empty() {
            self.consumer.pause(&self.list(&orders.pause)).unwrap_or_else(failed);
        }
        if !orders.resume.is_empty() {
            self.consumer.resume(&self.list(&orders.resume)).unwrap_or_else(failed);
        }
    }

    /// Takes what is there, at most for [`HAND_OVER`] after the first record.
    fn poll(&self) {
        let mut records: Vec<Received> = Vec::new();
        let mut until = Instant::now() + POLL;
        loop {
            match self.consumer.poll(rest(until)) {
                Some(Ok(message)) => {
                    if records.is_empty() {
                        until = Instant::now() + HAND_OVER;
                    }
                    let topic = self.place.settings.topic_of(message.topic());
                    records.extend(topic.map(|topic| message::received(&message, topic)));
                }
                Some(Err(error)) => self.failed(&error),
                None => {}
            }
            if records.len() >= HAND_OVER_RECORDS || Instant::now() >= until {
                break;
            }
        }
        // What came behind that news is not what stands behind our cursors; it is read again if it is.
        if !records.is_empty() && !self.watch().astray.load(Ordering::Relaxed) {
            self.shared.no_trouble(self.place.topic);
            self.shared.received(records);
        }
    }

    fn failed(&self, error: &KafkaError) {
        match error.rdkafka_error_code() {
            // There is no default to fall back to: a person decides.
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
                self.watch().astray.store(true, Ordering::Relaxed);
            }
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
                let name = self.place.settings.topic_name(self.place.topic);
                self.trouble(format!("{name} is missing in Kafka; `afterglow topics --create` makes it"));
            }
            // Connections come and go; whether the broker is away is asked.
            _ => self.watch().suspect.store(true, Ordering::Relaxed),
        }
    }

    /// Starts what has been assigned; whether that needs no further try.
    fn start_assigned<C: Checkpoints>(&self, checkpoints: &C) -> bool {
        let waiting = self.waiting();
        // Where a person must decide, nothing goes on by itself.
        if waiting.is_empty() || self.shared.has_stopped() {
            return true;
        }
        let starts = match self.place.starts(&self.consumer, &waiting, checkpoints) {
            Ok(starts) => starts,
            Err(error @ ConsumeError::Discontinuity { .. }) => {
                self.shared.stop(error);
                return false;
            }
            Err(error) => {
                self.trouble(error.to_string());
                return false;
            }
        };
        if let Err(error) = self.assign(&starts) {
            self.trouble(error.to_string());
            return false;
        }
        for (cursor, end) in starts {
            self.shared.assigned(cursor, end);
        }
        self.watch().waiting().clear();
        self.shared.tell_assigned(&self.place.group);
        self.shared.no_trouble(self.place.topic);
        self.shared.joined(self.place.topic);
        true
    }

    fn assign(&self, starts: &[(Cursor, i64)]) -> KafkaResult<()> {
        // A pause outlives its assignment: what was full when it was taken away would come back and stand still.
        let places: Vec<Partition> =
            starts.iter().map(|(cursor, _)| (cursor.topic, cursor.partition)).collect();
        self.consumer.resume(&self.list(&places))?;
        let mut list = TopicPartitionList::new();
        for (cursor, _) in starts {
            let name = self.place.settings.topic_name(cursor.topic);
            list.add_partition_offset(
                &name,
                i32::from(cursor.partition),
                Offset::Offset(cursor.next_offset),
            )?;
        }
        self.consumer.incremental_assign(&list)
    }

    /// A position is not in the log: says which one. One that is there after all was a passing confusion.
    fn look_where_we_are(&self) {
        match self.place.verify(&self.shared.positions(self.place.topic)) {
            Ok(()) => self.shared.rewind_topic(self.place.topic, Instant::now()),
            Err(error @ ConsumeError::Discontinuity { .. }) => self.shared.stop(error),
            Err(error) => {
                self.trouble(error.to_string());
                self.watch().astray.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Whether the broker answers.
    fn probe(&self) {
        let name = self.place.settings.topic_name(self.place.topic);
        match self.consumer.fetch_metadata(Some(&name), PROBE_INTERVAL) {
            Err(error) => self.trouble(self.place.settings.unavailable(&error).to_string()),
            Ok(found) => {
                let there = |topic: &MetadataTopic| topic.name() == name && topic.error().is_none();
                if found.topics().iter().any(there) && self.waiting().is_empty() {
                    self.shared.no_trouble(self.place.topic);
                }
            }
        }
    }

    fn trouble(&self, trouble: String) {
        self.shared.trouble(self.place.topic, trouble);
    }

    /// An assignment that was never started would keep the group from being left.
    fn accept_what_waits(&self) {
        let waiting = self.waiting();
        if !waiting.is_empty()
            && let Err(error) = self.consumer.incremental_assign(&self.list(&waiting))
        {
            tracing::debug!(error = %error, "Kafka: an assignment was not accepted at the end");
        }
    }

    fn waiting(&self) -> Vec<Partition> {
        self.watch().waiting().clone()
    }

    fn list(&self, places: &[Partition]) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for (topic, partition) in places {
            list.add_partition(&self.place.settings.topic_name(*topic), i32::from(*partition));
        }
        list
    }
}

/// The rest of a wait, in whole milliseconds: the client waits for those, and spins through what is left of one.
fn rest(until: Instant) -> Duration {
    let rest = until.saturating_duration_since(Instant::now());
    Duration::from_millis(u64::try_from(rest.as_micros().div_ceil(1000)).unwrap_or(u64::MAX))
}
