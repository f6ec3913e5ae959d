//! Names of the metrics that this role emits.

/// Deliveries at the edge, by `source` (`hubspot`, `salesforce`) and `result` (`accepted`,
/// `unauthentic`, `unavailable`).
pub const WEBHOOK_RECEIVED: &str = "afterglow_webhook_received_total";
/// Events within accepted deliveries, by `source` and `kind` (`event`, `ignored`, `unusable`).
pub const WEBHOOK_EVENTS: &str = "afterglow_webhook_events_total";
/// Seconds from a verified delivery to its answer, by `source`.
pub const ACK_SECONDS: &str = "afterglow_webhook_ack_seconds";
/// Deliveries by the `key` that they were signed with (`current`, `previous`), by `connection`: once
/// `previous` stands still, the old secret can be removed.
pub const SECRET_USED: &str = "afterglow_webhook_secret_used_total";
/// Unsubscriptions taken, by `method`.
pub const UNSUBSCRIBED: &str = "afterglow_unsubscribed_total";
/// Hints taken by the resolver, by `result` (`hinted`, `ignored`, `parked`).
pub const HINTS: &str = "afterglow_resolver_hints_total";
/// Reads of deals, by `connection` and `result`.
pub const READS: &str = "afterglow_resolver_reads_total";
/// Deal events emitted, by `kind`.
pub const EMITTED: &str = "afterglow_resolver_emitted_total";
/// 1 while a connection's credentials are refused, else 0, by `connection`.
pub const CONNECTION_BROKEN: &str = "afterglow_resolver_connection_broken";
/// Seconds from the first hint until a refresh was settled.
pub const HINT_AGE: &str = "afterglow_resolver_hint_age_seconds";
