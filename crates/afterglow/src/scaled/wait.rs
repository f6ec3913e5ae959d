//! Waiting for what is away at the start: said once, on `/readyz` all the time, and tried again.

use std::future::Future;
use std::time::Duration;

use afterglow_service::health::Health;
use afterglow_service::lifecycle::Shutdown;

/// How long to wait before the next attempt: soon enough that nobody notices that something was away.
const AGAIN: Duration = Duration::from_secs(1);

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
                outcome = attempt() => match outcome {
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
