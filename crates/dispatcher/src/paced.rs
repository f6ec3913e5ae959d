//! A mailer with a rate: mail servers have no quota that they tell in advance, they just stop listening.

use std::future::Future;
use std::time::Duration;

use afterglow_providers::mail::Error;
use afterglow_providers::{Class, Envelope, Mail, MailAccepted, Mailer, Outcome, Rejection};
use afterglow_rate::Limiter;

/// The longest that a mail waits for its turn inside a call; later it is sent as a new attempt.
const PATIENCE: Duration = Duration::from_secs(20);

/// A mailer whose mails wait for their turns.
pub struct Paced<M> {
    inner: M,
    limiter: Limiter,
}

impl<M: Mailer> Paced<M> {
    /// Paces `inner`.
    pub fn new(inner: M, limiter: Limiter) -> Self {
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

    async fn send(
        &self,
        envelope: &Envelope,
        bytes: &[u8],
        leave: impl Future<Output = Result<(), Rejection>> + Send,
    ) -> Outcome<MailAccepted> {
        if tokio::time::timeout(PATIENCE, self.limiter.turn()).await.is_err() {
            let reason = "smtp: not sent, our own rate limit left no room in time".to_owned();
            return Outcome::Rejected(Rejection { class: Class::Retry { after: None }, reason });
        }
        self.inner.send(envelope, bytes, leave).await
    }
}

#[cfg(test)]
mod tests {
    use afterglow_domain::Sensitive;
    use afterglow_rate::Rate;

    use super::*;

    struct Counting(std::sync::atomic::AtomicU32);

    impl Mailer for Counting {
        fn call_timeout(&self) -> Duration {
            Duration::from_secs(1)
        }

        fn compose(&self, mail: &Mail) -> Result<Vec<u8>, Error> {
            afterglow_providers::mail::compose(mail)
        }

        async fn send(
            &self,
            _: &Envelope,
            _: &[u8],
            leave: impl Future<Output = Result<(), Rejection>> + Send,
        ) -> Outcome<MailAccepted> {
            assert_eq!(leave.await, Ok(()));
            self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            Outcome::Accepted(MailAccepted { server: "mx.example".to_owned(), note: None })
        }
    }

    #[tokio::test]
    async fn each_mail_goes_once_and_its_wait_is_part_of_the_call() {
        let rate = Rate::per_second(std::num::NonZeroU32::new(1000).unwrap());
        let paced = Paced::new(Counting(0.into()), Limiter::alone(rate));
        assert_eq!(paced.call_timeout(), Duration::from_secs(1) + PATIENCE);
        let envelope = Envelope { from: Sensitive::default(), to: Sensitive::default() };
        for sent in 1..=3 {
            assert!(matches!(
                paced.send(&envelope, b"x", std::future::ready(Ok(()))).await,
                Outcome::Accepted(_)
            ));
            assert_eq!(paced.inner.0.load(std::sync::atomic::Ordering::SeqCst), sent);
        }
    }
}
