//! What the probes ask: is it alive, and is it ready?
//!
//! Alive looks at nothing outside the process: it watches the heartbeat of our own loops, since a
//! restart helps only there. Ready names each component that is not, with its reason. Deliberately
//! absent: calls to databases or vendors from a probe; components report when their state changes.

mod admin;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

pub use admin::{Metrics, MetricsError, admin_router};

/// A loop that has not beaten for this long is stuck. Loops sleep at most a second and work in
/// turns of milliseconds; the longest honest turn is a call to a vendor (15 s).
pub const STUCK_AFTER: Duration = Duration::from_mins(1);

/// What a component is not ready for, until it says something else.
const STARTING: &str = "starting";

/// The registry of components and loops. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Health {
    state: Arc<Mutex<State>>,
    /// What is registered here is told and does not count.
    advising: bool,
}

#[derive(Debug, Default)]
struct State {
    /// `None` is ready, else the reason why not.
    components: BTreeMap<&'static str, Option<String>>,
    /// The same for those that do not count.
    advisers: BTreeMap<&'static str, Option<String>>,
    /// When each loop last beat; by number, since two loops may have one name.
    beats: BTreeMap<u64, (&'static str, Instant)>,
    next_beat: u64,
}

impl Health {
    /// Nothing registered: alive and ready.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same registry for what stands beside the work that must not be taken away: the trouble of such a
    /// component is told, and the process stays ready.
    #[must_use]
    pub fn advising(&self) -> Self {
        Self { advising: true, ..self.clone() }
    }

    /// Registers a component, which is not ready until it says so.
    pub fn component(&self, name: &'static str) -> Component {
        let component = Component { name, health: self.clone() };
        component.not_ready(STARTING);
        component
    }

    /// Registers a loop that must beat; it is forgotten when the heartbeat is dropped.
    pub fn heartbeat(&self, name: &'static str) -> Heartbeat {
        let number = self.change(|state| {
            state.next_beat += 1;
            state.beats.insert(state.next_beat, (name, Instant::now()));
            state.next_beat
        });
        Heartbeat { name, number, health: self.clone() }
    }

    /// The components that are not ready, each with its reason; empty means ready.
    pub fn not_ready(&self) -> BTreeMap<&'static str, String> {
        self.change(|state| reasons(&state.components))
    }

    /// The components that have trouble and do not count, each with its reason.
    pub fn trouble(&self) -> BTreeMap<&'static str, String> {
        self.change(|state| reasons(&state.advisers))
    }

    /// The loops that are stuck; empty means alive.
    pub fn stuck(&self) -> Vec<&'static str> {
        self.stuck_at(Instant::now())
    }

    fn stuck_at(&self, now: Instant) -> Vec<&'static str> {
        let late = |(name, at): &(&'static str, Instant)| {
            (now.saturating_duration_since(*at) > STUCK_AFTER).then_some(*name)
        };
        self.change(|state| state.beats.values().filter_map(late).collect())
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        // No code panics while it holds the lock, so a poisoned one is still whole.
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn reasons(components: &BTreeMap<&'static str, Option<String>>) -> BTreeMap<&'static str, String> {
    components.iter().filter_map(|(name, reason)| Some((*name, reason.clone()?))).collect()
}

/// A component's side of [`Health`].
#[derive(Debug, Clone)]
pub struct Component {
    name: &'static str,
    health: Health,
}

impl Component {
    /// It can do its work.
    pub fn ready(&self) {
        self.set(None);
    }

    /// It cannot; the reason is for an operator, without personal data.
    pub fn not_ready(&self, reason: impl Into<String>) {
        self.set(Some(reason.into()));
    }

    /// The same without a line in the log, for a loop that writes one of its own.
    pub fn stands_still(&self, reason: impl Into<String>) {
        let _told_elsewhere = self.keep(&Some(reason.into()));
    }

    /// Takes the state in; whether it is another one than before.
    #[expect(clippy::ref_option, reason = "it is compared and cloned as it is kept")]
    fn keep(&self, reason: &Option<String>) -> bool {
        self.health.change(|state| {
            let advising = self.health.advising;
            let components = if advising { &mut state.advisers } else { &mut state.components };
            components.insert(self.name, reason.clone()).as_ref() != Some(reason)
        })
    }

    fn set(&self, reason: Option<String>) {
        let news = self.keep(&reason);
        match reason {
            _ if !news => {}
            Some(reason) if reason == STARTING => {}
            Some(reason) => tracing::warn!(component = self.name, reason, "not ready"),
            None => tracing::info!(component = self.name, "ready"),
        }
    }
}

/// A loop's side of [`Health`].
#[derive(Debug)]
pub struct Heartbeat {
    name: &'static str,
    number: u64,
    health: Health,
}

impl Heartbeat {
    /// The loop goes round.
    pub fn beat(&self) {
        self.beat_at(Instant::now());
    }

    fn beat_at(&self, now: Instant) {
        self.health.change(|state| state.beats.insert(self.number, (self.name, now)));
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.health.change(|state| state.beats.remove(&self.number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_when_every_component_says_so() {
        let health = Health::new();
        assert!(health.not_ready().is_empty());
        let (log, store) = (health.component("log"), health.component("store"));
        assert_eq!(health.not_ready().len(), 2);
        log.ready();
        store.not_ready("disk full");
        assert_eq!(health.not_ready(), BTreeMap::from([("store", "disk full".to_owned())]));
        store.ready();
        assert!(health.not_ready().is_empty());
    }

    #[test]
    fn what_only_advises_is_told_and_does_not_count() {
        let health = Health::new();
        let resolver = health.advising().component("resolver");
        assert!(health.not_ready().is_empty());
        resolver.not_ready("the database is away");
        assert!(health.not_ready().is_empty());
        assert_eq!(health.trouble(), BTreeMap::from([("resolver", "the database is away".to_owned())]));
        resolver.ready();
        assert!(health.trouble().is_empty());
    }

    #[test]
    fn a_loop_that_stops_beating_is_stuck() {
        let health = Health::new();
        let now = Instant::now();
        let (first, second) = (health.heartbeat("relay"), health.heartbeat("timers"));
        first.beat_at(now);
        second.beat_at(now + Duration::from_secs(1));
        assert!(health.stuck_at(now + STUCK_AFTER).is_empty());
        let later = now + STUCK_AFTER + Duration::from_secs(1);
        assert_eq!(health.stuck_at(later), ["relay"]);
        first.beat_at(later);
        assert!(health.stuck_at(later).is_empty());
        drop((first, second));
        assert!(health.stuck_at(later + STUCK_AFTER * 2).is_empty());
    }
}
