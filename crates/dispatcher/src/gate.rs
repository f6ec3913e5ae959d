//! Whether a kind of vendor takes calls: paused for a while where every call would fail.
//!
//! Kept in memory: after a restart one call finds out again. Deliberately absent: pauses for single
//! failures, which the touchpoint's own backoff covers.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use afterglow_domain::Timestamp;
use afterglow_providers::Class;

use crate::{codes, metric};

/// How long a pause lasts before one more call finds out; short enough that a filled account works soon.
pub(crate) const PAUSE: Duration = Duration::from_mins(5);

/// A kind of vendor, with calls of its own so that one outage delays no other channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lane {
    /// Orders, look-ups, links.
    Gifts,
    /// Mails and tasks.
    Mails,
}

impl Lane {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Gifts => "gifts",
            Self::Mails => "mails",
        }
    }
}

/// Why and until when a kind of vendor takes no calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) reason: String,
    pub(crate) until: Timestamp,
}

/// The pauses of both kinds.
#[derive(Debug, Default)]
pub(crate) struct Gates(Mutex<[Option<Closed>; 2]>);

impl Gates {
    fn lock(&self) -> MutexGuard<'_, [Option<Closed>; 2]> {
        // A panic elsewhere leaves whole values here: each write is one assignment.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The pause that holds at `now`.
    pub(crate) fn closed(&self, lane: Lane, now: Timestamp) -> Option<Closed> {
        self.lock()[lane as usize].clone().filter(|closed| closed.until > now)
    }

    /// Pauses; operators see it once, until the reason changes or the vendor works again.
    pub(crate) fn close(&self, lane: Lane, class: Class, reason: &str, now: Timestamp) {
        let code = if class == Class::NoFunds { codes::NO_FUNDS } else { codes::VENDOR_SETTINGS };
        let closed = Closed { reason: reason.to_owned(), until: now.plus(PAUSE) };
        let before = self.lock()[lane as usize].replace(closed);
        if before.is_none_or(|before| before.reason != reason) {
            tracing::error!(code, lane = lane.as_str(), reason, "vendor paused; its touchpoints wait");
        }
        metrics::gauge!(metric::PAUSED, "lane" => lane.as_str()).set(1.0);
    }

    /// The vendor works.
    pub(crate) fn open(&self, lane: Lane) {
        if self.lock()[lane as usize].take().is_some() {
            tracing::info!(lane = lane.as_str(), "vendor works again");
            metrics::gauge!(metric::PAUSED, "lane" => lane.as_str()).set(0.0);
        }
    }
}
