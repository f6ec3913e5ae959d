//! An event: its envelope and its body, and how both become a record and come back.

use std::borrow::Cow;
use std::fmt::Write as _;

use afterglow_domain::{Disposition, EventId, HomeKey, Tenant, Timestamp};
use bytes::Bytes;

use crate::body::Body;
use crate::envelope::Envelope;
use crate::identity;
use crate::record::{HEADER_NAMES, Record};
use crate::topic::Topic;

/// How the payload is written; both are read everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// Protobuf, the default.
    #[default]
    Protobuf,
    /// proto3 JSON of the same message.
    Json,
}

impl Encoding {
    /// The `content-type` header.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/protobuf",
            Self::Json => "application/json",
        }
    }
}

/// Room for the texts of a record's headers: what those of our own events need.
const TEXT_BYTES: usize = 256;

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// What it says of itself.
    pub envelope: Envelope,
    /// What happened.
    pub body: Body,
}

/// Why a record is not an event: all of them are dead letters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A header that CloudEvents or we require is not there or not text.
    #[error("header {0} is missing or not UTF-8")]
    Header(&'static str),
    /// A header's value is not of its form.
    #[error("header {name} is {value:?}: {rule}")]
    HeaderValue {
        /// Which header.
        name: &'static str,
        /// The start of what it says.
        value: String,
        /// What it should be.
        rule: &'static str,
    },
    /// A type that this version does not know on this topic.
    #[error("type {0:?} is not one this version reads from {1}")]
    Type(String, Topic),
    /// The payload is not the message that the type promises.
    #[error("payload of {type_name} does not decode: {reason}")]
    Payload {
        /// The event's type.
        type_name: &'static str,
        /// What the decoder said.
        reason: String,
    },
    /// The record's key is not its subject.
    #[error("record key {key:?} and subject {subject:?} disagree")]
    KeyDisagrees {
        /// The record's key.
        key: String,
        /// The envelope's subject.
        subject: String,
    },
    /// The subject belongs to another tenant than the envelope names.
    #[error("subject {subject:?} is not of tenant {tenant}")]
    TenantDisagrees {
        /// The envelope's subject.
        subject: String,
        /// The envelope's tenant.
        tenant: Tenant,
    },
    /// The subject is not what the topic is keyed by.
    #[error("subject {0:?} is not of the form of a home key: tenant/account or tenant/deal")]
    Subject(String),
    /// The payload is about a deal of another tenant than the envelope names.
    #[error("the payload of {type_name} is about another tenant's deal, the envelope is of {tenant}")]
    PayloadDisagrees {
        /// The event's type.
        type_name: &'static str,
        /// The envelope's tenant.
        tenant: Tenant,
    },
}

impl DecodeError {
    /// Always a dead letter: the same bytes never decode better later.
    pub fn disposition(&self) -> Disposition {
        Disposition::Park
    }
}

impl Event {
    /// The event as a record: key = subject, headers in the binding's order.
    pub fn to_record(&self, encoding: Encoding) -> Record {
        let envelope = &self.envelope;
        // All texts in one buffer, from which each is a slice.
        let mut buffer = String::with_capacity(TEXT_BYTES);
        write!(buffer, "{}", envelope.id).expect("a string takes everything");
        let id = 0..buffer.len();
        write!(buffer, "{}", envelope.time).expect("a string takes everything");
        let time = id.end..buffer.len();
        let mut write = |text: &str| {
            let from = buffer.len();
            buffer.push_str(text);
            from..buffer.len()
        };
        let (source, subject) = (write(&envelope.source), write(&envelope.subject));
        let (tenant, traceparent) =
            (write(envelope.tenant.as_str()), envelope.traceparent.as_deref().map(write));
        let texts = Bytes::from(buffer);
        let fixed = |text: &'static str| Bytes::from_static(text.as_bytes());
        let values = [
            fixed("1.0"),
            texts.slice(id),
            texts.slice(source),
            fixed(self.body.type_name()),
            texts.slice(time),
            texts.slice(subject.clone()),
            texts.slice(tenant),
            fixed(self.body.schema()),
            fixed(encoding.content_type()),
        ];
        let values = values.into_iter().chain(traceparent.map(|range| texts.slice(range)));
        Record {
            topic: self.body.topic(),
            key: texts.slice(subject),
            headers: HEADER_NAMES.map(Cow::Borrowed).into_iter().zip(values).collect(),
            value: self.body.encode(encoding),
        }
    }

