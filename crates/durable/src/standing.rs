//! How a role's store stands: whether it answers, what waits in it, and what it costs the server.
//!
//! An idle role asks its store little, so a loop of its own asks every few seconds: that is what gauges show
//! and what readiness hangs on. Deliberately absent: anything that writes, and whole counts of large tables.

use std::time::Duration;

use afterglow_domain::{Clock, Timestamp};

use crate::error::Error;
use crate::metric;
use crate::rows::OutboxRow;
use crate::store::Store;

/// How often a store is asked. With [`ANSWER_MAX`] it is the longest time for which nobody knows that it is away.
const EVERY: Duration = Duration::from_secs(3);

/// How long an answer may take: as long as a connection is waited for.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// Up to how many waiting events are counted: enough to see that the log is away, and quick to count.
pub const OUTBOX_COUNT_MAX: u32 = 10_000;

/// What a store says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Standing {
    /// Events that wait for the log, counted up to [`OUTBOX_COUNT_MAX`].
    pub outbox_rows: u32,
    /// When the oldest of them was made, by the wall of who made it.
    pub outbox_since: Option<Timestamp>,
    /// What only a database server has.
    pub server: Option<Sessions>,
}

/// Our sessions at a database server.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sessions {
    /// Connections of this process that are at work.
    pub used: u32,
    /// Connections of this process.
    pub open: u32,
    /// How long the oldest transaction of any of our processes has run.
    pub longest_transaction: Duration,
    /// How many transactions ago the oldest snapshot in the database was taken, by whomever: what is younger
    /// cannot be cleaned up.
    pub oldest_snapshot_age: u32,
}

/// When the event of a row was made.
pub(crate) fn made_at(row: &OutboxRow) -> Option<Timestamp> {
    row.record.header("ce_time")?.parse().ok()
}

/// Asks for ever; `told` hears after each question why there was no answer, or nothing where there was one.
pub async fn watch<S: Store>(
    role: &'static str,
    store: &S,
    wall: &dyn Clock,
    told: impl Fn(Option<&str>) + Send,
) -> ! {
    let mut away = false;
    loop {
        let asked = tokio::time::timeout(ANSWER_MAX, store.standing()).await;
        let standing = asked.unwrap_or_else(|_| Err(Error::Unavailable("it gives no answer".to_owned())));
        match &standing {
            Ok(standing) => standing.show(role, wall.now()),
            Err(_) if !away => metrics::counter!(metric::STORE_OUTAGES, "role" => role).increment(1),
            Err(_) => {}
        }
        away = standing.is_err();
        told(standing.err().map(|error| error.to_string()).as_deref());
        tokio::time::sleep(EVERY).await;
    }
}

impl Standing {
    fn show(&self, role: &'static str, now: Timestamp) {
        metrics::gauge!(metric::OUTBOX_ROWS, "role" => role).set(self.outbox_rows);
        let age = self.outbox_since.map_or(Duration::ZERO, |since| now.since(since));
        metrics::gauge!(metric::OUTBOX_AGE, "role" => role).set(age.as_secs_f64());
        let Some(server) = self.server else { return };
        metrics::gauge!(metric::CONNECTIONS, "role" => role, "state" => "used").set(server.used);
        metrics::gauge!(metric::CONNECTIONS, "role" => role, "state" => "open").set(server.open);
        metrics::gauge!(metric::LONGEST_TRANSACTION).set(server.longest_transaction.as_secs_f64());
        metrics::gauge!(metric::OLDEST_SNAPSHOT).set(server.oldest_snapshot_age);
    }
}
