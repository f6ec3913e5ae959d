//! `[log]`: where events become durable: a file of one machine, or Kafka.

use std::collections::BTreeMap;
use std::time::Duration;

use afterglow_domain::client_property;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Serialize, Serializer};

use super::defaults;
use super::problem::Code;
use super::secret;
use super::section::Section;
use super::show::{hidden, milliseconds};
use super::tree::{Node, Value};

/// `[log]`: the event log.
#[derive(Debug, Clone, Serialize)]
pub struct Log {
    /// Which log.
    #[serde(flatten)]
    pub kind: LogKind,
    /// Partitions of every topic: a power of two up to 64.
    pub partitions: u16,
    /// How long events stay readable in the embedded log, and are used: Kafka's topics have their own retention, and
    /// what such a topic kept for longer is a dead letter.
    pub retention_days: u16,
    /// How payloads are written; both forms are read.
    pub encoding: PayloadEncoding,
}

/// How payloads are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PayloadEncoding {
    /// Protobuf.
    Protobuf,
    /// proto3 JSON of the same messages.
    Json,
}

/// Which log.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum LogKind {
    /// One file in the data folder, for the product in one process.
    Embedded,
    /// Kafka's topics, for processes of one role each.
    Kafka(Kafka),
}

/// How Kafka is reached.
#[derive(Debug, Clone, Serialize)]
pub struct Kafka {
    /// `host:port`, several separated by commas.
    pub brokers: String,
    /// Stands before each topic's and group's name; usually empty.
    pub topic_prefix: String,
    /// How long a record waits for company.
    #[serde(rename = "linger_ms", serialize_with = "milliseconds")]
    pub linger: Duration,
    /// Further properties of the client, of those that [`client_property`] lists.
    pub client: BTreeMap<String, Property>,
}

/// A property of Kafka's client.
#[derive(Debug, Clone)]
pub enum Property {
    /// One that everybody may see.
    Plain(String),
    /// One that nobody may see.
    Secret(SecretString),
}

impl Property {
    /// The text for the client, and for nobody else.
    pub fn expose(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Secret(secret) => secret.expose_secret(),
        }
    }
}

impl Serialize for Property {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Plain(text) => serializer.serialize_str(text),
            Self::Secret(secret) => hidden(secret, serializer),
        }
    }
}

impl Log {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let kind = match section.text("kind").as_deref() {
            None | Some("embedded") => {
                refuse_kafka_s(section);
                Some(LogKind::Embedded)
            }
            Some("kafka") => kafka(section),
            Some(other) => {
                let message = format!("is {other:?}; it must be \"embedded\" or \"kafka\"");
                section.note(Code::Value, "kind", message);
                None
            }
        };
        let partitions: u16 = section.number("partitions", defaults::PARTITIONS, &(1..=64));
        if !partitions.is_power_of_two() {
            let message = format!("is {partitions}; it must be 1, 2, 4, 8, 16, 32 or 64");
            section.note(Code::Value, "partitions", message);
        }
        let range = defaults::RETENTION_DAYS_RANGE;
        let retention_days = section.number("retention_days", defaults::RETENTION_DAYS, &range);
        let encoding = encoding(section);
        section.finish();
        Some(Self { kind: kind?, partitions, retention_days, encoding: encoding? })
    }

    /// How old a record may be that is used.
    pub fn retention(&self) -> Duration {
        Duration::from_hours(24 * u64::from(self.retention_days))
    }

    /// Kafka, where the log is there.
    pub fn kafka(&self) -> Option<&Kafka> {
        match &self.kind {
            LogKind::Embedded => None,
            LogKind::Kafka(kafka) => Some(kafka),
        }
    }
}

fn encoding(section: &Section<'_>) -> Option<PayloadEncoding> {
    match section.text("encoding").as_deref() {
        None | Some("protobuf") => Some(PayloadEncoding::Protobuf),
        Some("json") => Some(PayloadEncoding::Json),
        Some(other) => {
            let message = format!("is {other:?}; it must be \"protobuf\" or \"json\"");
            section.note(Code::Value, "encoding", message);
            None
        }
    }
}

/// What is said of Kafka is not passed over in silence where the log is another one.
fn refuse_kafka_s(section: &Section<'_>) {
    for key in ["brokers", "topic_prefix", "linger_ms", "client"] {
        if section.has(key) {
            section.note(Code::Together, key, "is for kind = \"kafka\"");
        }
    }
}

fn kafka(section: &Section<'_>) -> Option<LogKind> {
    section.require("brokers");
    let client = properties(section);
    let protocol = client.get("security.protocol").map(|property| property.expose().to_ascii_lowercase());
    let encrypted = matches!(protocol.as_deref(), Some("ssl" | "sasl_ssl"));
    let brokers = section.text("brokers").filter(|brokers| brokers_ok(section, brokers, encrypted));
    let topic_prefix = section.text("topic_prefix").unwrap_or_default();
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if topic_prefix.len() > defaults::TOPIC_PREFIX_BYTES_MAX || !topic_prefix.bytes().all(fits) {
        let most = defaults::TOPIC_PREFIX_BYTES_MAX;
        let message = format!("is {topic_prefix:?}; it has at most {most} letters, digits, ., _ and -");
        section.note(Code::Value, "topic_prefix", message);
    }
    let linger: u64 = section.number("linger_ms", defaults::LINGER_MS, &(0..=1_000));
    let linger = Duration::from_millis(linger);
    Some(LogKind::Kafka(Kafka { brokers: brokers?, topic_prefix, linger, client }))
}

/// Each broker has a host and a port; each host is one that the product calls.
fn brokers_ok(section: &Section<'_>, brokers: &str, encrypted: bool) -> bool {
    let mut ok = true;
    for broker in brokers.split(',').map(str::trim) {
        let parts = broker.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok());
        if let Some((host, _)) = parts.filter(|(host, _)| !host.is_empty()) {
            section.outbound("brokers", host.trim_matches(['[', ']']), encrypted);
        } else {
            let message = format!("{broker:?} is not host:port; separate several with commas");
            section.note(Code::Value, "brokers", message);
            ok = false;
        }
    }
    ok
}

fn properties(section: &Section<'_>) -> BTreeMap<String, Property> {
    let form = "a table such as { \"security.protocol\" = \"sasl_ssl\" }";
    let table = section.table("client", form).into_iter().flatten();
    let read = |(name, node): (&String, &Node)| Some((name.clone(), property(section, name, node)?));
    table.filter_map(read).collect()
}

fn property(section: &Section<'_>, name: &str, node: &Node) -> Option<Property> {
    let field = format!("client.{name}");
    match &node.value {
        Value::Table(table) if !table.contains_key("file") && !table.contains_key("env") => {
            let message = "is a section; write the property's whole name in quotes: \"security.protocol\"";
            section.note(Code::Type, &field, message);
            None
        }
        _ if let Some(why) = client_property::refusal(name) => {
            section.note_entry(Code::Unknown, &field, node, why);
            None
        }
        Value::Text(text) if !names_a_secret(name) => Some(Property::Plain(text.clone())),
        _ => secret::read(section, &field, node, defaults::GIVEN_SECRET_BYTES_MIN).map(Property::Secret),
    }
}

/// Properties whose text is a secret also where it stands in the file itself.
fn names_a_secret(name: &str) -> bool {
    ["password", "secret", ".key.pem", "oauthbearer.config"].iter().any(|part| name.contains(part))
}