    /// Reads a record; whatever is wrong with it is the error.
    pub fn from_record(record: &Record) -> Result<Self, DecodeError> {
        let envelope = envelope_of(record)?;
        let type_name = required(record, "ce_type")?;
        let encoding = encoding_of(record)?;
        let body = Body::decode(record.topic, type_name, encoding, &record.value)?;
        if record.key != envelope.subject.as_bytes() {
            return Err(DecodeError::KeyDisagrees {
                key: clipped(&String::from_utf8_lossy(&record.key)),
                subject: clipped(&envelope.subject),
            });
        }
        if record.topic.keyed_by_home() && HomeKey::new(envelope.subject.as_str()).is_err() {
            return Err(DecodeError::Subject(clipped(&envelope.subject)));
        }
        if body.tenants().any(|tenant| tenant != envelope.tenant.as_str()) {
            let (type_name, tenant) = (body.type_name(), envelope.tenant);
            return Err(DecodeError::PayloadDisagrees { type_name, tenant });
        }
        Ok(Self { envelope, body })
    }
}

fn envelope_of(record: &Record) -> Result<Envelope, DecodeError> {
    let version = required(record, "ce_specversion")?;
    if version != "1.0" {
        return Err(wrong("ce_specversion", version, "1.0 is the one supported"));
    }
    let time = required(record, "ce_time")?;
    let time: Timestamp = time.parse().map_err(|_| wrong("ce_time", time, "an RFC 3339 time"))?;
    let tenant = required(record, "ce_tenant")?;
    let tenant = Tenant::new(tenant).map_err(|_| wrong("ce_tenant", tenant, "1 to 40 of a-z, 0-9 and -"))?;
    let subject = required(record, "ce_subject")?.to_owned();
    if subject.split('/').next() != Some(tenant.as_str()) {
        return Err(DecodeError::TenantDisagrees { subject: clipped(&subject), tenant });
    }
    let source = Cow::Owned(named(record, "ce_source")?.to_owned());
    let id = id_of(record, &tenant, &source)?;
    // A trace context that is not one is ignored, as W3C asks: it never costs an event.
    let traceparent = record.header("traceparent").filter(|text| text.len() == 55).map(str::to_owned);
    Ok(Envelope { id, source, time, subject, tenant, traceparent })
}

/// Ours are UUIDs. A stranger's signal may have any id of its own: what it means is told by tenant, source and id.
fn id_of(record: &Record, tenant: &Tenant, source: &str) -> Result<EventId, DecodeError> {
    let id = named(record, "ce_id")?;
    match id.parse() {
        Ok(id) => Ok(id),
        Err(_) if record.topic == Topic::Signals => Ok(identity::signal(tenant, source, id)),
        Err(_) => Err(wrong("ce_id", id, "a UUID")),
    }
}

/// The longest `ce_id` and `ce_source`, in bytes: they are kept, and compared, for weeks.
const NAME_BYTES_MAX: usize = 200;

fn named<'a>(record: &'a Record, name: &'static str) -> Result<&'a str, DecodeError> {
    let value = required(record, name)?;
    let fits = (1..=NAME_BYTES_MAX).contains(&value.len());
    if fits { Ok(value) } else { Err(wrong(name, value, "1 to 200 bytes")) }
}

fn encoding_of(record: &Record) -> Result<Encoding, DecodeError> {
    let content_type = required(record, "content-type")?;
    match content_type.split(';').next().unwrap_or_default().trim() {
        "application/protobuf" | "application/x-protobuf" => Ok(Encoding::Protobuf),
        "application/json" => Ok(Encoding::Json),
        _ => Err(wrong("content-type", content_type, "application/protobuf or application/json")),
    }
}

fn required<'a>(record: &'a Record, name: &'static str) -> Result<&'a str, DecodeError> {
    record.header(name).ok_or(DecodeError::Header(name))
}

fn wrong(name: &'static str, value: &str, rule: &'static str) -> DecodeError {
    DecodeError::HeaderValue { name, value: clipped(value), rule }
}

fn clipped(text: &str) -> String {
    text.chars().take(120).collect()
}

#[cfg(test)]
mod tests;
