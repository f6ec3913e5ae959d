//! The log of many machines: Kafka topics, one partition per slice of the key space.
//!
//! What a role sees is the same as with the embedded log; what differs is who keeps the promises:
//! - Records become durable on the broker: `acks=all`, idempotent, explicit partitions.
//! - [`KafkaConsumer`] is a member of an ordinary consumer group. The durable cursor is still the role's own;
//!   the group's committed offset is what the group's other members and everybody's tools look at.
//! - `taken_at` is the broker's time where a topic says `LogAppendTime`, as ours do; it falls if a broker's
//!   clock falls.
//!
//! Nothing here needs a broker to be constructed: while it is away, appends fail within
//! [`Settings::append_timeout`], reads say so, and both recover by themselves.
//!
//! Deliberately absent: Kafka transactions, which do not cover the database (identity does), and any default
//! of `auto.offset.reset`: a position that is gone is a question for a person.

mod consumer;
mod delivery;
mod group;
mod message;
mod offset_mark;
mod producer;
mod reader;
mod settings;
#[cfg(test)]
mod tests;
mod topics;
mod trouble;

pub use consumer::KafkaConsumer;
pub use group::KafkaGroup;
pub use reader::KafkaReader;
pub use settings::{Settings, check_library};
pub use topics::Difference;
pub use trouble::Trouble;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use afterglow_domain::Shard;
use afterglow_events::{Append, AppendError, Checkpoints, Position, Record, Topic};
use bytes::Bytes;
use rdkafka::producer::{BaseRecord, Producer as _};

use crate::admission::admit;
use crate::error::Error;
use crate::metric;
use delivery::{Awaited, Round};
use producer::{Producer, Producers};

/// How often the broker is asked whether it is there. With the time that a question may take it is the longest
/// for which nobody knows that it is away.
const WATCH_INTERVAL: Duration = Duration::from_secs(3);

/// A log on Kafka. Clones share the producer.
#[derive(Clone)]
pub struct KafkaLog {
    settings: Arc<Settings>,
    producers: Arc<Producers>,
}

