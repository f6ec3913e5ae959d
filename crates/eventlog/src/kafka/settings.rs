//! What the user says about Kafka, and what we say to librdkafka on top.
//!
//! Nothing that correctness rests on can be overridden: what is not on the user's list is refused by name, since
//! librdkafka knows some properties by two names and is told all of them in no particular order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use afterglow_domain::shard::SHARDS;
use afterglow_domain::{Clock, client_property};
use afterglow_events::Topic;
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;

use super::trouble::Trouble;
use crate::admission::RECORD_BYTES_MAX;
use crate::error::Error;

/// How long a question to the broker (metadata, offsets) may take.
pub(super) const ASK: Duration = Duration::from_secs(5);

/// What the bundled librdkafka must be able to do: it says so at run time only.
const FEATURES: [&str; 8] =
    ["ssl", "sasl_plain", "sasl_scram", "sasl_oauthbearer", "lz4", "zstd", "gzip", "snappy"];

/// What queues for the broker, in KiB: some seconds of a busy edge. Beyond it appends are refused at once.
const QUEUE_KIB_MAX: u32 = 64 * 1024;

/// How many records queue for the broker: what a second of outage leaves behind at most, since a caller that
/// has given up sends again, and the record is written all the same when the broker is back.
const QUEUE_RECORDS_MAX: u32 = 10_000;

/// How large a batch grows. A broker that finds a batch too large refuses all of it, so batches stay far below
/// what a topic takes; a larger record travels alone.
const BATCH_BYTES_MAX: u32 = 256 * 1024;

/// How Kafka is reached.
#[derive(Clone)]
pub struct Settings {
    /// `host:port`, several separated by commas.
    pub brokers: String,
    /// Stands before each topic's and group's name; usually empty.
    pub topic_prefix: String,
    /// Partitions of each topic: a power of two from 1 to 64.
    pub partitions: u16,
    /// How long a record waits for company; 1 ms costs little latency, 5 ms spares a busy broker half its work.
    pub linger: Duration,
    /// How long an append may take; shorter than the patience of a webhook's sender.
    pub append_timeout: Duration,
    /// Further properties of librdkafka, of those that [`client_property`] lists.
    pub properties: BTreeMap<String, String>,
    /// The wall's clock; it stamps records in topics that do not keep the broker's time.
    pub clock: Arc<dyn Clock>,
    /// What the clients that these settings make have last said of their connections.
    pub trouble: Trouble,
}

impl Settings {
    /// Settings that only need to know where Kafka is.
    pub fn of(brokers: &str, partitions: u16, clock: Arc<dyn Clock>) -> Self {
        Self {
            brokers: brokers.to_owned(),
            topic_prefix: String::new(),
            partitions,
            linger: Duration::from_millis(1),
            // librdkafka looks once a second, so the caller hears of it within three and a half.
            append_timeout: Duration::from_millis(2_500),
            properties: BTreeMap::new(),
            clock,
            trouble: Trouble::default(),
        }
    }

    /// The topic's name on the broker.
    pub fn topic_name(&self, topic: Topic) -> String {
        [&self.topic_prefix, topic.name()].concat()
    }

    /// The consumer group's name on the broker.
    pub fn group_name(&self, group: &str) -> String {
        format!("{}afterglow.{group}", self.topic_prefix)
    }

    /// The topic of a name on the broker.
    pub(super) fn topic_of(&self, name: &str) -> Option<Topic> {
        Topic::parse(name.strip_prefix(&self.topic_prefix)?).filter(|topic| self.topic_name(*topic) == name)
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        if !self.partitions.is_power_of_two() || self.partitions > u16::from(SHARDS) {
            return Err(Error::PartitionCount { configured: self.partitions });
        }
        // The last line of defence: who reads a file refuses it by its line.
        let refused = |name: &String| Some(format!("{name} {}", client_property::refusal(name)?));
        self.properties.keys().find_map(refused).map_or(Ok(()), |why| Err(Error::Client(why)))
    }

