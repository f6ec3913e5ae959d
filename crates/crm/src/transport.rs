//! One request to a CRM: rate limit, send, read within a cap, judge, and a few quick retries.
//!
//! Only reads go through here, so that every request may be sent again. Invariant: nothing of a body
//! reaches an error text.

use std::num::NonZeroU32;
use std::time::Duration;

use afterglow_domain::Crm;
use afterglow_rate::Limiter;
use backon::{ExponentialBuilder, Retryable as _};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use reqwest::RequestBuilder;
use serde::de::DeserializeOwned;

use crate::metric;
use crate::quota::{self, Pace};
use crate::read::Error;

/// No answer about one deal is this long; a longer one would only fill our memory.
const BODY_MAX: usize = 1024 * 1024;
/// A vendor's wish to be left alone is believed up to a day.
const RETRY_AFTER_MAX_S: u64 = 86_400;

/// A complete answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: Bytes,
    vendor: Crm,
}

impl Answer {
    /// The body as `what`; anything else is [`Error::Invalid`] with the place but not the content.
    pub(crate) fn read<T: DeserializeOwned>(&self, what: &'static str) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| Error::Invalid {
            vendor: self.vendor,
            what: format!(
                "{what} (status {}) is not of the documented form at line {} column {}",
                self.status.as_u16(),
                error.line(),
                error.column()
            ),
        })
    }

    /// The seconds of `Retry-After`.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let seconds: u64 = self.headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
        Some(Duration::from_secs(seconds.clamp(1, RETRY_AFTER_MAX_S)))
    }

    /// The error of a status that says "later".
    pub(crate) fn unavailable(&self) -> Error {
        let status = self.status.as_u16();
        Error::Unavailable { vendor: self.vendor, status: Some(status), what: format!("status {status}") }
    }

    /// The error of a status that nobody documents.
    pub(crate) fn unexpected(&self) -> Error {
        let what = format!("status {}: check the connection's base_url", self.status.as_u16());
        Error::Invalid { vendor: self.vendor, what }
    }
}

/// The way to one connection's API.
pub(crate) struct Transport {
    vendor: Crm,
    requests_per_10s: NonZeroU32,
    limiter: Limiter,
    pace: Pace,
}

impl Transport {
    pub(crate) fn new(vendor: Crm, requests_per_10s: NonZeroU32) -> Self {
        let limiter = Limiter::alone(quota::rate(requests_per_10s));
        let pace = Pace::of(requests_per_10s);
        Self { vendor, requests_per_10s, limiter, pace }
    }

    /// Takes turns from this limiter from now on, which has the rate of before.
    pub(crate) fn limit(&mut self, limiter: Limiter) {
        if limiter.is_shared() {
            self.pace = Pace::shared(self.requests_per_10s);
        }
        self.limiter = limiter;
    }

    /// What the rate means for reads.
    pub(crate) fn pace(&self) -> Pace {
        self.pace
    }

    /// Holds a whole read to its time.
    pub(crate) async fn within_budget<T>(
        &self,
        read: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<T, Error> {
        let budget = self.pace.read_time_max;
        let late = |_| {
            let what = format!("the deal was not read within {} s", budget.as_secs());
            Error::Unavailable { vendor: self.vendor, status: None, what }
        };
        tokio::time::timeout(budget, read).await.map_err(late)?
    }

    /// Sends what `build` makes until `judge` is content with the answer; the vendor's passing trouble
    /// is retried twice, within about two seconds.
    pub(crate) async fn call<B, J>(&self, build: B, judge: J) -> Result<Answer, Error>
    where
        B: Fn() -> RequestBuilder + Send + Sync,
        J: Fn(Answer) -> Result<Answer, Error> + Send + Sync,
    {
        let attempt = || async {
            let outcome = self.send(build()).await.and_then(&judge);
            self.count(&outcome);
            outcome
        };
        let delays = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(400))
            .with_factor(3.0)
            .with_max_times(2);
        attempt.retry(delays).when(is_passing).await
    }

    async fn send(&self, request: RequestBuilder) -> Result<Answer, Error> {
        self.limiter.turn().await;
        let mut response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            if body.len() + chunk.len() > BODY_MAX {
                let what = format!("an answer of more than {BODY_MAX} bytes (status {})", status.as_u16());
                return Err(Error::Invalid { vendor: self.vendor, what });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, headers, body: body.freeze(), vendor: self.vendor })
    }

    fn unreachable(&self, error: &reqwest::Error) -> Error {
        let what = if error.is_timeout() {
            "no answer in time"
        } else if error.is_connect() {
            "no connection: check the connection's base_url and the network"
        } else if error.is_builder() {
            "no request could be made: check the connection's base_url and token"
        } else {
            "the connection broke"
        };
        Error::Unavailable { vendor: self.vendor, status: None, what: what.to_owned() }
    }

    fn count(&self, outcome: &Result<Answer, Error>) {
        let result = match outcome {
            Ok(_) => "ok",
            Err(Error::RateLimited { .. }) => "rate_limited",
            Err(Error::Unauthorised { .. }) => "unauthorised",
            Err(Error::Unavailable { .. }) => "unavailable",
            Err(Error::Invalid { .. }) => "invalid",
        };
        metrics::counter!(metric::REQUESTS, "vendor" => self.vendor.as_str(), "result" => result)
            .increment(1);
    }
}

/// Trouble that may be over in a second. A locked record (423) is not: HubSpot asks for longer.
fn is_passing(error: &Error) -> bool {
    matches!(error, Error::Unavailable { status, .. } if *status != Some(423))
}
