//! The database's clock, as a process knows it.
//!
//! What processes compare with each other, claims, retries and the end of a call, must be told by one clock,
//! and their machines' may differ. So a process follows the database's: it notes how far that is ahead of
//! its own, with every lock that it is given, and asks for nothing more.
//!
//! Invariant: it does not go back.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use afterglow_domain::{Clock, Timestamp};

/// An answer that took longer says too little about when it was given: a process that stood still would take
/// the time for its clock's.
const HEARD_WITHIN: Duration = Duration::from_secs(1);

/// A clock that follows the server's.
pub struct ServerClock {
    local: Arc<dyn Clock>,
    /// How far the server's is ahead of the local one, in microseconds.
    ahead: AtomicI64,
    latest: AtomicI64,
}

impl ServerClock {
    /// A clock that knows only the local one yet.
    pub fn new(local: Arc<dyn Clock>) -> Self {
        Self { local, ahead: AtomicI64::new(0), latest: AtomicI64::new(i64::MIN) }
    }

    /// The local clock, to ask before a question is sent.
    pub fn asking(&self) -> Timestamp {
        self.local.now()
    }

    /// The server told its time in the answer to a question that was sent then.
    pub fn heard(&self, server: Timestamp, asked: Timestamp) {
        let heard = self.local.now();
        if heard.since(asked) <= HEARD_WITHIN {
            self.ahead.store(server.0.saturating_sub(heard.0), Ordering::SeqCst);
        }
    }
}

impl Clock for ServerClock {
    fn now(&self) -> Timestamp {
        let now = self.local.now().0.saturating_add(self.ahead.load(Ordering::SeqCst));
        Timestamp(self.latest.fetch_max(now, Ordering::SeqCst).max(now))
    }
}

#[cfg(test)]
mod tests {
    use afterglow_domain::clock::ManualClock;

    use super::*;

    #[test]
    fn it_follows_the_server_and_does_not_go_back() {
        let local = ManualClock::new(Timestamp(1_000_000_000));
        let clock = ServerClock::new(Arc::new(local.clone()));
        clock.heard(Timestamp(1_120_000_000), clock.asking());
        assert_eq!(clock.now(), Timestamp(1_120_000_000));
        local.advance(Duration::from_secs(1));
        assert_eq!(clock.now(), Timestamp(1_121_000_000));

        clock.heard(Timestamp(1_100_000_000), clock.asking());
        assert_eq!(clock.now(), Timestamp(1_121_000_000), "it stands still until the time is reached");
        local.advance(Duration::from_secs(30));
        assert_eq!(clock.now(), Timestamp(1_130_000_000));
    }

    #[test]
    fn an_answer_that_was_heard_late_says_nothing() {
        let local = ManualClock::new(Timestamp(0));
        let clock = ServerClock::new(Arc::new(local.clone()));
        let asked = clock.asking();
        local.advance(Duration::from_mins(1));
        clock.heard(Timestamp(5_000_000), asked);
        assert_eq!(clock.now(), Timestamp(60_000_000));
    }
}
