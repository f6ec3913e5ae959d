//! The names of the metrics that this crate emits; each crate has one such file.

/// Answers by `status`.
pub const HTTP_RESPONSES: &str = "afterglow_http_responses_total";
/// Connections open now.
pub const HTTP_CONNECTIONS: &str = "afterglow_http_connections";
/// Connections closed because the peer was too slow or idle.
pub const HTTP_TIMEOUTS: &str = "afterglow_http_timeouts_total";
/// Handlers that panicked; anything but 0 is a bug.
pub const HTTP_PANICS: &str = "afterglow_http_panics_total";
/// 1, with the `version` of the program.
pub const BUILD_INFO: &str = "afterglow_build_info";
