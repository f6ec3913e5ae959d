//! Records as Kafka's messages, and back.

use std::panic::{AssertUnwindSafe, catch_unwind};

use afterglow_domain::Timestamp;
use afterglow_events::record::{self, header_name};
use afterglow_events::{Received, Record, Topic};
use bytes::Bytes;
use rdkafka::message::{BorrowedMessage, Header, Headers as _, Message as _, OwnedHeaders};

/// A record's headers in their order.
pub(super) fn headers_of(record: &Record) -> OwnedHeaders {
    let none = OwnedHeaders::new_with_capacity(record.headers.len());
    record.headers.iter().fold(none, |headers, (name, value)| {
        headers.insert(Header { key: name, value: Some(value.as_ref()) })
    })
}

/// A message as a consumer gets it; `topic` is what its name means.
pub(super) fn received(message: &BorrowedMessage<'_>, topic: Topic) -> Received {
    let bytes = |part: Option<&[u8]>| part.map(Bytes::copy_from_slice).unwrap_or_default();
    let millis = message.timestamp().to_millis().unwrap_or(0);
    Received {
        record: Record {
            topic,
            key: bytes(message.key()),
            headers: headers(message),
            value: bytes(message.payload()),
        },
        partition: u16::try_from(message.partition()).unwrap_or(u16::MAX),
        offset: message.offset(),
        taken_at: Timestamp::from_millis(millis),
    }
}

fn headers(message: &BorrowedMessage<'_>) -> Vec<record::Header> {
    let Some(headers) = message.headers() else { return Vec::new() };
    let header = |index| {
        // The library panics where a stranger's header name is not UTF-8. Such a header is left out: none
        // that we read has such a name, and the record is judged by those.
        let header = catch_unwind(AssertUnwindSafe(|| headers.try_get(index))).ok().flatten()?;
        Some((header_name(header.key), header.value.map(Bytes::copy_from_slice).unwrap_or_default()))
    };
    (0..headers.count()).filter_map(header).collect()
}
