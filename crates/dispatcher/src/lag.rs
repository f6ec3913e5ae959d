//! How far behind the role's readers of signals are: nobody is mailed on knowledge older than a minute.
//!
//! Invariant: the mark moves only to an instant up to which every signal is certainly decided, by this process
//! or by another one of the role. Where one of them fails or hangs, the knowledge of all grows old.

mod mark;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use afterglow_domain::Timestamp;

use crate::metric;

pub use mark::SignalsMark;

/// The oldest knowledge on which a mail is sent.
pub(crate) const LAG_MAX: Duration = Duration::from_mins(1);

/// Up to when signals are decided; clones share it.
#[derive(Debug, Clone)]
pub struct SignalsLag(Arc<AtomicI64>);

impl Default for SignalsLag {
    /// Nothing is known yet: no mail goes until the readers have been at the end once.
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(i64::MIN)))
    }
}

impl SignalsLag {
    /// All signals that the log took before `at` are decided. An earlier instant changes nothing.
    pub fn decided_up_to(&self, at: Timestamp) {
        self.0.fetch_max(at.0, Ordering::SeqCst);
    }

    /// Shows how old the knowledge is.
    pub fn observe(&self, now: Timestamp) {
        metrics::gauge!(metric::SIGNALS_LAG).set(self.behind(now).as_secs_f64());
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

#[cfg(test)]
mod tests;
