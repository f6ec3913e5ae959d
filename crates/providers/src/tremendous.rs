//! Tremendous: gift cards by link (developers.tremendous.com; API v2).
//!
//! `external_id` makes an order idempotent without a documented end: a second call with it answers
//! the first order with 201 (a new one is 200), so a resend of the same bytes is safe. Rate limit:
//! 10 requests a second per account; a 429 was not processed.
//!
//! Invariant: a failing call is "rejected" only by an answer that says so, or if it was never sent.

use std::num::NonZeroU32;
use std::time::Duration;

use afterglow_domain::Sensitive;
use afterglow_rate::{Limiter, Rate};
use reqwest::{Client, Method, Url};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, timeout_at};

use crate::gift::{Error, GiftOrder, GiftVendor, Ordered};
use crate::outcome::{Class, Lookup, Outcome, Rejection, Replay};

mod answer;
mod call;
mod request;

use call::Call;
pub use request::Product;

const NAME: &str = "Tremendous";

/// The account at Tremendous.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `https://www.tremendous.com`, the sandbox `https://testflight.tremendous.com`; without `/api/v2`.
    pub base_url: String,
    /// The API key.
    pub secret: SecretString,
    /// What pays: a funding source's id, or `balance`.
    pub funding_source: String,
    /// Calls per second; the vendor's limit is 10 per account.
    pub calls_per_second: NonZeroU32,
    /// The longest that one call takes, waiting for the rate limit included.
    pub timeout: Duration,
}

/// A gift vendor: Tremendous.
pub struct Tremendous {
    client: Client,
    api: Url,
    settings: Settings,
    limiter: Limiter,
}

/// The rate of an account. The burst is a tenth of a second's calls, so that a burst and the even rate after
/// it stay near the vendor's limit in any second.
pub fn rate(calls_per_second: NonZeroU32) -> Rate {
    let burst = NonZeroU32::new(calls_per_second.get() / 10).unwrap_or(NonZeroU32::MIN);
    Rate::per_second(calls_per_second).with_burst(burst)
}

impl Tremendous {
    /// Checks the settings; nothing is called yet. The client must not follow redirects of a POST.
    pub fn new(client: Client, settings: Settings) -> Result<Self, Error> {
        let bad = |setting, rule| Error::Setting { vendor: NAME, setting, rule };
        let rule = "an http or https URL such as https://www.tremendous.com";
        let api = Url::parse(&settings.base_url).map_err(|_| bad("base_url", rule))?;
        if !matches!(api.scheme(), "http" | "https") || api.cannot_be_a_base() {
            return Err(bad("base_url", rule));
        }
        if settings.funding_source.is_empty() {
            return Err(bad("funding_source", "a funding source's id, or balance"));
        }
        let limiter = Limiter::alone(rate(settings.calls_per_second));
        Ok(Self { client, api, settings, limiter })
    }

    /// The same vendor with turns from this limiter, which gives the rate of the settings.
    #[must_use]
    pub fn limited(self, limiter: Limiter) -> Self {
        Self { limiter, ..self }
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.api.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v2"]).extend(path);
        }
        url
    }

    /// One call: waits for the rate limit, sends, reads the answer; all within the timeout.
    async fn call(&self, method: Method, path: &[&str], body: Option<&[u8]>) -> Call {
        let deadline = Instant::now() + self.settings.timeout;
        if timeout_at(deadline, self.limiter.turn()).await.is_err() {
            let reason = format!("{NAME}: not called, our own rate limit left no room in time");
            return Call::NotSent(Rejection { class: Class::Retry { after: None }, reason });
        }
        let mut request =
            self.client.request(method, self.url(path)).bearer_auth(self.settings.secret.expose_secret());
        if let Some(body) = body {
            request = request.header(reqwest::header::CONTENT_TYPE, "application/json").body(body.to_vec());
        }
        match timeout_at(deadline, call::send(request)).await {
            Ok(call) => call,
            Err(_) => Call::Lost { reason: format!("{NAME}: no answer in time") },
        }
    }
}

impl GiftVendor for Tremendous {
    fn name(&self) -> &'static str {
        NAME
    }

    fn replay(&self) -> Replay {
        Replay::Safe
    }

    fn call_timeout(&self) -> Duration {
        self.settings.timeout
    }

    fn request(&self, order: &GiftOrder) -> Result<Vec<u8>, Error> {
        request::bytes(order, &self.settings.funding_source)
    }

    async fn order(&self, bytes: &[u8]) -> Outcome<Ordered> {
        match self.call(Method::POST, &["orders"], Some(bytes)).await {
            Call::NotSent(rejection) => Outcome::Rejected(rejection),
            Call::Lost { reason } => Outcome::Unknown { reason },
            Call::Answered(answer) => answer.ordered(&request::recipient_words(bytes)),
        }
    }

    async fn lookup(&self, external_id: &str) -> Lookup<Ordered> {
        match self.call(Method::GET, &["orders", external_id], None).await {
            Call::NotSent(Rejection { reason, .. }) | Call::Lost { reason } => Lookup::Unavailable { reason },
            Call::Answered(answer) => answer.looked_up(external_id),
        }
    }

    async fn link(&self, order: &Ordered) -> Lookup<Sensitive<String>> {
        if let Some(link) = &order.link {
            return Lookup::Found(link.clone());
        }
        let reward = match &order.reward_id {
            Some(reward) => reward.clone(),
            None => match self.lookup(&order.order_id).await {
                Lookup::Found(Ordered { link: Some(link), .. }) => return Lookup::Found(link),
                Lookup::Found(Ordered { reward_id: Some(reward), .. }) => reward,
                Lookup::Found(_) => {
                    return Lookup::unavailable(format!("{NAME}: the order has no reward yet"));
                }
                Lookup::NotFound => return Lookup::NotFound,
                Lookup::Unavailable { reason } => return Lookup::Unavailable { reason },
            },
        };
        // Makes a link, never an order (POST /rewards/{id}/generate_link).
        match self.call(Method::POST, &["rewards", &reward, "generate_link"], None).await {
            Call::NotSent(Rejection { reason, .. }) | Call::Lost { reason } => Lookup::Unavailable { reason },
            Call::Answered(answer) => answer.link(),
        }
    }
}

#[cfg(test)]
mod tests;