impl KafkaLog {
    /// The log that the settings name; no broker is asked.
    ///
    /// Errors: [`Error::PartitionCount`], [`Error::Library`] and [`Error::Client`] need a person.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        settings.check()?;
        check_library()?;
        Self::of(settings)
    }

    fn of(settings: Settings) -> Result<Self, Error> {
        let settings = Arc::new(settings);
        let producers = Arc::new(Producers::new(settings.clone())?);
        Ok(Self { settings, producers })
    }

    /// A member of the group, reading some topics behind the cursors that `checkpoints` remembers.
    pub fn consumer<C: Checkpoints>(
        &self,
        group: &str,
        topics: &[Topic],
        checkpoints: C,
    ) -> Result<KafkaConsumer, Error> {
        KafkaConsumer::start(&self.settings, group, topics, checkpoints)
    }

    /// Reads and tails; it asks the broker who it is.
    pub async fn reader(&self) -> Result<KafkaReader, Error> {
        KafkaReader::connect(self.settings.clone()).await
    }

    /// Refuses topics that are missing or have another number of partitions, each by name.
    pub async fn check_topics(&self) -> Result<(), Error> {
        let (settings, producer) = (self.settings.clone(), self.producers.current());
        settings::blocking(move || topics::check(&settings, producer.client.client())).await
    }

    /// Asks the broker for ever whether the topics are there; `told` hears after each question why there was no
    /// answer or nothing can be appended, or nothing where all is well. An idle process would notice nothing otherwise.
    pub async fn watch(&self, told: impl Fn(Option<&str>) + Send) -> ! {
        let mut away = false;
        loop {
            let answer = self.check_topics().await;
            let answer = answer.and_then(|()| self.producers.current().failure().map_or(Ok(()), Err));
            if answer.is_err() && !away {
                metrics::counter!(metric::OUTAGES).increment(1);
            }
            away = answer.is_err();
            told(answer.err().map(|error| error.to_string()).as_deref());
            tokio::time::sleep(WATCH_INTERVAL).await;
        }
    }

    /// Makes the topics that are missing, with `replicas` copies of each partition; gives their names.
    pub async fn create_topics(&self, replicas: u16) -> Result<Vec<String>, Error> {
        topics::create(&self.settings, replicas).await
    }

    /// What differs from how the topics that are there should be; nothing is changed.
    pub async fn topic_differences(&self) -> Result<Vec<Difference>, Error> {
        topics::differences(&self.settings).await
    }

    /// The topics that a lost disk loses: fine on a developer's one broker, and nowhere else.
    pub async fn topics_of_one_copy(&self) -> Result<Vec<String>, Error> {
        let (settings, producer) = (self.settings.clone(), self.producers.current());
        settings::blocking(move || topics::of_one_copy(&settings, producer.client.client())).await
    }

    /// What the broker remembers of a group at this moment.
    pub async fn group(&self, group: &str) -> Result<KafkaGroup, Error> {
        KafkaGroup::look(self.settings.clone(), group).await
    }

    /// Waits until all that was appended is durable or given up.
    pub async fn close(&self) -> Result<(), Error> {
        let producer = self.producers.current();
        settings::blocking(move || {
            let flushed = producer.client.flush(producer.flush_timeout);
            flushed.map_err(|error| Error::Unavailable(format!("Kafka: records were given up: {error}")))
        })
        .await
    }

    /// Appends what does not wait for an earlier record of its key, round by round: so a record that fails
    /// stops its key.
    async fn write(&self, records: Vec<Record>) -> Vec<Result<Position, AppendError>> {
        if records.len() == 1 {
            let round = self.send_all(&records, &[0], &HashSet::new());
            // librdkafka has its own copy, and the report may take long.
            drop(records);
            return round.outcomes().await;
        }
        let mut outcomes: Vec<Option<Result<Position, AppendError>>> = vec![None; records.len()];
        let mut stopped = HashSet::new();
        let mut waiting: Vec<usize> = (0..records.len()).collect();
        while !waiting.is_empty() {
            let mut in_round = HashSet::new();
            let first = |index: &usize| in_round.insert((records[*index].topic, &records[*index].key));
            let (now, later): (Vec<usize>, _) = waiting.into_iter().partition(first);
            let round = self.send_all(&records, &now, &stopped);
            for (index, outcome) in now.iter().zip(round.outcomes().await) {
                if outcome.is_err() {
                    stopped.insert((records[*index].topic, &records[*index].key));
                }
                outcomes[*index] = Some(outcome);
            }
            waiting = later;
        }
        outcomes.into_iter().map(|outcome| outcome.expect("each record was in one round")).collect()
    }

    /// Sends the records of one round, whose reports are waited for together.
    fn send_all(
        &self,
        records: &[Record],
        indexes: &[usize],
        stopped: &HashSet<(Topic, &Bytes)>,
    ) -> Arc<Round> {
        let round = Round::of(indexes.len());
        let producer = self.producers.current();
        for (place, record) in indexes.iter().map(|index| &records[*index]).enumerate() {
            let result = if stopped.contains(&(record.topic, &record.key)) {
                let reason = "an earlier record of the same key in the same call was not taken";
                Err(AppendError::Unavailable(reason.to_owned()))
            } else {
                self.send(&producer, record, round.clone(), place)
            };
            if let Err(error) = result {
                round.settle(place, Err(error));
            }
        }
        round
    }

    /// Hands a record to librdkafka, which copies it; a full queue refuses at once and never waits.
    fn send(
        &self,
        producer: &Producer,
        record: &Record,
        round: Arc<Round>,
        place: usize,
    ) -> Result<(), AppendError> {
        let topic = self.settings.topic_name(record.topic);
        let partition = Shard::of(record.key_text()).partition(self.settings.partitions);
        let bytes = metric::record_bytes(record);
        let awaited = Box::new(Awaited { round, place, topic: record.topic, bytes });
        let message = BaseRecord::with_opaque_to(&topic, awaited)
            .partition(i32::from(partition))
            .key(record.key.as_ref())
            .payload(record.value.as_ref())
            .headers(message::headers_of(record))
            // Only topics with CreateTime keep it; ours have the broker's time.
            .timestamp(self.settings.clock.now().0 / 1000);
        producer.client.send(message).map_err(|(error, _)| match producer.failure() {
            Some(failure) => AppendError::Unavailable(failure.to_string()),
            None => delivery::refused(&error, bytes),
        })
    }
}

impl Append for KafkaLog {
    /// Each record stands for itself. Dropping the future stops what was not sent; what was sent may be
    /// written.
    async fn append(&self, records: Vec<Record>) -> Vec<Result<Position, AppendError>> {
        let (admitted, admission) = admit(records);
        let outcomes = self.write(admitted).await;
        admission.answer_each(outcomes)
    }
}
