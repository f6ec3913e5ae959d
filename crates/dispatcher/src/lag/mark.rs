//! Keeps the mark up to which the role knows what customers have said.
//!
//! Each process reads some of the partitions, and a mail may go to a customer of any: what one process does not
//! know for the moment (its database is away, it hangs) must stop the mails of all. So nobody asks the process's
//! own consumer. The mark is the last instant whose signals, of every partition, lie before the cursors in the
//! store, which are written with the decisions.

use std::sync::Arc;

use afterglow_domain::{Clock, Timestamp};
use afterglow_durable::{Store, answered};
use afterglow_eventlog::{Reach, Source};
use afterglow_events::Topic;

use super::SignalsLag;
use crate::ROLE;

/// An instant, and where the topic ended then.
struct Seen {
    at: Timestamp,
    reach: Reach,
}

/// Finds the mark, round by round.
pub struct SignalsMark<S> {
    store: S,
    lag: SignalsLag,
    wall: Arc<dyn Clock>,
    /// What the readers had not reached when it was looked at last.
    awaited: Option<Seen>,
}

impl<S: Store> SignalsMark<S> {
    /// By the role's store, for all who look at `lag`.
    pub fn new(store: S, lag: SignalsLag, wall: Arc<dyn Clock>) -> Self {
        Self { store, lag, wall, awaited: None }
    }

    /// Moves the mark to now, or to an instant that was waited for, where the readers have come so far. Where that
    /// cannot be known, the mark grows old. Says whether mails may go.
    pub async fn round<L: Source>(&mut self, log: &L) -> Result<bool, String> {
        let moved = self.try_round(log).await;
        let now = self.wall.now();
        self.lag.observe(now);
        moved.map(|()| self.lag.is_fresh(now))
    }

    async fn try_round<L: Source>(&mut self, log: &L) -> Result<(), String> {
        let at = self.wall.now();
        let latest = Seen { at, reach: Reach::of(log, Topic::Signals).await.map_err(told)? };
        let cursors = answered(&self.store, self.store.cursors(ROLE)).await.map_err(told)?;
        if latest.reach.is_reached(log, &cursors).await.map_err(told)? {
            self.lag.decided_up_to(latest.at);
            self.awaited = None;
            return Ok(());
        }
        // What is not reached is looked at again: a topic that never rests is behind its end at any instant.
        let awaited = match self.awaited.take() {
            Some(seen) if seen.reach.is_reached(log, &cursors).await.map_err(told)? => {
                self.lag.decided_up_to(seen.at);
                latest
            }
            Some(seen) => seen,
            None => latest,
        };
        self.awaited = Some(awaited);
        Ok(())
    }
}

fn told(error: impl std::error::Error) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests;
