//! Round trips, golden bytes and refusals.

use afterglow_domain::{ConnectionId, DealKey, DealRef, HomeKey, Tenant};
use bytes::Bytes;

use super::*;
use crate::{convert, identity, proto};

fn won() -> Event {
    let deal = DealRef {
        tenant: Tenant::new("acme").unwrap(),
        connection: ConnectionId::new("hub").unwrap(),
        deal: DealKey::new("hubspot:33:deal:7").unwrap(),
    };
    let home = HomeKey::new("acme/hubspot:33:9001").unwrap();
    let body = proto::DealWon {
        deal: Some(proto::DealSnapshot {
            deal: Some(convert::deal_ref(&deal)),
            name: "Northwind".into(),
            status: proto::DealStatus::Won.into(),
            contacts: vec![proto::Recipient { first_name: "Jonas".into(), ..Default::default() }],
            ..Default::default()
        }),
        rev: 1,
        won_no: 1,
        occurred_at: Some(convert::timestamp(Timestamp(1_772_790_600_000_000))),
    };
    let id = identity::deal_event("afterglow.deal.won.v1", &deal, 1);
    let envelope = Envelope::of(id, "/afterglow/ingest", Timestamp(1_772_790_601_000_000), &home);
    Event { envelope, body: body.into() }
}

#[test]
fn both_encodings_come_back_the_same() {
    for encoding in [Encoding::Protobuf, Encoding::Json] {
        let record = won().to_record(encoding);
        assert_eq!(record.topic, Topic::Deals);
        assert_eq!(record.key_text(), "acme/hubspot:33:9001");
        assert_eq!(record.header("ce_type"), Some("afterglow.deal.won.v1"));
        assert_eq!(Event::from_record(&record).unwrap(), won());
    }
}

#[test]
fn personal_data_does_not_print() {
    assert!(!format!("{:?}", won()).contains("Jonas"));
}

fn with_header(name: &str, value: &str) -> Record {
    let mut record = won().to_record(Encoding::Protobuf);
    for (header, old) in &mut record.headers {
        if header == name {
            *old = Bytes::copy_from_slice(value.as_bytes());
        }
    }
    record
}

#[test]
fn what_is_no_event_is_named() {
    let cases = [
        (with_header("ce_type", "afterglow.deal.won.v2"), "type \"afterglow.deal.won.v2\""),
        (with_header("ce_id", "7"), "header ce_id is \"7\": a UUID"),
        (with_header("ce_id", ""), "1 to 200 bytes"),
        (with_header("ce_source", &"s".repeat(201)), "1 to 200 bytes"),
        (with_header("ce_tenant", "other"), "is not of tenant other"),
        (with_header("ce_subject", "acme/hubspot:33:1"), "disagree"),
        (with_header("ce_time", "yesterday"), "an RFC 3339 time"),
        (with_header("ce_specversion", "2.0"), "ce_specversion"),
        (with_header("content-type", "text/plain"), "application/protobuf or application/json"),
        (with_header("content-type", "application/json"), "does not decode"),
    ];
    for (record, expected) in cases {
        let error = Event::from_record(&record).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    let needed = [
        "ce_specversion",
        "ce_id",
        "ce_source",
        "ce_type",
        "ce_time",
        "ce_subject",
        "ce_tenant",
        "content-type",
    ];
    for name in needed {
        let mut bare = won().to_record(Encoding::Protobuf);
        bare.headers.retain(|(header, _)| header != name);
        assert_eq!(Event::from_record(&bare), Err(DecodeError::Header(name)));
    }
}

#[test]
fn an_unknown_enum_value_reads_as_unspecified() {
    let mut event = won();
    let Body::DealWon(deal) = &mut event.body else { unreachable!("made above") };
    deal.deal.as_mut().unwrap().status = 99;
    let read = Event::from_record(&event.to_record(Encoding::Protobuf)).unwrap();
    let Body::DealWon(deal) = read.body else { unreachable!("made above") };
    assert_eq!(deal.deal.unwrap().status(), proto::DealStatus::Unspecified);
}

#[test]
fn a_broken_trace_costs_no_event() {
    let mut record = won().to_record(Encoding::Protobuf);
    record.headers.push(("traceparent".into(), Bytes::from_static(&[0xff; 10])));
    assert_eq!(Event::from_record(&record).unwrap(), won());
}

#[test]
fn a_payload_about_another_tenant_is_refused() {
    let mut event = won();
    event.envelope.tenant = Tenant::new("umbrella").unwrap();
    event.envelope.subject = "umbrella/hubspot:33:9001".to_owned();
    let error = Event::from_record(&event.to_record(Encoding::Protobuf)).unwrap_err();
    assert!(
        error.to_string().contains("about another tenant's deal, the envelope is of umbrella"),
        "{error}"
    );
    let merged = proto::DealMerged { survivor_home_key: "umbrella/ext:a:1".into(), ..Default::default() };
    event = Event { body: merged.into(), ..won() };
    Event::from_record(&event.to_record(Encoding::Protobuf)).unwrap_err();
}

#[test]
fn a_subject_that_is_no_home_key_is_refused() {
    for subject in ["acme", "acme/hubspot:33", "acme/ext:a:ü", &format!("acme/ext:a:{}", "x".repeat(200))] {
        let mut event = won();
        event.envelope.subject = subject.to_owned();
        let error = Event::from_record(&event.to_record(Encoding::Protobuf)).unwrap_err();
        assert!(matches!(error, DecodeError::Subject(_)), "{error}");
    }
}

/// The id of the contract's table: tenant, source and id of the stranger's own.
#[test]
fn a_stranger_s_signal_has_any_id() {
    let id = EventId("942bcf5a-bcbc-50a3-83e2-708ab1a1cc5f".parse().unwrap());
    let mut record = Event { body: proto::Signal::default().into(), ..won() }.to_record(Encoding::Json);
    for (name, value) in &mut record.headers {
        match name.as_ref() {
            "ce_id" => *value = Bytes::from_static(b"42"),
            "ce_source" => *value = Bytes::from_static(b"/shop"),
            _ => {}
        }
    }
    assert_eq!(Event::from_record(&record).unwrap().envelope.id, id);
}
