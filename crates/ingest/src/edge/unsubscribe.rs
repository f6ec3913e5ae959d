//! `/u/{token}`: leaving, in one click by the mail program (RFC 8058) or on a page.
//!
//! A GET only shows: mail gateways follow every link. A POST acts, once the log has it on disk.
//! Deliberately absent: cookies, redirects, scripts, questions, and the address itself.

use std::sync::Arc;

use afterglow_events::proto::{Signal, Unsubscribed, signal};
use afterglow_events::{Append, Body, Envelope, Event, convert, identity};
use afterglow_service::http::{problem, unavailable};
use afterglow_service::unsubscribe::{Unsubscribe, verify};
use afterglow_trace::{Kind, Span};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderName, StatusCode, header};

use super::{Edge, RETRY_AFTER_SECONDS};
use crate::{SOURCE, metric};

const QUESTION: &str = include_str!("unsubscribe/question.html");
const DONE: &str = include_str!("unsubscribe/done.html");

/// What nothing may do on these pages: load, run, frame; and the link itself must not travel on.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_TYPE, "text/html; charset=utf-8"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (HeaderName::from_static("x-robots-tag"), "noindex"),
];

/// The page with the button.
pub(super) async fn show<A: Append + Clone>(
    State(edge): State<Arc<Edge<A>>>,
    Path(token): Path<String>,
) -> Response {
    match verify(&edge.options.unsubscribe_keys, &token) {
        Some(_) => page(QUESTION),
        None => unknown(),
    }
}

/// The wish, by the mail program or by the page's button.
pub(super) async fn act<A: Append + Clone>(
    State(edge): State<Arc<Edge<A>>>,
    Path(token): Path<String>,
    body: Bytes,
) -> Response {
    let Some(link) = verify(&edge.options.unsubscribe_keys, &token) else { return unknown() };
    let Some(method) = method(&body) else {
        let detail = "The body must be List-Unsubscribe=One-Click, urlencoded or multipart.";
        return problem(StatusCode::BAD_REQUEST, "not-a-wish", "Not understood", detail);
    };
    let mut span = Span::within(None, Kind::Server, "take unsubscription");
    span.tell("afterglow.touchpoint", || link.touchpoint.to_string());
    let mut event = event(&edge, &link, method);
    event.envelope.traceparent = span.traceparent();
    if edge.append(vec![event.to_record(edge.options.encoding)]).await.is_err() {
        span.failed("the log takes nothing");
        return unavailable("Your wish could not be stored. Please try again.", RETRY_AFTER_SECONDS);
    }
    metrics::counter!(metric::UNSUBSCRIBED, "method" => method).increment(1);
    tracing::info!(touchpoint = %link.touchpoint, method, "edge: an unsubscription was taken");
    page(DONE)
}

fn event<A>(edge: &Edge<A>, link: &Unsubscribe, method: &str) -> Event {
    let touchpoint = link.touchpoint.to_string();
    let id = identity::unsubscribed(&link.home, &touchpoint);
    let wish = Unsubscribed { address_hmac: link.address_hmac.to_vec().into(), method: method.to_owned() };
    Event {
        envelope: Envelope::of(id, SOURCE, edge.clocks.wall.now(), &link.home),
        body: Body::from(Signal {
            touchpoint_id: touchpoint,
            occurred_at: Some(convert::timestamp(edge.clocks.journey.now())),
            kind: Some(signal::Kind::Unsubscribed(wish)),
        }),
    }
}

/// How the wish was expressed. A mail program sends one field, urlencoded or as multipart; the page's
/// button sends its own.
fn method(body: &[u8]) -> Option<&'static str> {
    let text = std::str::from_utf8(body).ok()?.trim();
    if text.split('&').any(|field| field.eq_ignore_ascii_case("List-Unsubscribe=One-Click")) {
        return Some("one_click");
    }
    if text.split('&').any(|field| field == "unsubscribe=page") {
        return Some("page");
    }
    multipart(text).then_some("one_click")
}

/// Whether a multipart body has the field: a part whose headers name it, an empty line, its value.
fn multipart(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim_end);
    while let Some(line) = lines.next() {
        let header = line.to_ascii_lowercase();
        if header.starts_with("content-disposition:") && header.contains("name=\"list-unsubscribe\"") {
            let value = lines.by_ref().skip_while(|line| !line.is_empty()).nth(1);
            return value.is_some_and(|value| value.eq_ignore_ascii_case("One-Click"));
        }
    }
    false
}

fn unknown() -> Response {
    let detail = "This link is not one of ours, or it was cut: use it exactly as it stands in the mail.";
    problem(StatusCode::NOT_FOUND, "no-such-link", "No such link", detail)
}

fn page(html: &'static str) -> Response {
    (StatusCode::OK, HEADERS, html).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_one_click_are_understood() {
        assert_eq!(method(b"List-Unsubscribe=One-Click"), Some("one_click"));
        assert_eq!(method(b"a=b&list-unsubscribe=one-click\r\n"), Some("one_click"));
        assert_eq!(method(b"unsubscribe=page"), Some("page"));
        let form =
            b"--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--\r\n";
        assert_eq!(method(form), Some("one_click"));
        let typed = b"--x\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\nContent-Type: text/plain\n\nOne-Click\n--x--";
        assert_eq!(method(typed), Some("one_click"));
    }

    #[test]
    fn anything_else_is_no_wish() {
        for body in [&b""[..], b"List-Unsubscribe", b"List-Unsubscribe=Two-Clicks", b"\xff", b"unsubscribe=1"]
        {
            assert_eq!(method(body), None, "{body:?}");
        }
        let empty = b"--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\n\r\n--x--\r\n";
        assert_eq!(method(empty), None);
    }
}
