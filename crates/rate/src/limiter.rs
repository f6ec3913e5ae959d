//! A request's wait for its turn.

use std::sync::Arc;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::Mutex;

use crate::shared::Shared;
use crate::{Rate, Turns};

/// Lets requests through at a rate, in the order in which they came: otherwise one could be overtaken again
/// and again until its time is over.
pub struct Limiter(Source);

enum Source {
    Alone { rate: DefaultDirectRateLimiter, queue: Mutex<()> },
    Shared(Shared),
}

impl Limiter {
    /// A limiter of this process alone.
    pub fn alone(rate: Rate) -> Self {
        let quota = Quota::with_period(rate.interval).expect("an interval is at least a microsecond");
        let rate = RateLimiter::direct(quota.allow_burst(rate.burst));
        Self(Source::Alone { rate, queue: Mutex::new(()) })
    }

    /// A limiter of all processes that take their turns under this name from the same place.
    pub fn shared(name: String, rate: Rate, turns: Arc<dyn Turns>) -> Self {
        Self(Source::Shared(Shared::new(name, rate, turns)))
    }

    /// Whether others take turns of the same rate.
    pub fn is_shared(&self) -> bool {
        matches!(self.0, Source::Shared(_))
    }

    /// Waits for a request's turn.
    pub async fn turn(&self) {
        match &self.0 {
            Source::Alone { rate, queue } => {
                // The lock is fair: who came first is served first.
                let _first = queue.lock().await;
                rate.until_ready().await;
            }
            Source::Shared(shared) => shared.turn().await,
        }
    }
}
