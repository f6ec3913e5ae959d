//! Waiting for what is away at the start: said once, on `/readyz` all the time, and tried again.

use std::future::Future;
use std::time::Duration;

use afterglow_service::health::Health;
use afterglow_service::lifecycle::Shutdown;

/// How long to wait before the next attempt: soon enough that nobody notices that something was away.
const AGAIN: Duration = Duration::from_secs(1);

/// How long an attempt may take: several questions, each of which has its own patience where the other side is
/// refused or closed, and none where it accepts and is silent.
const ATTEMPT: Duration = Duration::from_secs(30);

/// The start of a process, which does not end because something is away.
pub(super) struct Wait<'p> {
    /// Where the reason stands.
    pub(super) health: &'p Health,
    /// Ends the waiting.
    pub(super) stop: Shutdown,
}

impl Wait<'_> {
    /// Attempts until it succeeds and gives what `then` makes of it before the process counts as started;
    /// `None` where the process is to stop before.
    pub(super) async fn until<T, R, F>(
        self,
        mut attempt: impl FnMut() -> F,
        then: impl FnOnce(T) -> R,
    ) -> Option<R>
    where
        F: Future<Output = anyhow::Result<T>>,
    {
        let start = self.health.component("start");
        let heartbeat = self.health.heartbeat("start");
        loop {
            heartbeat.beat();
            let error = tokio::select! {
                biased;
                () = self.stop.soft() => return None,
                outcome = within_reason(Box::pin(attempt())) => match outcome {
                    Ok(there) => {
                        let done = then(there);
                        start.ready();
                        return Some(done);
                    }
                    Err(error) => error,
                },
            };
            start.not_ready(format!("{error:#}; trying again"));
            tokio::select! {
                () = self.stop.soft() => return None,
                () = tokio::time::sleep(AGAIN) => {}
            }
        }
    }
}

/// An attempt that gets no answer has failed.
async fn within_reason<T>(attempt: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    match tokio::time::timeout(ATTEMPT, attempt).await {
        Ok(outcome) => outcome,
        Err(_) => anyhow::bail!("the database or Kafka gives no answer within {ATTEMPT:?}"),
    }
}
