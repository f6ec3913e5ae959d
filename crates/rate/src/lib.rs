//! How often a vendor or a CRM may be called: a turn for each request, of this process alone or of all
//! replicas together.
//!
//! Invariant: no more turns are given in any time than the rate and its burst allow, by however many
//! processes share it. Requests have their turns in the order in which they came.
//!
//! Deliberately absent: what to do when a turn comes too late. Whoever waits has a deadline of its own, and
//! dropping the wait costs at most the turn.

mod limiter;
mod shared;

use std::num::NonZeroU32;
use std::time::Duration;

use futures::future::BoxFuture;

pub use limiter::Limiter;

/// A rate: so many turns at once, then one in each interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    interval: Duration,
    burst: NonZeroU32,
}

impl Rate {
    /// `count` turns in each `period`, evenly and one at a time.
    pub fn new(count: NonZeroU32, period: Duration) -> Self {
        Self { interval: (period / count.get()).max(Duration::from_micros(1)), burst: NonZeroU32::MIN }
    }

    /// `count` turns a second, evenly and one at a time.
    pub fn per_second(count: NonZeroU32) -> Self {
        Self::new(count, Duration::from_secs(1))
    }

    /// The same rate with so many turns at once after a pause.
    #[must_use]
    pub fn with_burst(self, burst: NonZeroU32) -> Self {
        Self { burst, ..self }
    }

    /// The time from one turn to the next.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// How far a burst may be ahead of the even rate.
    pub fn tolerance(&self) -> Duration {
        self.interval * (self.burst.get() - 1)
    }
}

/// Where replicas take turns of a rate that they share.
pub trait Turns: Send + Sync + 'static {
    /// Takes the next `count` turns of the rate called `name`; gives how long it is until the first of them,
    /// the others follow in the rate's interval. An error says why none were given.
    fn take<'t>(&'t self, name: &'t str, rate: Rate, count: u32) -> BoxFuture<'t, Result<Duration, String>>;
}
