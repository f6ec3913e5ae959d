//! A role's loop as the health checks see it: it beats with every turn, and is ready once a turn went
//! through.

use std::sync::atomic::{AtomicBool, Ordering};

use afterglow_domain::{Shard, Timestamp};
use afterglow_durable::turns::{Fires, Handler, Incoming, Terms};
use afterglow_durable::{Error, Timeline, Timer};
use afterglow_service::health::{Component, Heartbeat};

use super::Parts;

/// What a later trouble does to a loop that was ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// Nothing: it is in the log and the metrics. The edge is in the same process, and its own 503 must reach
    /// the CRM rather than a load balancer's.
    Kept,
    /// The process is not ready until a turn goes through again.
    Lost,
}

/// What all loops of a process stand on, as the health checks see it: ready until it is found to be away.
pub(crate) struct Outage {
    component: Component,
    readiness: Readiness,
    away: AtomicBool,
}

impl Outage {
    /// Watches it under a name.
    pub(crate) fn new<G>(parts: &Parts<G>, name: &'static str) -> Self {
        let component = parts.health.component(name);
        component.ready();
        Self { component, readiness: parts.readiness, away: AtomicBool::new(false) }
    }

    /// Takes in how the last question went. The reason of an outage is the first one: others follow from it, and
    /// each would be a line in the log.
    pub(crate) fn tell(&self, problem: Option<&str>) {
        if self.readiness == Readiness::Kept {
            return;
        }
        let was_away = self.away.swap(problem.is_some(), Ordering::Relaxed);
        match problem {
            Some(problem) if !was_away => self.component.not_ready(format!("{problem}; trying again")),
            Some(_) => {}
            None => self.component.ready(),
        }
    }
}

/// A handler whose turns are watched.
pub(super) struct Watched<H> {
    handler: H,
    component: Component,
    heartbeat: Heartbeat,
    readiness: Readiness,
    terms: Terms,
}

impl<H> Watched<H> {
    /// Watches a loop under a name; it is not ready before its first turn.
    pub(super) fn new<G>(handler: H, parts: &Parts<G>, name: &'static str) -> Self {
        let (component, heartbeat) = (parts.health.component(name), parts.health.heartbeat(name));
        let (readiness, terms) = (parts.readiness, super::terms(&parts.config));
        Self { handler, component, heartbeat, readiness, terms }
    }
}

impl<H: Handler> Handler for Watched<H> {
    type Tx = H::Tx;

    fn role(&self) -> &'static str {
        self.handler.role()
    }

    fn shards(&self, incoming: &Incoming) -> Vec<Shard> {
        self.handler.shards(incoming)
    }

    async fn apply(&self, tx: &mut Self::Tx, records: Vec<Incoming>) -> Result<(), Error> {
        self.handler.apply(tx, records).await
    }

    fn now(&self, timeline: Timeline) -> Timestamp {
        self.handler.now(timeline)
    }

    fn terms(&self) -> Terms {
        self.terms
    }

    fn turned(&self, trouble: Option<&str>) {
        self.heartbeat.beat();
        match trouble {
            None => self.component.ready(),
            Some(reason) if self.readiness == Readiness::Lost => self.component.stands_still(reason),
            Some(_) => {}
        }
    }
}

impl<H: Fires> Fires for Watched<H> {
    async fn fire(&self, tx: &mut Self::Tx, timers: &[Timer], now: Timestamp) -> Result<(), Error> {
        self.handler.fire(tx, timers, now).await
    }
}

#[cfg(test)]
mod tests {
    use afterglow_durable::sqlite;
    use afterglow_service::health::Health;

    use super::*;

    struct Idle;

    impl Handler for Idle {
        type Tx = sqlite::Tx;

        fn role(&self) -> &'static str {
            "idle"
        }

        async fn apply(&self, _: &mut sqlite::Tx, _: Vec<Incoming>) -> Result<(), Error> {
            Ok(())
        }

        fn now(&self, _: Timeline) -> Timestamp {
            Timestamp::EPOCH
        }
    }

    /// Whether the loop is ready at first, after trouble, after a turn, after trouble again, after a turn again.
    fn readiness_of(readiness: Readiness) -> [bool; 5] {
        let health = Health::new();
        let (component, heartbeat) = (health.component("idle"), health.heartbeat("idle"));
        let watched = Watched { handler: Idle, component, heartbeat, readiness, terms: Terms::default() };
        let after = |trouble: Option<&str>| {
            watched.turned(trouble);
            health.not_ready().is_empty()
        };
        let first = health.not_ready().is_empty();
        [first, after(Some("away")), after(None), after(Some("away")), after(None)]
    }

    #[test]
    fn beside_the_edge_a_loop_stays_ready_once_a_turn_went_through() {
        assert_eq!(readiness_of(Readiness::Kept), [false, false, true, true, true]);
    }

    #[test]
    fn alone_in_its_process_a_loop_is_ready_while_its_turns_go_through() {
        assert_eq!(readiness_of(Readiness::Lost), [false, false, true, false, true]);
    }
}
