//! From a record that cannot be used to a parked letter and its event.

use afterglow_domain::{EventId, Shard, Tenant, Timestamp};
use afterglow_events::{Body, Encoding, Envelope, Event, Received, Record, convert, identity, proto};

use crate::rows::{OutboxRow, ParkedLetter};

/// The letter of a record that could not be used.
pub fn letter_of(role: &str, received: &Received, reason: String, at: Timestamp) -> ParkedLetter {
    let topic = received.record.topic.name();
    ParkedLetter {
        id: identity::dead_letter(role, topic, received.partition, received.offset),
        reason,
        topic: topic.to_owned(),
        partition: received.partition,
        offset: received.offset,
        key: received.record.key.clone(),
        headers: received.record.headers.clone(),
        value: received.record.value.clone(),
        attempts: 1,
        at,
        replayed: None,
    }
}

/// The letter of an outbox row that the log refuses for good; identified by the event in it.
pub fn letter_of_outbox(role: &str, record: &Record, reason: String, at: Timestamp) -> ParkedLetter {
    let event = record.header("ce_id").unwrap_or_default();
    ParkedLetter {
        id: identity::dead_letter(role, &format!("outbox/{event}"), 0, 0),
        reason,
        topic: record.topic.name().to_owned(),
        partition: 0,
        offset: -1,
        key: record.key.clone(),
        headers: record.headers.clone(),
        value: record.value.clone(),
        attempts: 1,
        at,
        replayed: None,
    }
}

/// The tenant under which a letter is published when its record names none that is one.
const UNKNOWN_TENANT: &str = "unknown";

/// The dead-letter event of a letter. Its value is cut where it would not fit a record; the role's own
/// table keeps it whole.
pub fn event_of(role: &str, letter: &ParkedLetter) -> Event {
    let tenant = std::str::from_utf8(&letter.key)
        .ok()
        .and_then(|key| key.split('/').next())
        .and_then(|tenant| Tenant::new(tenant).ok())
        .unwrap_or_else(|| Tenant::new(UNKNOWN_TENANT).expect("a constant of the right form"));
    let keep = letter.value.len().min(Record::VALUE_BYTES_MAX / 2);
    let message = proto::DeadLetter {
        dead_letter_id: letter.id.to_string(),
        role: role.to_owned(),
        reason: letter.reason.clone(),
        topic: letter.topic.clone(),
        partition: i32::from(letter.partition),
        offset: letter.offset,
        key: letter.key.clone(),
        headers: letter
            .headers
            .iter()
            .map(|(name, value)| proto::Header { name: name.clone(), value: value.clone() })
            .collect(),
        value: letter.value.slice(..keep),
        attempts: i32::try_from(letter.attempts).unwrap_or(i32::MAX),
        occurred_at: Some(convert::timestamp(letter.at)),
    };
    Event {
        envelope: Envelope {
            id: EventId(letter.id.0),
            source: format!("/afterglow/{role}"),
            time: letter.at,
            subject: format!("{tenant}/dead-letter/{}", letter.id),
            tenant,
            traceparent: None,
        },
        body: Body::from(message),
    }
}

/// The outbox row that publishes a letter, under the shard that the transaction holds.
pub fn outbox_of(role: &str, letter: &ParkedLetter, shard: Shard, encoding: Encoding) -> OutboxRow {
    OutboxRow { shard, record: event_of(role, letter).to_record(encoding) }
}
