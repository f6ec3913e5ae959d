//! What stands between a connection and a handler: one request in, one answer out.
//!
//! | request | answer |
//! |---|---|
//! | no `Host`, or two | 400: it is not clear what was asked of whom |
//! | target longer than 8 KiB | 414 |
//! | path with `%`, `//` or `..` | 404: one resource has one spelling, also for proxies' rules |
//! | `Content-Encoding` | 415: nothing is decompressed |
//! | claims or sends more than the limit | 413, a claim unread and before `100 Continue` |
//! | body not complete in time | 408 |
//! | handler panics | 500, and the process goes on |
//!
//! The handler sees a complete body. Errors that a handler or the router leaves as plain text become
//! problem documents: no parser's words reach the caller.

use std::panic::AssertUnwindSafe;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::Response;
use futures::FutureExt;
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tower::ServiceExt;

use super::Limits;
use super::problem::{plain, problem};
use crate::lifecycle::panic_text;
use crate::metric_names;

/// Targets of ours have a hundred bytes, signed links three hundred.
const TARGET_BYTES_MAX: usize = 8 << 10;

/// Answers one request.
pub(super) async fn answer<B>(router: Router, limits: &Limits, request: Request<B>) -> Response
where
    B: hyper::body::Body<Data = Bytes, Error: Into<axum::BoxError>> + Send + 'static,
{
    let response = match checked(limits, request).await {
        Ok(request) => handled(router, request).await,
        // What is left of a refused request is not read: the connection cannot be used again.
        Err(refusal) => closing(*refusal),
    };
    let status = response.status();
    metrics::counter!(metric_names::HTTP_RESPONSES, "status" => status.as_str().to_owned()).increment(1);
    as_problem(response)
}

async fn checked<B>(limits: &Limits, request: Request<B>) -> Result<Request<Body>, Box<Response>>
where
    B: hyper::body::Body<Data = Bytes, Error: Into<axum::BoxError>> + Send + 'static,
{
    check_head(&request)?;
    let size = request.body().size_hint();
    if size.lower() > limits.body_bytes_max as u64 {
        return too_large();
    }
    let (head, body) = request.into_parts();
    if size.exact() == Some(0) {
        return Ok(Request::from_parts(head, Body::empty()));
    }
    let reading = Limited::new(body, limits.body_bytes_max).collect();
    match tokio::time::timeout(limits.body_timeout, reading).await {
        Ok(Ok(body)) => Ok(Request::from_parts(head, Body::from(body.to_bytes()))),
        Ok(Err(error)) if error.is::<LengthLimitError>() => too_large(),
        Ok(Err(_)) => refuse(StatusCode::BAD_REQUEST, "body-broken", "The body ended before its length"),
        Err(_) => refuse(StatusCode::REQUEST_TIMEOUT, "body-slow", "The body did not come in time"),
    }
}

fn check_head<B>(request: &Request<B>) -> Result<(), Box<Response>> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = hosts.next();
    if host.is_none_or(HeaderValue::is_empty) || hosts.next().is_some() {
        return refuse(StatusCode::BAD_REQUEST, "host", "A request has exactly one Host header");
    }
    let uri = request.uri();
    if uri.path_and_query().map_or(0, |target| target.as_str().len()) > TARGET_BYTES_MAX {
        return refuse(StatusCode::URI_TOO_LONG, "target-too-long", "The request target is too long");
    }
    let path = uri.path();
    if path.contains('%') || path.contains("//") || path.split('/').any(|part| part == "..") {
        return Err(Box::new(plain(StatusCode::NOT_FOUND)));
    }
    let plain_body = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if !request.headers().get_all(header::CONTENT_ENCODING).iter().all(plain_body) {
        let title = "Send the body uncompressed";
        let mut refusal = problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "encoded", title, title);
        refusal.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        return Err(Box::new(refusal));
    }
    Ok(())
}

fn refuse<T>(status: StatusCode, kind: &str, title: &str) -> Result<T, Box<Response>> {
    Err(Box::new(problem(status, kind, title, title)))
}

fn too_large<T>() -> Result<T, Box<Response>> {
    refuse(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", "The body is larger than the limit")
}

fn closing(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

async fn handled(router: Router, request: Request<Body>) -> Response {
    match AssertUnwindSafe(router.oneshot(request)).catch_unwind().await {
        Ok(Ok(response)) => response,
        Ok(Err(never)) => match never {},
        Err(panic) => {
            metrics::counter!(metric_names::HTTP_PANICS).increment(1);
            tracing::error!(panic = panic_text(panic.as_ref()), "handler panicked");
            let title = "Something went wrong on our side";
            problem(StatusCode::INTERNAL_SERVER_ERROR, "internal", title, title)
        }
    }
}

/// Replaces an error's plain text by a problem document; other headers (`Allow`) stay.
fn as_problem(response: Response) -> Response {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let content = response.headers().get(header::CONTENT_TYPE);
    if !is_error || content.is_some_and(|value| !value.as_bytes().starts_with(b"text/plain")) {
        return response;
    }
    let (mut head, document) = (response.into_parts().0, plain(status));
    head.headers.remove(header::CONTENT_LENGTH);
    head.headers.extend(document.headers().clone());
    Response::from_parts(head, document.into_body())
}
