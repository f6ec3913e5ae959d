//! The model: stores and a log in memory, which outlive the roles.

use std::sync::Arc;

use afterglow_dispatcher::{invariants::Ledgers, store::memory as dispatcher};
use afterglow_domain::{Clock, Timestamp};
use afterglow_durable::changed::Changed;
use afterglow_durable::store::{Due, Taken};
use afterglow_durable::{Error, OutboxRow, ParkedLetter, ShardSet, Standing, Store, Timeline, memory};
use afterglow_eventlog::{Consumer, MemoryLog};
use afterglow_events::{Checkpoints, Cursor, Topic};
use afterglow_journey_engine::{invariants::check_invariants, store::memory as engine};

use super::{Fates, Ground, log_options};
use crate::op::Role;

/// Everything in memory.
pub struct Model {
    ingest: OneWriter<memory::Store<afterglow_ingest::store::Tables>>,
    engine: OneWriter<memory::Store<engine::Tables>>,
    dispatcher: OneWriter<memory::Store<dispatcher::Tables>>,
    log: MemoryLog,
}

impl Model {
    /// Empty stores and an empty log. With `split` a poll's records are decided by shard class.
    pub fn new(fates: &Fates, clock: Arc<dyn Clock>, split: bool) -> Self {
        Self {
            ingest: OneWriter { inner: memory::Store::with_faults(fates.of(Role::Ingest)), split },
            engine: OneWriter { inner: memory::Store::with_faults(fates.of(Role::Engine)), split },
            dispatcher: OneWriter { inner: memory::Store::with_faults(fates.of(Role::Dispatcher)), split },
            log: MemoryLog::new(log_options(clock)).expect("the number of partitions is a good one"),
        }
    }
}

impl Ground for Model {
    type Ingest = OneWriter<memory::Store<afterglow_ingest::store::Tables>>;
    type Engine = OneWriter<memory::Store<engine::Tables>>;
    type Dispatcher = OneWriter<memory::Store<dispatcher::Tables>>;
    type Log = MemoryLog;
    type Source = MemoryLog;

    fn ingest(&self) -> Self::Ingest {
        self.ingest.clone()
    }

    fn engine(&self) -> Self::Engine {
        self.engine.clone()
    }

    fn dispatcher(&self) -> Self::Dispatcher {
        self.dispatcher.clone()
    }

    fn log(&self) -> MemoryLog {
        self.log.clone()
    }

    fn source(&self) -> MemoryLog {
        self.log.clone()
    }

    fn consumer<C: Checkpoints>(&self, group: &str, topics: &[Topic], at: C) -> Consumer<MemoryLog, C> {
        self.log.consumer(group, topics, at)
    }

    async fn reopen(&mut self) {}

    async fn breaches(&self) -> Vec<String> {
        let (engine, dispatcher) = (&self.engine.inner, &self.dispatcher.inner);
        let mut breaches = check_invariants(&engine.role().await, &engine.timers().await);
        breaches.extend(Ledgers::of(&dispatcher.role().await, &dispatcher.timers().await).breaches());
        breaches
    }
}

/// A store that says itself whether it splits a poll by shard class, whatever the one inside would.
#[derive(Clone)]
pub struct OneWriter<S> {
    inner: S,
    split: bool,
}

impl<S: Store> Store for OneWriter<S> {
    type Tx = S::Tx;
    type Outgoing = S::Outgoing;

    async fn begin(&self, shards: &ShardSet) -> Result<S::Tx, Error> {
        self.inner.begin(shards).await
    }

    async fn begin_due(&self, of: Timeline, now: Timestamp, max: usize) -> Result<Option<Due<S::Tx>>, Error> {
        self.inner.begin_due(of, now, max).await
    }

    async fn next_due(&self, timeline: Timeline) -> Result<Option<Timestamp>, Error> {
        self.inner.next_due(timeline).await
    }

    async fn outbox_read(&self, max: usize) -> Result<Vec<(i64, OutboxRow)>, Error> {
        self.inner.outbox_read(max).await
    }

    async fn standing(&self) -> Result<Standing, Error> {
        self.inner.standing().await
    }

    async fn outbox_take(&self, max: usize) -> Result<Option<Taken<S::Outgoing>>, Error> {
        self.inner.outbox_take(max).await
    }

    async fn cursors(&self, group: &str) -> Result<Vec<Cursor>, Error> {
        self.inner.cursors(group).await
    }

    async fn parked(&self, max: usize) -> Result<Vec<ParkedLetter>, Error> {
        self.inner.parked(max).await
    }

    async fn prune_inbox(&self, before: Timestamp, max: usize) -> Result<usize, Error> {
        self.inner.prune_inbox(before, max).await
    }

    async fn prune_parked(&self, before: Timestamp, max: usize) -> Result<usize, Error> {
        self.inner.prune_parked(before, max).await
    }

    fn changed(&self) -> Arc<Changed> {
        self.inner.changed()
    }

    fn splits_classes(&self) -> bool {
        self.split
    }
}
