//! A role's loop as the health checks see it: it beats with every turn, and is ready once a turn went
//! through. A later trouble is in the log and the metrics and does not make the process unready: the edge
//! is in the same process, and its own 503 must reach the CRM rather than a load balancer's.

use afterglow_domain::{Shard, Timestamp};
use afterglow_durable::turns::{Fires, Handler, Incoming};
use afterglow_durable::{Error, Timeline, Timer};
use afterglow_service::health::{Component, Health, Heartbeat};

/// A handler whose turns are watched.
pub(super) struct Watched<H> {
    handler: H,
    component: Component,
    heartbeat: Heartbeat,
}

impl<H> Watched<H> {
    /// Watches a loop under a name; it is not ready before its first turn.
    pub(super) fn new(handler: H, health: &Health, name: &'static str) -> Self {
        Self { handler, component: health.component(name), heartbeat: health.heartbeat(name) }
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

    async fn apply(&self, tx: &mut Self::Tx, records: &[Incoming]) -> Result<(), Error> {
        self.handler.apply(tx, records).await
    }

    fn now(&self, timeline: Timeline) -> Timestamp {
        self.handler.now(timeline)
    }

    fn turned(&self, trouble: Option<&str>) {
        self.heartbeat.beat();
        if trouble.is_none() {
            self.component.ready();
        }
    }
}

impl<H: Fires> Fires for Watched<H> {
    async fn fire(&self, tx: &mut Self::Tx, timers: &[Timer], now: Timestamp) -> Result<(), Error> {
        self.handler.fire(tx, timers, now).await
    }
}
