//! The CloudEvents 1.0 attributes of an event, as headers of the Kafka binding's binary mode.

use std::borrow::Cow;

use afterglow_domain::{EventId, HomeKey, Tenant, Timestamp};

/// What every event says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// `ce_id`: the same event has the same id, for ever (see [`crate::identity`]).
    pub id: EventId,
    /// `ce_source`: which role of which product wrote it, e.g. `/afterglow/journey-engine`.
    pub source: Cow<'static, str>,
    /// `ce_time`: when it was emitted, by the wall's clock; when it happened is in the payload.
    pub time: Timestamp,
    /// `ce_subject`: the home key, or `tenant/connection/type/object` for a webhook.
    pub subject: String,
    /// `ce_tenant`.
    pub tenant: Tenant,
    /// `traceparent` (W3C), where the event belongs to a trace.
    pub traceparent: Option<String>,
}

impl Envelope {
    /// An envelope of an event about a home key.
    pub fn of(id: EventId, source: &'static str, time: Timestamp, home: &HomeKey) -> Self {
        Self {
            id,
            source: source.into(),
            time,
            subject: home.as_str().to_owned(),
            tenant: home.tenant(),
            traceparent: None,
        }
    }
}
