//! Errors as problem documents (RFC 9457) with a stable `type`.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

/// What stands before a problem's own name in `type`.
pub const PROBLEM_TYPE: &str = "urn:afterglow:problem:";

/// A problem document. `kind` is the stable part that programs compare, such as `body-too-large`;
/// `detail` is for people and never repeats the input.
pub fn problem(status: StatusCode, kind: &str, title: &str, detail: &str) -> Response {
    let kind = if kind == "about:blank" { kind.to_owned() } else { format!("{PROBLEM_TYPE}{kind}") };
    let document = json!({"type": kind, "title": title, "status": status.as_u16(), "detail": detail});
    let mut response = Response::new(Body::from(document.to_string()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// Our own trouble: 503 with `Retry-After`, so that the sender tries again.
pub fn unavailable(detail: &str, retry_after_seconds: u32) -> Response {
    let mut response = problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not available now", detail);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after_seconds));
    response
}

/// The document for a status that says all there is to say.
pub(super) fn plain(status: StatusCode) -> Response {
    let title = status.canonical_reason().unwrap_or("Error");
    problem(status, "about:blank", title, title)
}