    /// What is the same for every client.
    pub(super) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        for (name, value) in &self.properties {
            config.set(name, value);
        }
        config
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", "afterglow")
            // A broker that is back is found within a second, a hung one given up within ten.
            .set("reconnect.backoff.ms", "100")
            .set("reconnect.backoff.max.ms", "1000")
            .set("socket.timeout.ms", "10000")
            .set("socket.connection.setup.timeout.ms", "5000")
            .set("topic.metadata.refresh.interval.ms", "30000")
            .set("log.connection.close", "false")
            .set("allow.auto.create.topics", "false");
        config
    }

    pub(super) fn producer(&self) -> ClientConfig {
        let mut config = self.client();
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("linger.ms", self.linger.as_millis().to_string())
            .set("batch.size", BATCH_BYTES_MAX.to_string())
            .set("message.max.bytes", (RECORD_BYTES_MAX + 64 * 1024).to_string())
            .set("message.timeout.ms", self.append_timeout.as_millis().to_string())
            .set("queue.buffering.max.kbytes", QUEUE_KIB_MAX.to_string())
            .set("queue.buffering.max.messages", QUEUE_RECORDS_MAX.to_string());
        // Readers that know another codec only are a reason to write that one.
        if !["compression.type", "compression.codec"].iter().any(|name| self.properties.contains_key(*name)) {
            config.set("compression.type", "lz4");
        }
        config
    }

    /// A member of a group.
    pub(super) fn member(&self, group: &str) -> ClientConfig {
        let mut config = self.consumer(&self.group_name(group));
        config
            .set("partition.assignment.strategy", "cooperative-sticky")
            // A killed member's partitions go on elsewhere within ten seconds.
            .set("session.timeout.ms", "6000")
            .set("heartbeat.interval.ms", "2000")
            .set("auto.offset.reset", "error")
            // The lag is told as often as metrics are looked at.
            .set("statistics.interval.ms", "5000")
            // For one line of it: that a topic was made anew, which librdkafka passes over otherwise.
            .set("debug", "topic")
            .set_log_level(RDKafkaLogLevel::Debug)
            // Beyond our own buffers, which are bounded per partition: what the next poll wants, and not the
            // hundred thousand records, a megabyte of each partition at a time, that are fetched by default.
            .set("queued.min.messages", "1000")
            .set("fetch.message.max.bytes", "131072")
            .set("queued.max.messages.kbytes", "8192");
        config
    }

    /// A reader by position; it joins nothing and commits nothing.
    pub(super) fn by_position(&self) -> ClientConfig {
        let mut config = self.consumer(&self.group_name("reader"));
        config
            // What follows a position that is gone: the caller sees it by the offset.
            .set("auto.offset.reset", "earliest")
            .set("enable.partition.eof", "true")
            // At a partition's end the broker is not to wait for more: the caller wants to know of the end.
            .set("fetch.wait.max.ms", "10")
            // Few records are wanted at a time.
            .set("fetch.message.max.bytes", "65536")
            .set("queued.max.messages.kbytes", "2048");
        config
    }

    fn consumer(&self, group: &str) -> ClientConfig {
        let mut config = self.client();
        config
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false");
        config
    }

    /// An error of the broker's or on the way to it, as one line: with its cause in front, where one is known.
    pub(super) fn unavailable(&self, error: &KafkaError) -> Error {
        let brokers = &self.brokers;
        Error::Unavailable(match self.trouble.reason() {
            Some(reason) => format!("Kafka at {brokers}: {reason} ({error})"),
            None => format!("Kafka at {brokers}: {error}; is it running and reachable?"),
        })
    }
}

/// Settings that make no client: which one, and never its value, which may be a secret.
pub(super) fn refused(error: &KafkaError) -> Error {
    Error::Client(match error {
        KafkaError::ClientConfig(_, reason, name, _) => format!("{name}: {reason}"),
        other => other.to_string(),
    })
}

/// Refuses a librdkafka that was built without what a user may configure.
pub fn check_library() -> Result<(), Error> {
    let config = ClientConfig::new().create_native_config();
    let features = config.and_then(|config| config.get("builtin.features"));
    let features = features.map_err(|error| refused(&error))?;
    let has = |feature: &&str| features.split(',').any(|found| found.trim() == *feature);
    let missing: Vec<&str> = FEATURES.into_iter().filter(|feature| !has(feature)).collect();
    if missing.is_empty() { Ok(()) } else { Err(Error::Library { missing: missing.join(", ") }) }
}

