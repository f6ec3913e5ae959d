//! One HTTP call, and how sure we are about it when it fails.

use std::time::Duration;

use reqwest::{RequestBuilder, Response};

use super::NAME;
use super::answer::Answer;
use crate::outcome::{Class, Rejection};

/// The largest answer read, in bytes: an order's is below 2 KB.
const ANSWER_BYTES_MAX: usize = 50 * 1024;

/// The longest pause that a vendor's `Retry-After` may ask of us; a longer one is a mistake.
const PAUSE_MAX: Duration = Duration::from_hours(1);

/// What became of a call.
pub(super) enum Call {
    /// No byte of the request left us.
    NotSent(Rejection),
    /// The request may have arrived; no answer did.
    Lost {
        /// The circumstance.
        reason: String,
    },
    /// An answer came, whatever it says.
    Answered(Answer),
}

/// Sends a request and reads the answer.
pub(super) async fn send(request: RequestBuilder) -> Call {
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) => return failed(&error),
    };
    let status = response.status().as_u16();
    let retry_after = retry_after(&response);
    Call::Answered(Answer { status, retry_after, body: body(response).await })
}

/// Only a connection that never stood proves that nothing was sent; the error's own text is not
/// repeated, because it holds the URL.
fn failed(error: &reqwest::Error) -> Call {
    if error.is_builder() {
        let reason = format!("{NAME}: the request cannot be written; check base_url and secret");
        return Call::NotSent(Rejection { class: Class::Configuration, reason });
    }
    if error.is_connect() {
        let reason =
            format!("{NAME}: no connection; the service or the network is down, or base_url is wrong");
        return Call::NotSent(Rejection { class: Class::Retry { after: None }, reason });
    }
    let how = if error.is_timeout() { "no answer in time" } else { "connection lost before the answer" };
    Call::Lost { reason: format!("{NAME}: {how}") }
}

/// Seconds only: the vendor documents no header, and a date would need a clock.
fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get(reqwest::header::RETRY_AFTER)?.to_str().ok()?;
    Some(Duration::from_secs(value.trim().parse().ok()?).min(PAUSE_MAX))
}

/// The body, or `None` where it broke off or is larger than any honest answer.
async fn body(mut response: Response) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.ok()? {
        if body.len() + piece.len() > ANSWER_BYTES_MAX {
            return None;
        }
        body.extend_from_slice(&piece);
    }
    Some(body)
}
