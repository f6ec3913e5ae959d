//! What a record can be made wrong by.

use std::time::Duration;

use afterglow_clients::stranger::Message;
use afterglow_domain::{EventId, HomeKey, Tenant, Timestamp};
use afterglow_events::{Body, Envelope, Event, Topic, proto};

/// A message, and what its dead letter must say.
pub(super) struct Bad {
    pub(super) message: Message,
    pub(super) reason: &'static str,
}

/// A customer who is on no other record of the test.
const HOME: &str = "acme/ext:stranger:1";

/// Larger than what a dead letter's event has room for.
const LARGE: usize = 900_000;

/// A day more than the log keeps.
const OLD: Duration = Duration::from_hours(31 * 24);

/// Every way to be wrong, on one topic.
pub(super) fn of_topic(topic: Topic, now: Timestamp) -> Vec<Bad> {
    let event = event(topic, now);
    let good = Message::of_event(&event);
    let subject = event.envelope.subject.as_str();
    let type_name = event.body.type_name();
    let next_major = format!("{}.v2", type_name.trim_end_matches(".v1"));
    let long_ago = now.minus(OLD).as_millis();
    let mut bad = vec![
        (good.clone().with_value([0xff; 16]), "does not decode"),
        (good.clone().with_value("{").with_header("content-type", "application/json"), "does not decode"),
        (good.clone().with_value(vec![0xff; LARGE]), "does not decode"),
        (Message { headers: Vec::new(), ..good.clone() }, "header ce_specversion is missing"),
        (good.clone().without_header("ce_type"), "header ce_type is missing"),
        (good.clone().without_header("content-type"), "header content-type is missing"),
        (good.clone().without_header("ce_id"), "header ce_id is missing"),
        (good.clone().without_header("ce_source"), "header ce_source is missing"),
        (good.clone().without_header("ce_time"), "header ce_time is missing"),
        (good.clone().without_header("ce_subject"), "header ce_subject is missing"),
        (good.clone().without_header("ce_tenant"), "header ce_tenant is missing"),
        (good.clone().with_header("ce_type", &next_major), "is not one this version reads from"),
        (Message { timestamp: Some(long_ago), ..good.clone() }, "older than the log's retention of 30 days"),
        (good.clone().with_key("acme/ext:stranger:2"), "disagree"),
        (Message { key: None, ..good.clone() }, "disagree"),
        (good.clone().with_key([0xff, 0xfe]), "disagree"),
        (good.clone().with_header("ce_tenant", "umbrella"), "is not of tenant umbrella"),
        (good.clone().with_header("ce_id", ""), "1 to 200 bytes"),
    ];
    if topic.keyed_by_home() {
        let nobody = good.clone().with_header("ce_subject", "acme/nobody").with_key("acme/nobody");
        bad.push((nobody, "is not of the form of a home key"));
    }
    if event.body.tenants().next().is_some() {
        let envelope = Envelope {
            subject: subject.replacen("acme", "umbrella", 1),
            tenant: Tenant::new("umbrella").unwrap(),
            ..event.envelope
        };
        let foreign = Message::of_event(&Event { envelope, body: event.body });
        bad.push((foreign, "about another tenant's deal"));
    }
    bad.into_iter().map(|(message, reason)| Bad { message, reason }).collect()
}

