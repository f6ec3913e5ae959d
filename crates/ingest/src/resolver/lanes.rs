//! One lane per connection: how many of its deals are read at a time, and until when it is left alone.
//!
//! Invariant: what happens to one connection is in its own lane, so that an outage, a refusal or a
//! backlog there delays nobody else. A lane is in memory: after a restart the CRM says again what it
//! said before.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use afterglow_crm::{Pace, Reader};
use afterglow_domain::{ConnectionId, DealRef, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Connection;
use crate::{codes, metric};

/// How long a hint waits whose connection is not configured.
const UNKNOWN_WAIT: Duration = Duration::from_mins(15);

/// The least distance between two hints of a lane that wait for a free place.
const PACE_MIN: Duration = Duration::from_millis(5);

/// Whether a due hint may be read now.
pub(super) enum Admission {
    /// With this permit, which ends with the read.
    Now {
        /// A place in the lane.
        permit: OwnedSemaphorePermit,
        /// How long the claim on it holds.
        claim: Duration,
    },
    /// Then.
    Later(Timestamp),
}

/// The lanes of all connections.
pub(super) struct Lanes<R>(BTreeMap<ConnectionId, Lane<R>>);

/// One connection's.
pub(super) struct Lane<R> {
    /// Whose lane it is.
    pub(super) connection: Connection<R>,
    pace: Pace,
    claim: Duration,
    permits: Arc<Semaphore>,
    flow: Mutex<Flow>,
}

#[derive(Debug)]
struct Flow {
    paused_until: Timestamp,
    /// The latest time that was promised to a hint that waits for a place.
    promised: Timestamp,
    /// How long the last read took.
    read_time: Duration,
    broken: bool,
}

impl<R: Reader> Lanes<R> {
    /// The lanes of these connections; a claim holds `claim` at least.
    pub(super) fn new(connections: Vec<Connection<R>>, claim: Duration) -> Self {
        let lane = |connection: Connection<R>| {
            let pace = connection.reader.pace();
            let flow = Flow {
                paused_until: Timestamp::MIN,
                promised: Timestamp::MIN,
                // A guess, until one was made.
                read_time: pace.read_time,
                broken: false,
            };
            let permits = Arc::new(Semaphore::new(pace.reads_at_once));
            let claim = claim.max(2 * pace.read_time_max);
            let id = connection.id.clone();
            (id, Lane { connection, pace, claim, permits, flow: Mutex::new(flow) })
        };
        Self(connections.into_iter().map(lane).collect())
    }
}

impl<R> Lanes<R> {
    /// The lane of a deal's connection; `None` where that is not configured for its tenant.
    pub(super) fn of(&self, deal: &DealRef) -> Option<&Lane<R>> {
        self.0.get(&deal.connection).filter(|lane| lane.connection.tenant == deal.tenant)
    }

    /// Whether this deal may be read now.
    pub(super) fn admit(&self, deal: &DealRef, now: Timestamp) -> Admission {
        let Some(lane) = self.of(deal) else {
            tracing::warn!(code = codes::CONNECTION_UNKNOWN, connection = %deal.connection, deal = %deal.deal,
                "resolver: a hint waits for a connection that is not configured");
            return Admission::Later(now.plus(UNKNOWN_WAIT));
        };
        lane.admit(now)
    }
}

/// The longest that a deal is put off for a free place.
const WAIT_MAX: Duration = Duration::from_secs(30);

impl<R> Lane<R> {
    fn admit(&self, now: Timestamp) -> Admission {
        let mut flow = self.flow();
        if flow.paused_until <= now
            && let Ok(permit) = self.permits.clone().try_acquire_owned()
        {
            return Admission::Now { permit, claim: self.claim };
        }
        // One after the other, at the pace at which places become free: a backlog neither stands in
        // other connections' way nor wakes up all at once.
        let places = u32::try_from(self.pace.reads_at_once).unwrap_or(u32::MAX);
        let pace = (flow.read_time / places).max(PACE_MIN);
        let free_from = flow.paused_until.max(now);
        // Never far ahead: the pace of an outage must not hold up a backlog once it is over.
        flow.promised = flow.promised.max(free_from).plus(pace).min(free_from.plus(WAIT_MAX));
        Admission::Later(flow.promised)
    }

    /// The longest that a read of this connection may take.
    pub(super) fn read_time_max(&self) -> Duration {
        self.pace.read_time_max
    }

    /// Leaves the connection alone until then.
    pub(super) fn pause(&self, until: Timestamp) {
        let mut flow = self.flow();
        flow.paused_until = flow.paused_until.max(until);
    }

    /// A read ended after this time.
    pub(super) fn took(&self, time: Duration) {
        self.flow().read_time = time;
    }

    /// Whether its credentials are refused; told when it changes.
    pub(super) fn broken(&self, broken: bool, why: &str) {
        let id = &self.connection.id;
        let was = std::mem::replace(&mut self.flow().broken, broken);
        if was == broken {
            return;
        }
        metrics::gauge!(metric::CONNECTION_BROKEN, "connection" => id.to_string()).set(u8::from(broken));
        if broken {
            tracing::error!(code = codes::CONNECTION_BROKEN, connection = %id, why,
                "resolver: the connection is broken; its hints are kept");
        } else {
            tracing::info!(connection = %id, "resolver: the connection works again");
        }
    }

    fn flow(&self) -> MutexGuard<'_, Flow> {
        self.flow.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
