//! How far behind the role's readers of signals are: nobody is mailed on knowledge older than a minute.
//!
//! Invariant: the mark moves only to an instant up to which every signal is certainly decided, by this process
//! or by another one of the role. Where one of them fails or hangs, the knowledge of all grows old.

mod mark;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use afterglow_domain::Timestamp;

use crate::{codes, metric};

pub use mark::SignalsMark;

/// The oldest knowledge on which a mail is sent.
pub(crate) const LAG_MAX: Duration = Duration::from_mins(1);

/// Up to when signals are decided; clones share it.
#[derive(Debug, Clone)]
pub struct SignalsLag(Arc<Known>);

#[derive(Debug)]
struct Known {
    up_to: AtomicI64,
    /// Whether operators were told that mails wait.
    told: AtomicBool,
}

impl Default for SignalsLag {
    /// Nothing is known yet: no mail goes until the readers have been at the end once.
    fn default() -> Self {
        Self(Arc::new(Known { up_to: AtomicI64::new(i64::MIN), told: AtomicBool::new(false) }))
    }
}

impl SignalsLag {
    /// All signals that the log took before `at` are decided. An earlier instant changes nothing.
    pub fn decided_up_to(&self, at: Timestamp) {
        self.0.up_to.fetch_max(at.0, Ordering::SeqCst);
    }

    /// Shows how old the knowledge is. Who was told that mails wait is told when they go on, also where another
    /// process has sent what waited.
    pub fn observe(&self, now: Timestamp) {
        metrics::gauge!(metric::SIGNALS_LAG).set(self.behind(now).as_secs_f64());
        if self.is_fresh(now) && self.0.told.swap(false, Ordering::Relaxed) {
            tracing::info!("unsubscriptions are read up to now; mails go on");
        }
    }

    /// How old the knowledge is.
    pub fn behind(&self, now: Timestamp) -> Duration {
        now.since(Timestamp(self.0.up_to.load(Ordering::SeqCst)))
    }

    /// Whether mails may go.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        self.behind(now) <= LAG_MAX
    }

    /// Tells operators, once until they go on, that mails wait.
    pub(crate) fn mails_wait(&self) {
        if !self.0.told.swap(true, Ordering::Relaxed) {
            tracing::error!(
                code = codes::SIGNALS_BEHIND,
                "unsubscriptions are not read up to now; mails wait"
            );
        }
    }
}

#[cfg(test)]
mod tests;
