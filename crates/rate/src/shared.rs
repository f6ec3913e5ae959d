//! Turns that are taken from a common place, as many at a time as requests wait.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, sleep_until};

use crate::{Rate, Turns};

/// How long to wait where no turns are given: what keeps them is away, and so is all else that is kept there.
const AGAIN: Duration = Duration::from_secs(1);

/// How many turns are taken at once at most, in seconds of the rate: a process that is killed takes what it
/// did not use with it.
const AHEAD: Duration = Duration::from_secs(1);

pub(crate) struct Shared {
    name: String,
    rate: Rate,
    turns: Arc<dyn Turns>,
    waiting: AtomicU32,
    /// When the turns are that were taken and not used yet.
    taken: Mutex<VecDeque<Instant>>,
    /// Whether it was said that no turns are given.
    told: AtomicBool,
}

/// A request that waits; also one that is dropped waits no more.
struct Waiting<'w>(&'w AtomicU32);

impl<'w> Waiting<'w> {
    fn new(waiting: &'w AtomicU32) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shared {
    pub(crate) fn new(name: String, rate: Rate, turns: Arc<dyn Turns>) -> Self {
        let (waiting, taken, told) = Default::default();
        Self { name, rate, turns, waiting, taken, told }
    }

    pub(crate) async fn turn(&self) {
        let _waiting = Waiting::new(&self.waiting);
        // The lock is fair: who came first is served first.
        let mut taken = self.taken.lock().await;
        // What nobody used in time is over: saved up it would be a burst that the rate does not allow.
        let over = Instant::now() - self.rate.tolerance() - self.rate.interval();
        taken.retain(|turn| *turn >= over);
        let turn = match taken.pop_front() {
            Some(turn) => turn,
            None => self.take(&mut taken).await,
        };
        sleep_until(turn).await;
    }

    /// Takes a turn for everybody who waits; gives the first and keeps the others.
    async fn take(&self, taken: &mut VecDeque<Instant>) -> Instant {
        let most = AHEAD.as_micros() / self.rate.interval().as_micros();
        let most = u32::try_from(most).unwrap_or(u32::MAX).max(1);
        loop {
            let count = self.waiting.load(Ordering::Relaxed).clamp(1, most);
            match self.turns.take(&self.name, self.rate, count).await {
                Ok(wait) => {
                    self.told.store(false, Ordering::Relaxed);
                    let first = Instant::now() + wait;
                    taken.extend((1..count).map(|n| first + self.rate.interval() * n));
                    return first;
                }
                Err(reason) => {
                    if !self.told.swap(true, Ordering::Relaxed) {
                        tracing::warn!(rate = self.name, reason, "no turns are given; trying again");
                    }
                    sleep(AGAIN).await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
