//! From a record that cannot be used to a parked letter and its event.

use afterglow_domain::{EventId, Shard, Tenant, Timestamp};
use afterglow_events::{Body, Encoding, Envelope, Event, Received, Record, convert, identity, proto};
use bytes::Bytes;

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

/// The tenant under which a letter is published when its record names none that is one, or two.
const UNKNOWN_TENANT: &str = "unknown";

/// How many bytes of its record a letter's event takes along: in JSON they are a third longer, and must still
/// fit a record beside the rest.
const RECORD_BYTES_MAX: usize = Record::VALUE_BYTES_MAX / 2;

/// What a header costs beside its name and value, at most: its tags and lengths, or its braces and names.
const HEADER_BYTES: usize = 32;

/// The dead-letter event of a letter. Its record is cut where it would not fit one; the role's own table keeps
/// it whole.
pub fn event_of(role: &str, letter: &ParkedLetter) -> Event {
    let (tenant, kept) = (tenant_of(letter), Kept::of(letter));
    let message = proto::DeadLetter {
        dead_letter_id: letter.id.to_string(),
        role: role.to_owned(),
        reason: letter.reason.clone(),
        topic: letter.topic.clone(),
        partition: i32::from(letter.partition),
        offset: letter.offset,
        key: kept.key,
        headers: kept.headers,
        value: kept.value,
        attempts: i32::try_from(letter.attempts).unwrap_or(i32::MAX),
        occurred_at: Some(convert::timestamp(letter.at)),
        cut_bytes: kept.cut_bytes,
    };
    Event {
        envelope: Envelope {
            id: EventId(letter.id.0),
            source: format!("/afterglow/{role}").into(),
            time: letter.at,
            subject: format!("{tenant}/dead-letter/{}", letter.id),
            tenant,
            traceparent: None,
        },
        body: Body::from(message),
    }
}

/// Whose record it was: its key's tenant. Where its headers name another one, nobody knows whose bytes these are,
/// and neither of the two is shown the other's.
fn tenant_of(letter: &ParkedLetter) -> Tenant {
    let in_key = std::str::from_utf8(&letter.key).ok().and_then(|key| key.split('/').next());
    let in_header = letter.headers.iter().find(|(name, _)| name == "ce_tenant");
    let agree = in_header.is_none_or(|(_, value)| in_key.is_some_and(|key| value == key.as_bytes()));
    in_key
        .filter(|_| agree)
        .and_then(|tenant| Tenant::new(tenant).ok())
        .unwrap_or_else(|| Tenant::new(UNKNOWN_TENANT).expect("a constant of the right form"))
}

/// What a letter's event keeps of its record: the key, then the headers, then the value, while there is room.
struct Kept {
    key: Bytes,
    headers: Vec<proto::Header>,
    value: Bytes,
    cut_bytes: i64,
}

impl Kept {
    fn of(letter: &ParkedLetter) -> Self {
        let (mut room, mut cut) = (RECORD_BYTES_MAX, 0);
        let key = start_of(&letter.key, &mut room, &mut cut);
        let mut headers = Vec::new();
        for (name, value) in &letter.headers {
            let bytes = name.len() + value.len();
            match room.checked_sub(bytes + HEADER_BYTES) {
                Some(rest) => {
                    room = rest;
                    headers.push(proto::Header { name: name.clone().into_owned(), value: value.clone() });
                }
                None => cut += bytes,
            }
        }
        let value = start_of(&letter.value, &mut room, &mut cut);
        Self { key, headers, value, cut_bytes: i64::try_from(cut).unwrap_or(i64::MAX) }
    }
}

/// As much of the bytes as there is room for.
fn start_of(bytes: &Bytes, room: &mut usize, cut: &mut usize) -> Bytes {
    let keep = bytes.len().min(*room);
    *room -= keep;
    *cut += bytes.len() - keep;
    bytes.slice(..keep)
}

/// The outbox row that publishes a letter, under the shard that the transaction holds.
pub fn outbox_of(role: &str, letter: &ParkedLetter, shard: Shard, encoding: Encoding) -> OutboxRow {
    OutboxRow { shard, record: event_of(role, letter).to_record(encoding) }
}

#[cfg(test)]
mod tests;
