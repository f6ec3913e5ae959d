//! A mailer with a rate: mail servers have no quota that they tell in advance, they just stop listening.

use std::num::NonZeroU32;
use std::time::Duration;

use afterglow_providers::mail::Error;
use afterglow_providers::{Class, Envelope, Mail, MailAccepted, Mailer, Outcome, Rejection};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// The longest that a mail waits for its turn inside a call; later it is sent as a new attempt.
const PATIENCE: Duration = Duration::from_secs(20);

/// A mailer that sends at most so many mails a second, without bursts.
pub struct Paced<M> {
    inner: M,
    limiter: DefaultDirectRateLimiter,
}

impl<M: Mailer> Paced<M> {
    /// Paces `inner`.
    pub fn new(inner: M, mails_per_second: NonZeroU32) -> Self {
        let one = NonZeroU32::MIN;
        let limiter = RateLimiter::direct(Quota::per_second(mails_per_second).allow_burst(one));
        Self { inner, limiter }
    }
}

impl<M: Mailer> Mailer for Paced<M> {
    fn call_timeout(&self) -> Duration {
        self.inner.call_timeout() + PATIENCE
    }

    fn compose(&self, mail: &Mail) -> Result<Vec<u8>, Error> {
        self.inner.compose(mail)
    }

    async fn send(&self, envelope: &Envelope, bytes: &[u8]) -> Outcome<MailAccepted> {
        if tokio::time::timeout(PATIENCE, self.limiter.until_ready()).await.is_err() {
            let reason = "smtp: not sent, our own rate limit left no room in time".to_owned();
            return Outcome::Rejected(Rejection { class: Class::Retry { after: None }, reason });
        }
        self.inner.send(envelope, bytes).await
    }
}
