//! Kafka read by position: what a tail needs, and a look at the record before a checkpoint.
//!
//! A read assigns one partition to an idle client, takes what it wants and lets go: nothing is fetched for
//! nobody. Clients are few and shared by all clones. Blocking calls run on blocking threads.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use afterglow_domain::shard::murmur2;
use afterglow_events::{Received, Topic};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use tokio::sync::{Semaphore, watch};

use super::message;
use super::settings::{ASK, Settings, blocking, refused};
use super::trouble::Trouble;
use crate::bounds::Bounds;
use crate::error::Error;
use crate::metric::record_bytes;
use crate::source::Source;
use crate::tail::{Tail, TailStart};

/// Reads at the same time; each has a client, with threads and connections of its own.
const CLIENTS_MAX: usize = 4;

/// How many bytes one read gives before it stops early.
const READ_BYTES_MAX: usize = 1024 * 1024;

/// How long one read may take: a broker that is away is said, and not waited for.
const READ_MAX: Duration = Duration::from_secs(10);

/// Pause before a partition's leader is asked for again.
const LEADER_PAUSE: Duration = Duration::from_millis(50);

/// Reads a log on Kafka. Clones share the clients.
#[derive(Clone)]
pub struct KafkaReader {
    settings: Arc<Settings>,
    log_id: Arc<str>,
    room: Arc<Semaphore>,
    idle: Arc<Idle>,
    hub: Arc<watch::Sender<Bounds>>,
}

type Client = BaseConsumer<Quiet>;

/// Clients that nobody uses at the moment.
struct Idle(Mutex<Vec<Client>>);

impl Idle {
    fn take(&self) -> Option<Client> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn put(&self, client: Client) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(client);
    }
}

impl Drop for Idle {
    /// Closing a client can take long, and the last clone may go on a thread that must not wait.
    fn drop(&mut self) {
        let clients = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        std::thread::spawn(move || drop(clients));
    }
}

/// What a client that nobody listens to says goes to whoever looks for it.
pub(super) struct Quiet {
    trouble: Trouble,
}

impl Quiet {
    pub(super) fn new(settings: &Settings) -> Self {
        Self { trouble: settings.trouble.clone() }
    }
}

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        super::settings::log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(error = %error, reason, "Kafka: reader");
        self.trouble.heard(&error, reason);
    }
}

impl ConsumerContext for Quiet {}

impl KafkaReader {
    /// Asks the broker which cluster it is and what the topics hold.
    pub(super) async fn connect(settings: Arc<Settings>) -> Result<Self, Error> {
        let asking = settings.clone();
        let (client, log_id) = blocking(move || {
            let client = connect(&asking)?;
            super::topics::check(&asking, client.client())?;
            let cluster = client.client().fetch_cluster_id(ASK).unwrap_or_default();
            Ok((client, log_id(&cluster, &asking.topic_prefix)))
        })
        .await?;
        let hub = Arc::new(watch::Sender::new(Bounds::empty(settings.partitions)));
        let (room, idle) = (Arc::new(Semaphore::new(CLIENTS_MAX)), Arc::new(Idle(Mutex::new(vec![client]))));
        let reader = Self { settings, log_id: log_id.into(), room, idle, hub };
        reader.bounds().await?;
        Ok(reader)
    }

    /// Each partition of a topic with its first offset and the first that is not there yet.
    pub async fn ends(&self, topic: Topic) -> Result<Vec<(u16, i64, i64)>, Error> {
        Ok(self.bounds().await?.of_topic(topic))
    }

    /// Reads a topic as one stream; see [`Tail::open`].
    pub async fn tail(&self, topic: Topic, start: TailStart) -> Result<Tail<Self>, Error> {
        Tail::open(self.clone(), topic, start).await
    }

    /// Runs `work` on an idle client, or on a new one where there is none. After an error the client is not
    /// used again: it may still be assigned.
    async fn with_client<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Settings, &Client) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let room = self.room.clone().acquire_owned().await.expect("nobody closes the semaphore");
        let (settings, idle) = (self.settings.clone(), self.idle.clone());
        blocking(move || {
            let _room = room;
            let client = idle.take().map_or_else(|| connect(&settings), Ok)?;
            let done = work(&settings, &client)?;
            idle.put(client);
            Ok(done)
        })
        .await
    }
}

impl Source for KafkaReader {
    fn log_id(&self) -> &str {
        &self.log_id
    }

    fn partitions(&self) -> u16 {
        self.settings.partitions
    }

    async fn bounds(&self) -> Result<Bounds, Error> {
        let before = self.hub.borrow().clone();
        let fresh = self.with_client(bounds).await?;
        self.hub.send_if_modified(|known| {
            // Ends only fall where a topic was made anew: what was known of it is of no use.
            let renewed = fresh.ends_before(&before);
            if renewed {
                *known = fresh.clone();
            }
            renewed || known.merge(&fresh)
        });
        Ok(fresh)
    }

    fn known(&self) -> watch::Receiver<Bounds> {
        self.hub.subscribe()
    }

