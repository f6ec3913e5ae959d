//! The way of a delivery report back to the call that waits for it.
//!
//! A call sends a round of records and waits once, not record by record: each report fills its place and the
//! last one wakes the caller.

use std::sync::{Arc, Mutex, PoisonError};

use afterglow_events::{AppendError, Position, Topic};
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::ProducerContext;
use tokio::sync::Notify;

use super::settings::Settings;
use super::trouble::Trouble;
use crate::admission::RECORD_BYTES_MAX;
use crate::metric::SentCounters;

/// What a record's report is for.
pub(super) struct Awaited {
    /// The round that the record belongs to.
    pub(super) round: Arc<Round>,
    /// Its place in there.
    pub(super) place: usize,
    /// Its topic.
    pub(super) topic: Topic,
    /// The bytes that it has.
    pub(super) bytes: usize,
}

type Outcome = Result<Position, AppendError>;

/// Records that were sent together.
pub(super) struct Round {
    places: Mutex<Places>,
    done: Notify,
}

struct Places {
    left: usize,
    outcomes: Vec<Option<Outcome>>,
}

impl Round {
    pub(super) fn of(records: usize) -> Arc<Self> {
        let places = Places { left: records, outcomes: vec![None; records] };
        Arc::new(Self { places: Mutex::new(places), done: Notify::new() })
    }

    pub(super) fn settle(&self, place: usize, outcome: Outcome) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.outcomes[place] = Some(outcome);
        places.left -= 1;
        if places.left == 0 {
            // Kept for a caller that does not wait yet.
            self.done.notify_one();
        }
    }

    /// Waits for the last report. librdkafka reports each record within its timeout, whatever happens.
    pub(super) async fn outcomes(&self) -> Vec<Outcome> {
        self.done.notified().await;
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let outcomes = std::mem::take(&mut places.outcomes);
        outcomes.into_iter().map(|outcome| outcome.expect("none is left")).collect()
    }
}

/// Receives the producer's reports, on its own thread.
pub(super) struct Delivery {
    trouble: Trouble,
    sent: SentCounters,
}

impl Delivery {
    pub(super) fn new(settings: &Settings) -> Self {
        Self { trouble: settings.trouble.clone(), sent: SentCounters::default() }
    }
}

impl ClientContext for Delivery {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        super::settings::log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(error = %error, reason, "Kafka: producer");
        self.trouble.heard(&error, reason);
    }
}

impl ProducerContext for Delivery {
    type DeliveryOpaque = Box<Awaited>;

    fn delivery(&self, result: &DeliveryResult<'_>, awaited: Box<Awaited>) {
        let Awaited { round, place, topic, bytes } = *awaited;
        let outcome = match result {
            Ok(message) => position(message.partition(), message.offset()),
            Err((error, _)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::MessageTimedOut) => {
                Err(AppendError::Unavailable(not_in_time(self.trouble.reason().as_deref())))
            }
            Err((error, _)) => Err(refused(error, bytes)),
        };
        if outcome.is_ok() {
            self.sent.count(topic, 1, bytes as u64);
        }
        round.settle(place, outcome);
    }
}

/// Where a record that was called delivered is. One without an offset is one that the broker has taken for a
/// repetition, and librdkafka with it: most are, but where a partition is new to both, its first record may be
/// another one with the same sequence number, and is nowhere. It counts as not taken: whoever appended sends it
/// again, and identity makes a record that was written after all a repetition.
fn position(partition: i32, offset: i64) -> Outcome {
    match (u16::try_from(partition), offset) {
        (Ok(partition), 0..) => Ok(Position { partition, offset }),
        _ => Err(AppendError::Unavailable("Kafka does not say where it has put the record".to_owned())),
    }
}

fn not_in_time(reason: Option<&str>) -> String {
    let question = "is the broker running, are enough replicas in sync?";
    format!("Kafka did not take it in time; {}", reason.unwrap_or(question))
}

/// Why Kafka, or its client, did not take a record of so many bytes.
pub(super) fn refused(error: &KafkaError, bytes: usize) -> AppendError {
    match error.rdkafka_error_code() {
        // Our own limit lies below Kafka's default, so this is a topic that takes less.
        Some(RDKafkaErrorCode::MessageSizeTooLarge) => {
            AppendError::TooLarge { bytes, max: RECORD_BYTES_MAX.min(bytes.saturating_sub(1)) }
        }
        Some(RDKafkaErrorCode::QueueFull) => {
            AppendError::Unavailable("Kafka does not keep up, or is away: the queue to it is full".to_owned())
        }
        Some(RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownTopicOrPartition) => {
            AppendError::Unavailable(
                "the topic is missing in Kafka; `afterglow topics --create` makes it".to_owned(),
            )
        }
        _ => AppendError::Unavailable(format!("Kafka: {error}")),
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn what_is_nowhere_was_not_taken() {
        assert_eq!(position(3, 0).unwrap(), Position { partition: 3, offset: 0 });
        for (partition, offset) in [(3, -1001), (3, -1), (-1, 7)] {
            assert!(matches!(position(partition, offset), Err(AppendError::Unavailable(_))), "{offset}");
        }
    }
}
