//! A record of the log as one JSON object: what `tail` prints and `/v1/events` streams.

use afterglow_eventlog::Tailed;
use afterglow_events::{Encoding, Event, Record};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::value::RawValue;

/// The object; `data` is the event's proto3 JSON, `data_base64` the payload of what is no event.
#[derive(Serialize)]
pub(crate) struct RecordJson<'a> {
    cursor: String,
    topic: &'static str,
    partition: u16,
    offset: i64,
    key: &'a str,
    id: Option<&'a str>,
    #[serde(rename = "type")]
    type_name: Option<&'a str>,
    time: Option<&'a str>,
    subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_base64: Option<String>,
}

/// The JSON text of a record, on one line.
pub(crate) fn line(tailed: &Tailed) -> String {
    let record = &tailed.received.record;
    let data = payload(record);
    let object = RecordJson {
        cursor: tailed.cursor.to_string(),
        topic: record.topic.name(),
        partition: tailed.received.partition,
        offset: tailed.received.offset,
        key: record.key_text(),
        id: record.header("ce_id"),
        type_name: record.header("ce_type"),
        time: record.header("ce_time"),
        subject: record.header("ce_subject"),
        data_base64: data.is_none().then(|| STANDARD.encode(&record.value)),
        data,
    };
    serde_json::to_string(&object).expect("an object of texts and numbers is always JSON")
}

/// The event in a record as proto3 JSON, where it is one of the contract.
pub(crate) fn payload(record: &Record) -> Option<Box<RawValue>> {
    let event = Event::from_record(record).ok()?;
    let json = event.body.encode(Encoding::Json);
    RawValue::from_string(String::from_utf8(json.to_vec()).ok()?).ok()
}
