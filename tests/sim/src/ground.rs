//! What the product stands on: three stores and a log, of one kind or the other.
//!
//! [`Model`] is memory; [`Disk`] is what the embedded product uses, in a folder of its own; [`Server`] is
//! PostgreSQL. On all of them the roles make the same transactions in the same order: the model pretends to
//! have one writer too, unless it is asked to split its work by shard class as PostgreSQL does.

mod disk;
mod model;
mod server;

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use afterglow_dispatcher::store::DispatcherTx;
use afterglow_domain::{Clock, Timestamp};
use afterglow_durable::Store;
use afterglow_durable::store::{CommitFault, CommitFaults};
use afterglow_eventlog::{Consumer, Options, Source};
use afterglow_events::{Append, Checkpoints, ConsumeError, Cursor, Received, Topic};
use afterglow_ingest::store::ResolverTx;
use afterglow_journey_engine::EngineTx;

pub use disk::Disk;
pub use model::{Model, OneWriter};
pub use server::Server;

use crate::op::Role;

/// Partitions of the simulated log: more than one, and few enough that keys share them.
const PARTITIONS: u16 = 4;

/// Stores and a log.
pub trait Ground: Sized {
    /// The resolver's store.
    type Ingest: Store<Tx: ResolverTx>;
    /// The engine's.
    type Engine: Store<Tx: EngineTx>;
    /// The dispatcher's.
    type Dispatcher: Store<Tx: DispatcherTx>;
    /// The log as it is written.
    type Log: Append + Clone;
    /// The log as it is read.
    type Source: Source;

    /// The resolver's store.
    fn ingest(&self) -> Self::Ingest;

    /// The engine's store.
    fn engine(&self) -> Self::Engine;

    /// The dispatcher's store.
    fn dispatcher(&self) -> Self::Dispatcher;

    /// The log.
    fn log(&self) -> Self::Log;

    /// The log's reading side.
    fn source(&self) -> Self::Source;

    /// A group's consumer.
    fn consumer<C: Checkpoints>(&self, group: &str, topics: &[Topic], at: C) -> Consumer<Self::Source, C>;

    /// Everything is closed and opened again, as by a new process.
    fn reopen(&mut self) -> impl Future<Output = ()>;

    /// Waits until nothing of the step before is under way any more: a transaction that was dropped ends at
    /// once where there is no server.
    fn quiet(&self) -> impl Future<Output = ()> {
        std::future::ready(())
    }

    /// What the roles' own checkers find, where whole tables can be looked at.
    fn breaches(&self) -> impl Future<Output = Vec<String>>;
}

/// The fates of commits, per role: armed by an operation, in force during one step.
#[derive(Debug, Clone, Default)]
pub struct Fates(Arc<Mutex<[Fate; 3]>>);

#[derive(Debug, Clone, Copy, Default)]
struct Fate {
    armed: Option<(u8, CommitFault)>,
    in_force: Option<(u8, CommitFault)>,
}

impl Fates {
    /// The role's next step meets this fault, after `skip` commits.
    pub fn arm(&self, role: Role, skip: u8, fault: CommitFault) {
        self.with(role, |fate| fate.armed = Some((skip, fault)));
    }

    /// A step of the role begins.
    pub fn begin(&self, role: Role) {
        self.with(role, |fate| fate.in_force = fate.armed.take());
    }

    /// The step is over; what did not strike never does.
    pub fn end(&self, role: Role) {
        self.with(role, |fate| fate.in_force = None);
    }

    /// Nothing strikes any more.
    pub fn lift(&self) {
        for role in Role::ALL {
            self.with(role, |fate| *fate = Fate::default());
        }
    }

    /// The role's commits as its store asks for them.
    pub fn of(&self, role: Role) -> CommitFaults {
        let fates = self.clone();
        CommitFaults::new(move || fates.with(role, Fate::strike))
    }

    fn with<T>(&self, role: Role, then: impl FnOnce(&mut Fate) -> T) -> T {
        then(&mut self.0.lock().expect("nobody panics with it")[role as usize])
    }
}

impl Fate {
    fn strike(&mut self) -> CommitFault {
        match self.in_force {
            Some((0, fault)) => {
                self.in_force = None;
                fault
            }
            Some((skip, fault)) => {
                self.in_force = Some((skip - 1, fault));
                CommitFault::None
            }
            None => CommitFault::None,
        }
    }
}

fn log_options(clock: Arc<dyn Clock>) -> Options {
    // Nothing expires within a simulation.
    Options { partitions: PARTITIONS, retention: Duration::from_hours(24 * 365), clock }
}

/// Everything that a topic holds, in the order in which it was taken.
pub async fn all<S: Source>(source: &S, topic: Topic) -> Vec<Received> {
    let mut all = Vec::new();
    let bounds = source.bounds().await.expect("the log is healthy");
    for (partition, mut from, end) in bounds.of_topic(topic) {
        while from < end {
            let page = source.read(topic, partition, from, 500).await.expect("the log is healthy");
            from += i64::try_from(page.len()).expect("a page is small");
            all.extend(page);
        }
    }
    all.sort_by_key(|received| (received.taken_at, received.partition, received.offset));
    all
}

/// No cursors: a consumer behind these reads the log from its beginning.
#[derive(Debug, Clone, Copy)]
pub struct FromTheStart;

impl Checkpoints for FromTheStart {
    async fn cursors(&self, _: &str) -> Result<Vec<Cursor>, ConsumeError> {
        Ok(Vec::new())
    }
}

/// 2026-03-06T09:00:00Z, when every simulation starts.
pub const START: Timestamp = Timestamp(1_772_787_600_000_000);