    async fn read(
        &self,
        topic: Topic,
        partition: u16,
        from: i64,
        max: usize,
    ) -> Result<Vec<Received>, Error> {
        if partition >= self.settings.partitions || from < 0 || max == 0 {
            return Ok(Vec::new());
        }
        self.with_client(move |settings, client| {
            let name = settings.topic_name(topic);
            let mut list = TopicPartitionList::with_capacity(1);
            let assigned = list
                .add_partition_offset(&name, i32::from(partition), Offset::Offset(from))
                .and_then(|()| client.assign(&list));
            assigned.map_err(|error| settings.unavailable(&error))?;
            let records = take(settings, client, (topic, from), max)?;
            client.unassign().map_err(|error| settings.unavailable(&error))?;
            Ok(records)
        })
        .await
    }
}

fn connect(settings: &Settings) -> Result<Client, Error> {
    let client = settings.by_position().create_with_context(Quiet::new(settings));
    client.map_err(|error| refused(&error))
}

/// The same cluster and prefix are the same log; sixteen hexadecimal digits of both.
fn log_id(cluster: &str, prefix: &str) -> String {
    let names = format!("{cluster}/{prefix}");
    let turned: String = names.chars().rev().collect();
    format!("{:08x}{:08x}", murmur2(names.as_bytes()), murmur2(turned.as_bytes()))
}

/// Polls what was assigned until there is enough, or nothing more.
fn take(
    settings: &Settings,
    client: &Client,
    (topic, from): (Topic, i64),
    max: usize,
) -> Result<Vec<Received>, Error> {
    let deadline = tokio::time::Instant::now() + READ_MAX;
    let (mut records, mut bytes) = (Vec::new(), 0);
    while records.len() < max && bytes < READ_BYTES_MAX {
        match client.poll(Duration::from_millis(100)) {
            // A position beyond the end is answered with the beginning: not what was asked for.
            Some(Ok(message)) if message.offset() < from => break,
            Some(Ok(message)) => {
                let received = message::received(&message, topic);
                bytes += record_bytes(&received.record);
                records.push(received);
            }
            Some(Err(KafkaError::PartitionEOF(_))) => break,
            // Lost connections are tried again by the client itself.
            Some(Err(error)) => tracing::debug!(error = %error, "Kafka: reader"),
            None => {}
        }
        if tokio::time::Instant::now() > deadline {
            let error = Error::Unavailable(format!("Kafka at {} does not answer a read", settings.brokers));
            return if records.is_empty() { Err(error) } else { Ok(records) };
        }
    }
    Ok(records)
}

/// Where every partition of every topic starts and ends: two questions for all of them.
fn bounds(settings: &Settings, client: &Client) -> Result<Bounds, Error> {
    let (starts, ends) =
        (offsets(settings, client, Offset::Beginning)?, offsets(settings, client, Offset::End)?);
    let mut bounds = Bounds::empty(settings.partitions);
    for (place @ (topic, partition), end) in ends {
        let start = starts[&place];
        bounds.set(topic, partition, start..end.max(start));
    }
    Ok(bounds)
}

/// Asks again while leaders move, which they also do when a topic has just been made.
fn offsets(settings: &Settings, client: &Client, which: Offset) -> Result<HashMap<(Topic, u16), i64>, Error> {
    let deadline = tokio::time::Instant::now() + ASK;
    loop {
        match offsets_once(settings, client, which) {
            Err(error) if leader_moves(&error) && tokio::time::Instant::now() < deadline => {
                std::thread::sleep(LEADER_PAUSE);
            }
            answered => return answered.map_err(|error| settings.unavailable(&error)),
        }
    }
}

fn leader_moves(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::LeaderNotAvailable
                | Code::NotLeaderForPartition
                | Code::FencedLeaderEpoch
                | Code::UnknownLeaderEpoch
                | Code::OffsetNotAvailable
                | Code::UnknownTopicOrPartition
        )
    )
}

fn offsets_once(
    settings: &Settings,
    client: &Client,
    which: Offset,
) -> Result<HashMap<(Topic, u16), i64>, KafkaError> {
    let mut list = TopicPartitionList::new();
    for topic in Topic::ALL {
        for partition in 0..settings.partitions {
            // Beginning and end are the two times that the broker knows by name.
            list.add_partition_offset(&settings.topic_name(topic), i32::from(partition), which)?;
        }
    }
    let answered = client.offsets_for_times(list, ASK)?;
    let mut offsets = HashMap::new();
    for element in answered.elements() {
        element.error()?;
        let topic = settings.topic_of(element.topic()).zip(u16::try_from(element.partition()).ok());
        if let (Some(place), Offset::Offset(offset)) = (topic, element.offset()) {
            offsets.insert(place, offset);
        }
    }
    // Silence about a partition must not look like an empty one.
    let every = Topic::ALL.len() * usize::from(settings.partitions);
    let missing = KafkaError::OffsetFetch(RDKafkaErrorCode::OffsetNotAvailable);
    if offsets.len() == every { Ok(offsets) } else { Err(missing) }
}