/// Whether a line of librdkafka's says that a topic has another id than before; where it had none before, it
/// was only looked up.
pub(super) fn tells_of_a_topic_made_anew(line: &str) -> bool {
    line.contains(" changed id from ") && !line.contains(" changed id from AAAAAAAAAAAAAAAAAAAAAA ")
}

/// Runs what waits for the broker where it may block.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(Error::Unavailable("Kafka: the process ends, or a read panicked".to_owned())))
}

/// librdkafka's own lines, for whoever looks for them: what matters comes as an error to its caller.
pub(super) fn log(level: RDKafkaLogLevel, facility: &str, line: &str) {
    tracing::debug!(?level, facility, "librdkafka: {line}");
}

#[cfg(test)]
mod unit {
    use afterglow_domain::Timestamp;
    use afterglow_domain::clock::ManualClock;

    use super::*;

    fn settings(prefix: &str) -> Settings {
        let clock = Arc::new(ManualClock::new(Timestamp::EPOCH));
        Settings { topic_prefix: prefix.to_owned(), ..Settings::of("127.0.0.1:9", 4, clock) }
    }

    #[test]
    fn what_a_user_may_configure_is_compiled_in() {
        assert_eq!(check_library(), Ok(()));
    }

    #[test]
    fn a_topic_is_found_by_its_whole_name() {
        let settings = settings("test-");
        assert_eq!(settings.topic_of("test-afterglow.deals.v1"), Some(Topic::Deals));
        assert_eq!(settings.topic_of("afterglow.deals.v1"), None);
        assert_eq!(settings.topic_of("test-deals"), None);
    }

    #[test]
    fn what_correctness_rests_on_cannot_be_overridden() {
        let mut settings = settings("");
        for config in [settings.producer(), settings.member("role"), settings.by_position()] {
            for (name, _) in config.config_map().iter().filter(|(name, _)| **name != "compression.type") {
                assert!(client_property::refusal(name).is_some(), "{name} is ours");
            }
        }
        settings.properties.insert("security.protocol".to_owned(), "sasl_ssl".to_owned());
        assert_eq!(settings.check(), Ok(()));
        assert_eq!(settings.producer().get("security.protocol"), Some("sasl_ssl"));
        // Another name of message.timeout.ms.
        settings.properties.insert("delivery.timeout.ms".to_owned(), "86400001".to_owned());
        let told = settings.check().unwrap_err().to_string();
        assert!(told.contains("delivery.timeout.ms cannot be set") && !told.contains("86400001"), "{told}");
    }

    /// An empty value is one that the property may not have, at worst; a property that is not built in has none.
    #[test]
    fn the_library_knows_what_the_user_may_set() {
        for name in client_property::PROPERTIES.iter().copied() {
            let config = ClientConfig::new().set(name, "").create_native_config();
            let told = config.err().map(|error| error.to_string()).unwrap_or_default();
            assert!(
                !told.contains("No such") && !told.contains("not supported in this build"),
                "{name}: {told}"
            );
        }
        let unknown = ClientConfig::new().set("sasl.pasword", "").create_native_config();
        assert!(unknown.err().unwrap().to_string().contains("No such"));
    }

    #[test]
    fn the_codec_is_the_user_s_to_choose() {
        assert_eq!(settings("").producer().get("compression.type"), Some("lz4"));
        for name in ["compression.type", "compression.codec"] {
            let mut settings = settings("");
            settings.properties.insert(name.to_owned(), "gzip".to_owned());
            let written: Vec<_> = ["compression.type", "compression.codec"]
                .iter()
                .filter_map(|name| settings.producer().get(name).map(str::to_owned))
                .collect();
            assert_eq!(written, ["gzip"]);
        }
    }

    #[test]
    fn a_refused_setting_is_named_without_its_value() {
        let mut settings = settings("");
        settings.properties.insert("security.protocol".to_owned(), "hunter2".to_owned());
        let error = settings.producer().create_native_config().err().unwrap();
        let told = refused(&error).to_string();
        assert!(told.contains("security.protocol"), "{told}");
    }

    #[test]
    fn no_log_has_three_partitions() {
        let settings = Settings { partitions: 3, ..settings("") };
        assert_eq!(settings.check(), Err(Error::PartitionCount { configured: 3 }));
    }
}
