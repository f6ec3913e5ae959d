//! What makes an event the same event: UUIDv5 over a fixed namespace and length-prefixed fields.
//!
//! Never from the time of processing, a batch position or a payload's hash: the same cause gives the
//! same id on every replica, after every crash, for ever. The fields are part of the contract; the
//! vectors in the tests never change.

use afterglow_domain::{DealRef, EnrolmentId, EventId, HomeKey, ObligationId, Tenant, TouchpointId};
use uuid::Uuid;

use crate::{convert, proto};

/// The namespace of every id of the product: UUIDv5 of "afterglow.events.v1" in the URL namespace.
pub const NAMESPACE: Uuid = Uuid::from_u128(0xac8d_5770_7aed_5d49_aa54_2169_95aa_5bee);

/// UUIDv5 of the kind and its fields, each prefixed with its length in four bytes, big-endian.
fn uuid(kind: &str, fields: &[&[u8]]) -> Uuid {
    let mut name = Vec::with_capacity(128);
    for field in std::iter::once(&kind.as_bytes()).chain(fields) {
        let length = u32::try_from(field.len()).expect("a field is far below four gigabytes");
        name.extend_from_slice(&length.to_be_bytes());
        name.extend_from_slice(field);
    }
    Uuid::new_v5(&NAMESPACE, &name)
}

fn deal_fields(deal: &DealRef) -> [&[u8]; 3] {
    [deal.tenant.as_str().as_bytes(), deal.connection.as_str().as_bytes(), deal.deal.as_str().as_bytes()]
}

/// A deal event: its type, the deal and its `rev`.
pub fn deal_event(type_name: &str, deal: &DealRef, rev: i64) -> EventId {
    let [tenant, connection, id] = deal_fields(deal);
    EventId(uuid("deal", &[type_name.as_bytes(), tenant, connection, id, rev.to_string().as_bytes()]))
}

/// An enrolment: a deal's entry number `entry` into a journey, 0 unless a later grammar allows more.
pub fn enrolment(journey: &str, deal: &DealRef, entry: u32) -> EnrolmentId {
    let [tenant, connection, id] = deal_fields(deal);
    let entry = entry.to_string();
    EnrolmentId(uuid("enrolment", &[tenant, journey.as_bytes(), connection, id, entry.as_bytes()]))
}

/// A touchpoint, also the vendor's external id and the mail's Message-ID.
pub fn touchpoint(enrolment: EnrolmentId, moment: &str, occurrence: u32) -> TouchpointId {
    let occurrence = occurrence.to_string();
    TouchpointId(uuid("touchpoint", &[enrolment.as_bytes(), moment.as_bytes(), occurrence.as_bytes()]))
}

/// The enrolment and the touchpoint that the parts of a due touchpoint give; `None` where it names no deal. Who
/// takes touchpoints in compares, so that nobody claims the id of another tenant's.
pub fn of_due(due: &proto::TouchpointDue) -> Option<(EnrolmentId, TouchpointId)> {
    let deal = convert::from_deal_ref(due.enrolled_deal.as_ref().or(due.deal.as_ref()))?;
    let enrolment = enrolment(&due.journey, &deal, 0);
    Some((enrolment, touchpoint(enrolment, &due.moment, u32::try_from(due.occurrence).ok()?)))
}

/// An obligation: one occurrence of one promise.
pub fn obligation(enrolment: EnrolmentId, moment: &str, occurrence: u32) -> ObligationId {
    let occurrence = occurrence.to_string();
    ObligationId(uuid("obligation", &[enrolment.as_bytes(), moment.as_bytes(), occurrence.as_bytes()]))
}

/// The event that says a touchpoint is due: the touchpoint itself.
pub fn touchpoint_due(touchpoint: TouchpointId) -> EventId {
    EventId(touchpoint.0)
}

