//! Records as the examples print them.

use std::collections::BTreeMap;

use afterglow_clients::topics::Topics;
use afterglow_events::{Encoding, Event, Received, Topic};
use serde_json::{Map, Value, json};

/// Touchpoints and deliveries as the product's own reader has them; some of each kind must be there.
pub(super) async fn written(topics: &Topics) -> Vec<Value> {
    let mut lines = Vec::new();
    for topic in [Topic::Touchpoints, Topic::Deliveries] {
        lines.extend(topics.records(topic).await.iter().map(line));
    }
    for kind in ["touchpoint.due", "delivery.progressed", "delivery.concluded"] {
        let wanted = format!("afterglow.{kind}.v1");
        assert!(lines.iter().any(|line| line["headers"]["ce_type"] == wanted), "there is no {wanted}");
    }
    sorted(lines)
}

fn line(received: &Received) -> Value {
    let record = &received.record;
    let names = record.headers.iter().map(|(name, _)| name.as_ref());
    let headers: Map<_, _> = names.map(|name| (name.to_owned(), record.header(name).into())).collect();
    let data = Event::from_record(record).unwrap().body.encode(Encoding::Json);
    json!({
        "topic": record.topic.name(),
        "partition": received.partition,
        "offset": received.offset,
        "key": record.key_text(),
        "headers": headers,
        "data": serde_json::from_slice::<Value>(&data).unwrap(),
    })
}

/// In the order of their places, each topic's name without the run's prefix.
pub(super) fn sorted(lines: Vec<Value>) -> Vec<Value> {
    let mut by_place = BTreeMap::new();
    for mut line in lines {
        let name = line["topic"].as_str().unwrap();
        let name = name[name.find("afterglow.").unwrap()..].to_owned();
        line["topic"] = name.clone().into();
        let place = (name, line["partition"].as_i64().unwrap(), line["offset"].as_i64().unwrap());
        assert!(by_place.insert(place, line).is_none(), "a record was printed twice");
    }
    by_place.into_values().collect()
}

/// A line of kcat's: its headers are a list of names and values in turn, its payload is a text.
pub(super) fn of_kcat(line: &Value) -> Value {
    let headers = line["headers"].as_array().unwrap().chunks_exact(2);
    let headers = headers.map(|header| (header[0].as_str().unwrap().to_owned(), header[1].clone()));
    json!({
        "topic": line["topic"],
        "partition": line["partition"],
        "offset": line["offset"],
        "key": line["key"],
        "headers": headers.collect::<Map<_, _>>(),
        "data": serde_json::from_str::<Value>(line["payload"].as_str().unwrap()).unwrap(),
    })
}

/// The same without timestamps, whose JSON form protobufjs does not know: they are the fields in `At`.
pub(super) fn without_times(lines: &[Value]) -> Vec<Value> {
    lines.iter().map(untimed).collect()
}

fn untimed(value: &Value) -> Value {
    let Value::Object(fields) = value else { return value.clone() };
    let kept = fields.iter().filter(|(name, _)| !name.ends_with("At"));
    kept.map(|(name, value)| (name.clone(), untimed(value))).collect()
}