/// A good record's event; what is made of it is never used, so it needs no effect of its own.
fn event(topic: Topic, now: Timestamp) -> Event {
    let deal = proto::DealRef {
        tenant: "acme".to_owned(),
        connection: "hub".to_owned(),
        deal: "hubspot:33:deal:999".to_owned(),
    };
    let body: Body = match topic {
        Topic::Webhooks => proto::WebhookReceived { tenant: "acme".to_owned(), ..Default::default() }.into(),
        Topic::Signals => proto::Signal { touchpoint_id: "none".to_owned(), ..Default::default() }.into(),
        Topic::Touchpoints => proto::TouchpointDue { deal: Some(deal), ..Default::default() }.into(),
        Topic::Deliveries => {
            let of = Some(proto::DeliveryOf { deal: Some(deal), ..Default::default() });
            proto::DeliveryConcluded { of, ..Default::default() }.into()
        }
        _ => {
            let deal = Some(proto::DealSnapshot { deal: Some(deal), ..Default::default() });
            proto::DealWon { deal, rev: 1, ..Default::default() }.into()
        }
    };
    let id = EventId("9f0c2e46-0000-5000-8000-000000000099".parse().unwrap());
    let envelope = Envelope::of(id, "/stranger", now, &HomeKey::new(HOME).unwrap());
    if topic == Topic::Webhooks {
        let envelope = Envelope { subject: "acme/hub/deal/999".to_owned(), ..envelope };
        return Event { envelope, body };
    }
    Event { envelope, body }
}

/// Well-formed records of another tenant about what is not that tenant's: each with its topic and the role that must
/// refuse it. `touchpoint` is one of `acme`'s.
pub(super) fn foreign(touchpoint: &Event) -> [(Topic, &'static [&'static str], Bad); 3] {
    let Body::TouchpointDue(due) = &touchpoint.body else { panic!("{touchpoint:?}") };
    let by_umbrella = |body: Body| {
        let envelope = Envelope {
            subject: touchpoint.envelope.subject.replacen("acme", "umbrella", 1),
            tenant: Tenant::new("umbrella").unwrap(),
            ..touchpoint.envelope.clone()
        };
        Message::of_event(&Event { envelope, body })
    };
    let revoked = proto::TouchpointRevoked { touchpoint_id: due.touchpoint_id.clone(), ..Default::default() };
    let of = proto::DeliveryOf {
        touchpoint_id: due.touchpoint_id.clone(),
        enrolment_id: due.enrolment_id.clone(),
        moment: due.moment.clone(),
        ..Default::default()
    };
    let done = proto::DeliveryConcluded { of: Some(of), ..Default::default() };
    let taken = proto::TouchpointDue { deal: None, ..(**due).clone() };
    let taken = Bad { message: by_umbrella(taken.into()), reason: "its ids are not those that its deal" };
    let revoked = Bad { message: by_umbrella(revoked.into()), reason: "is not of umbrella/" };
    let done = Bad { message: by_umbrella(done.into()), reason: "a delivery came on umbrella/" };
    [
        (Topic::Touchpoints, &["dispatcher"], taken),
        (Topic::Touchpoints, &["dispatcher"], revoked),
        (Topic::Deliveries, &["journey-engine"], done),
    ]
}

/// Another tenant's service says that an address wants no more mail: of that tenant.
pub(super) fn foreign_wish(address_hmac: [u8; 32], now: Timestamp) -> Message {
    let unsubscribed =
        proto::Unsubscribed { address_hmac: address_hmac.to_vec().into(), method: String::new() };
    let kind = Some(proto::signal::Kind::Unsubscribed(unsubscribed));
    let body = proto::Signal { kind, ..Default::default() }.into();
    let id = EventId("9f0c2e46-0000-5000-8000-000000000098".parse().unwrap());
    let envelope = Envelope::of(id, "/stranger", now, &HomeKey::new("umbrella/ext:shop:1").unwrap());
    Message::of_event(&Event { envelope, body })
}

/// The revocation of a touchpoint that is not there yet: its id can be computed by anybody.
pub(super) fn foreign_revocation(touchpoint_id: String, now: Timestamp) -> Message {
    let body = proto::TouchpointRevoked { touchpoint_id, ..Default::default() }.into();
    let id = EventId("9f0c2e46-0000-5000-8000-000000000097".parse().unwrap());
    let envelope = Envelope::of(id, "/stranger", now, &HomeKey::new("umbrella/ext:shop:1").unwrap());
    Message::of_event(&Event { envelope, body })
}
