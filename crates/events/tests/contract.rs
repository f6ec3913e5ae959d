//! The released contract: golden bytes of every event, and no incompatible change.
//!
//! `proto/golden/TYPE.json` and `TYPE.hex` are the same event, written once by another implementation
//! (Python's protobuf). `proto/released.txt` lists every released field and enum value.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use afterglow_events::{Body, Encoding, proto};
use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorSet};

fn proto_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto")
}

fn golden(type_name: &str, extension: &str) -> String {
    let path = proto_folder().join(format!("golden/{type_name}.{extension}"));
    let missing = |error| panic!("{}: {error}; a released event needs its golden files", path.display());
    fs::read_to_string(&path).unwrap_or_else(missing)
}

#[test]
fn golden_bytes_of_every_event() {
    for (type_name, topic, message) in Body::TYPES {
        let bytes = hex::decode(golden(type_name, "hex").split_whitespace().collect::<String>()).unwrap();
        let json = golden(type_name, "json");
        let from_bytes = Body::decode(*topic, type_name, Encoding::Protobuf, &bytes).unwrap();
        let from_json = Body::decode(*topic, type_name, Encoding::Json, json.as_bytes()).unwrap();
        assert_eq!(from_bytes, from_json, "{message}");
        assert_eq!(from_json.encode(Encoding::Protobuf), bytes, "{message}: the bytes changed");
        let written: serde_json::Value = serde_json::from_slice(&from_bytes.encode(Encoding::Json)).unwrap();
        let expected: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(written, expected, "{message}: the JSON changed");
    }
}

#[test]
fn a_field_of_the_future_is_skipped() {
    for (type_name, topic, message) in Body::TYPES {
        let json = golden(type_name, "json").replacen('{', "{ \"fieldOfTheFuture\": {\"a\": [1]},", 1);
        Body::decode(*topic, type_name, Encoding::Json, json.as_bytes())
            .unwrap_or_else(|error| panic!("{message}: {error}"));
    }
}

#[test]
fn an_enum_value_of_the_future_reads_as_unspecified_in_json_too() {
    let released = fs::read_to_string(proto_folder().join("released.txt")).unwrap();
    let values = enum_values(&released);
    let mut seen = 0;
    for (type_name, topic, message) in Body::TYPES {
        let written: serde_json::Value = serde_json::from_str(&golden(type_name, "json")).unwrap();
        for future in [serde_json::json!("VALUE_OF_THE_FUTURE"), serde_json::json!(99)] {
            let mut changed = written.clone();
            seen += replace(&mut changed, &values, &future);
            Body::decode(*topic, type_name, Encoding::Json, changed.to_string().as_bytes())
                .unwrap_or_else(|error| panic!("{message}: {error}: {changed}"));
        }
    }
    assert!(seen > 20, "the golden events name enum values");
}

/// Puts `future` in the place of every enum value; gives how many there were.
fn replace(at: &mut serde_json::Value, values: &BTreeSet<String>, future: &serde_json::Value) -> usize {
    match at {
        serde_json::Value::String(text) if values.contains(text) => {
            *at = future.clone();
            1
        }
        serde_json::Value::Array(list) => list.iter_mut().map(|inner| replace(inner, values, future)).sum(),
        serde_json::Value::Object(map) => map.values_mut().map(|inner| replace(inner, values, future)).sum(),
        _ => 0,
    }
}

/// The names of all enum values.
fn enum_values(released: &str) -> BTreeSet<String> {
    let values = released.lines().filter(|line| line.starts_with("enum "));
    values.filter_map(|line| line.rsplit(' ').next().map(str::to_owned)).collect()
}

#[test]
fn released_fields_stay_as_they_are() {
    let compiled = FileDescriptorSet::decode(proto::DESCRIPTORS).unwrap();
    let mut now = BTreeSet::new();
    for file in compiled.file.iter().filter(|file| file.package().starts_with("afterglow")) {
        file.message_type.iter().for_each(|message| list_message("", message, &mut now));
        file.enum_type.iter().for_each(|list| list_enum("", list, &mut now));
    }
    let released = fs::read_to_string(proto_folder().join("released.txt")).unwrap();
    let released: BTreeSet<String> = released.lines().map(str::to_owned).collect();
    let gone: Vec<_> = released.difference(&now).collect();
    assert!(gone.is_empty(), "incompatible: released fields are gone, renumbered or retyped: {gone:#?}");
    let new: Vec<_> = now.difference(&released).collect();
    assert!(new.is_empty(), "compatible; add these lines to proto/released.txt, sorted: {new:#?}");
}

fn list_message(prefix: &str, message: &DescriptorProto, lines: &mut BTreeSet<String>) {
    let name = format!("{prefix}{}", message.name());
    for field in &message.field {
        let repeated = if field.label() == Label::Repeated { "repeated " } else { "" };
        let kind = Type::as_str_name(&field.r#type()).trim_start_matches("TYPE_").to_lowercase();
        let of = field.type_name.as_ref().map(|of| format!(" {of}")).unwrap_or_default();
        lines.insert(format!("message {name} {} {} {repeated}{kind}{of}", field.number(), field.name()));
    }
    let inner = format!("{name}.");
    message.nested_type.iter().for_each(|nested| list_message(&inner, nested, lines));
    message.enum_type.iter().for_each(|nested| list_enum(&inner, nested, lines));
}

fn list_enum(prefix: &str, list: &EnumDescriptorProto, lines: &mut BTreeSet<String>) {
    for value in &list.value {
        lines.insert(format!("enum {prefix}{} {} {}", list.name(), value.number(), value.name()));
    }
}
