//! The names of the metrics that this crate emits; each crate has one such file.

/// Answers by `status`.
pub const HTTP_RESPONSES: &str = "afterglow_http_responses_total";
/// Connections open now.
pub const HTTP_CONNECTIONS: &str = "afterglow_http_connections";
/// Connections closed because the peer was too slow or idle.
pub const HTTP_TIMEOUTS: &str = "afterglow_http_timeouts_total";
/// Handlers that panicked; anything but 0 is a bug.
pub const HTTP_PANICS: &str = "afterglow_http_panics_total";
/// Spans for the collector, by `result`: `sent`, `away` (dropped: it did not take them), `full` (dropped: they came faster than they could be sent).
pub const OTLP_SPANS: &str = "afterglow_otlp_spans_total";
/// Exports of the metrics to the collector, by `result`: `sent`, `away`.
pub const OTLP_METRICS: &str = "afterglow_otlp_metric_exports_total";
/// 1, with the `version` of the program.
pub const BUILD_INFO: &str = "afterglow_build_info";