/// The revocation of a touchpoint.
pub fn touchpoint_revoked(touchpoint: TouchpointId) -> EventId {
    EventId(uuid("revoked", &[touchpoint.as_bytes()]))
}

/// The conclusion of a touchpoint's delivery.
pub fn delivery_concluded(touchpoint: TouchpointId) -> EventId {
    EventId(uuid("concluded", &[touchpoint.as_bytes()]))
}

/// One movement of one ledger step: counted per touchpoint, in the order in which they were committed.
pub fn delivery_progressed(touchpoint: TouchpointId, step: &str, counter: u32) -> EventId {
    let counter = counter.to_string();
    EventId(uuid("progressed", &[touchpoint.as_bytes(), step.as_bytes(), counter.as_bytes()]))
}

/// The end of an obligation.
pub fn obligation_closed(obligation: ObligationId) -> EventId {
    EventId(uuid("obligation-closed", &[obligation.as_bytes()]))
}

/// Any other journey event: the enrolment, the kind (the CloudEvents type) and a counter of that kind.
pub fn journey_event(enrolment: EnrolmentId, type_name: &str, counter: u32) -> EventId {
    let counter = counter.to_string();
    EventId(uuid("journey", &[enrolment.as_bytes(), type_name.as_bytes(), counter.as_bytes()]))
}

/// A stranger's signal: whoever sends the same id twice means the same thing.
pub fn signal(tenant: &Tenant, source: &str, id: &str) -> EventId {
    EventId(uuid("signal", &[tenant.as_str().as_bytes(), source.as_bytes(), id.as_bytes()]))
}

/// An unsubscription answered on a touchpoint's link: asking twice is asking once.
pub fn unsubscribed(home: &HomeKey, touchpoint: &str) -> EventId {
    EventId(uuid("unsubscribed", &[home.as_str().as_bytes(), touchpoint.as_bytes()]))
}

/// A dead letter: where the record came from, so that a repeated read parks it once.
pub fn dead_letter(role: &str, topic: &str, partition: u16, offset: i64) -> EventId {
    let (partition, offset) = (partition.to_string(), offset.to_string());
    EventId(uuid(
        "dead-letter",
        &[role.as_bytes(), topic.as_bytes(), partition.as_bytes(), offset.as_bytes()],
    ))
}

#[cfg(test)]
mod tests {
    use afterglow_domain::{ConnectionId, DealKey};

    use super::*;

    /// These values are the contract: other implementations may compute them, and a change would make
    /// every event in flight a new one.
    #[test]
    fn vectors() {
        let deal = DealRef {
            tenant: Tenant::new("acme").unwrap(),
            connection: ConnectionId::new("hub").unwrap(),
            deal: DealKey::new("hubspot:33:deal:1246965").unwrap(),
        };
        let enrolment = enrolment("first-90-days", &deal, 0);
        let touchpoint = touchpoint(enrolment, "welcome", 0);
        let obligation = obligation(enrolment, "welcome", 0);
        let lines = [
            deal_event("afterglow.deal.won.v1", &deal, 1).to_string(),
            enrolment.to_string(),
            touchpoint.to_string(),
            obligation.to_string(),
            touchpoint_revoked(touchpoint).to_string(),
            delivery_concluded(touchpoint).to_string(),
            delivery_progressed(touchpoint, "order", 1).to_string(),
            obligation_closed(obligation).to_string(),
            journey_event(enrolment, "afterglow.journey.held.v1", 2).to_string(),
            signal(&deal.tenant, "/shop", "42").to_string(),
            dead_letter("ingest", "afterglow.webhooks.v1", 3, 99).to_string(),
        ];
        assert_eq!(lines.join("\n"), include_str!("identity_vectors.txt").trim_end());
    }

    #[test]
    fn a_length_prefix_keeps_fields_apart() {
        let tenant = Tenant::new("acme").unwrap();
        assert_ne!(signal(&tenant, "ab", "c"), signal(&tenant, "a", "bc"));
    }
}
