//! How a reader learns that there is more, without asking the disk over and over.
//!
//! Appends of this process wake it at once. Those of another process are found by a look at the
//! bounds, at most once per [`LOOK_INTERVAL`].

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::bounds::Bounds;
use crate::error::Error;
use crate::source::Source;

/// How long another process's append may stay unseen; short enough for a person who watches.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// A source and what is known of its bounds.
pub(crate) struct Follower<S> {
    pub(crate) source: S,
    known: watch::Receiver<Bounds>,
    looked_at: Option<Instant>,
}

impl<S: Source> Follower<S> {
    pub(crate) fn new(source: S) -> Self {
        Self { known: source.known(), source, looked_at: None }
    }

    /// What is known now; a later change ends the next [`Self::wait`].
    pub(crate) fn known(&mut self) -> Bounds {
        self.known.borrow_and_update().clone()
    }

    /// Looks at the log itself if the last look is long ago.
    pub(crate) async fn look(&mut self) -> Result<(), Error> {
        if self.looked_at.is_some_and(|at| at.elapsed() < LOOK_INTERVAL) {
            return Ok(());
        }
        self.source.bounds().await?;
        self.looked_at = Some(Instant::now());
        Ok(())
    }

    /// Waits until there may be more; false once `until` has passed.
    pub(crate) async fn wait(&mut self, until: Instant) -> bool {
        let now = Instant::now();
        if now >= until {
            return false;
        }
        let next_look = self.looked_at.map_or(now, |at| at + LOOK_INTERVAL);
        tokio::select! {
            changed = self.known.changed() => changed.expect("the source holds the sender, and we hold the source"),
            () = sleep_until(until.min(next_look)) => {}
        }
        true
    }
}
