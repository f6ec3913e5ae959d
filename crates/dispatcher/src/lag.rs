//! How far behind the reader of signals is: nobody is mailed on knowledge older than a minute.
//!
//! Invariant: the mark moves only to an instant up to which every signal is certainly decided. An idle
//! reader polls about once a second, so it stays fresh; a reader that fails or hangs grows old.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use afterglow_domain::{Clock, Timestamp};
use afterglow_events::{Consume, ConsumeError, Cursor, Received};

use crate::metric;

/// The oldest knowledge on which a mail is sent.
pub(crate) const LAG_MAX: Duration = Duration::from_mins(1);

/// Up to when signals are decided; clones share it.
#[derive(Debug, Clone)]
pub struct SignalsLag(Arc<AtomicI64>);

impl Default for SignalsLag {
    /// Nothing is known yet: no mail goes until the reader has been at the end once.
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(i64::MIN)))
    }
}

impl SignalsLag {
    /// All signals that the log took before `at` are decided. An earlier instant changes nothing.
    pub fn decided_up_to(&self, at: Timestamp) {
        self.0.fetch_max(at.0, Ordering::SeqCst);
    }

    /// How old the knowledge is.
    pub fn behind(&self, now: Timestamp) -> Duration {
        now.since(Timestamp(self.0.load(Ordering::SeqCst)))
    }

    /// Whether mails may go.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        self.behind(now) <= LAG_MAX
    }
}

/// A consumer of signals (alone or with other topics) that keeps the mark: wrap the one given to
/// `turns::consume`.
pub struct LagWatch<C> {
    inner: C,
    lag: SignalsLag,
    wall: Arc<dyn Clock>,
    polled: Option<Timestamp>,
}

impl<C> LagWatch<C> {
    /// Watches `inner`.
    pub fn new(inner: C, lag: SignalsLag, wall: Arc<dyn Clock>) -> Self {
        Self { inner, lag, wall, polled: None }
    }
}

impl<C: Consume> Consume for LagWatch<C> {
    async fn poll(&mut self, max: usize, wait: Duration) -> Result<Vec<Received>, ConsumeError> {
        let asked_at = self.wall.now();
        self.polled = None;
        let records = self.inner.poll(max, wait).await?;
        // Partitions are read in fair shares, so nothing older than a batch's oldest record is left out.
        self.polled = Some(records.iter().map(|received| received.taken_at).min().unwrap_or(asked_at));
        Ok(records)
    }

    async fn commit(&mut self, cursors: &[Cursor]) -> Result<(), ConsumeError> {
        self.inner.commit(cursors).await?;
        if let Some(at) = self.polled.take() {
            self.lag.decided_up_to(at);
            metrics::gauge!(metric::SIGNALS_LAG).set(self.lag.behind(self.wall.now()).as_secs_f64());
        }
        Ok(())
    }

    async fn rewind(&mut self) -> Result<(), ConsumeError> {
        self.polled = None;
        self.inner.rewind().await
    }
}

#[cfg(test)]
mod tests;
