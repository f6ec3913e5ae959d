//! The engine, watched: how late each of its timers was when its decision was durable.

use std::sync::{Arc, Mutex, PoisonError};

use afterglow_domain::{Clock, Shard, Timestamp};
use afterglow_durable::turns::{Fires, Handler, Incoming};
use afterglow_durable::{Error, Timeline, Timer};
use afterglow_journey_engine::{Engine, EngineTx};
use hdrhistogram::Histogram;

/// A handler whose timers are watched.
pub(super) struct Punctual<T> {
    engine: Arc<Engine<T>>,
    clock: Arc<dyn Clock>,
    seen: Mutex<Seen>,
}

struct Seen {
    /// Due times of the turn that is under way.
    page: Vec<Timestamp>,
    /// Fired less due, in microseconds.
    late: Histogram<u64>,
}

impl<T: EngineTx> Punctual<T> {
    /// Watches an engine by the journey's clock.
    pub(super) fn new(engine: Arc<Engine<T>>, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let seen = Mutex::new(Seen { page: Vec::new(), late: Histogram::new(3)? });
        Ok(Self { engine, clock, seen })
    }

    /// What was seen until now.
    pub(super) fn late(&self) -> Histogram<u64> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).late.clone()
    }
}

impl<T: EngineTx> Handler for Punctual<T> {
    type Tx = T;

    fn role(&self) -> &'static str {
        self.engine.role()
    }

    fn shards(&self, incoming: &Incoming) -> Vec<Shard> {
        self.engine.shards(incoming)
    }

    async fn apply(&self, tx: &mut T, records: Vec<Incoming>) -> Result<(), Error> {
        self.engine.apply(tx, records).await
    }

    fn now(&self, timeline: Timeline) -> Timestamp {
        self.engine.now(timeline)
    }

    /// Comes after the commit, or after what stood in its way.
    fn turned(&self, trouble: Option<&str>) {
        let now = self.clock.now();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let page = std::mem::take(&mut seen.page);
        if trouble.is_none() {
            for due in page {
                let late = u64::try_from(now.since(due).as_micros()).unwrap_or(u64::MAX);
                // It grows as it needs; what it refused would be missed in the count.
                let _counted = seen.late.record(late);
            }
        }
    }
}

impl<T: EngineTx> Fires for Punctual<T> {
    async fn fire(&self, tx: &mut T, timers: &[Timer], now: Timestamp) -> Result<(), Error> {
        let due = timers.iter().map(|timer| timer.due);
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).page.extend(due);
        self.engine.fire(tx, timers, now).await
    }
}
