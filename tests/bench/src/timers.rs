//! Due timers: what each costs with state, outbox and the next timer, beside a bare loop.
//!
//! Two stores hold the same enrolments, made by the engine from deals; in one of them a crowd of others
//! waits for a day far ahead. Both are fired in turn with a loop that commits as many rows of the same
//! size and does nothing else. After each run the outbox or the log holds exactly one touchpoint for
//! each timer that fired.

mod bare;
mod crowd;
mod fire;

use std::path::Path;
use std::sync::Arc;

use afterglow_domain::clock::ManualClock;
use afterglow_durable::sqlite;
use afterglow_journey_engine::store::sqlite::MIGRATIONS;
use anyhow::{Context as _, ensure};
use sqlx::Connection as _;

use crate::customers::{self, START};
use crate::figure::Figure;
use crate::options::Scale;
use crate::processor::Neighbours;
use bare::Bare;
use fire::Fired;

/// What was measured.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Timers {
    /// Enrolments written per second by the engine from deal events, while the stores were made.
    pub(crate) enrolled: Figure,
    /// Bytes that a fired timer writes: its state, its touchpoint and its next timer.
    pub(crate) bytes: u64,
    /// Bare rows of these bytes per second.
    pub(crate) bare: Figure,
    /// The outbox only fills.
    pub(crate) alone: ByCrowd,
    /// The relay empties it into the log at the same time; until the log has the last touchpoint.
    pub(crate) relayed: ByCrowd,
    /// Percent of all cores that other processes took.
    pub(crate) foreign: Figure,
    /// Percent of all cores that the hypervisor took.
    pub(crate) stolen: Figure,
}

/// The same, without and with others that wait.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ByCrowd {
    /// Nobody else waits.
    pub(crate) empty: Rate,
    /// A crowd waits.
    pub(crate) crowded: Rate,
}

/// How fast, and for how much CPU.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Rate {
    /// Timers per second.
    pub(crate) per_second: Figure,
    /// CPU for each timer, in microseconds.
    pub(crate) us_each: Figure,
}

impl Rate {
    fn push(&mut self, fired: &Fired) {
        self.per_second.push(fired.per_second);
        self.us_each.push(fired.us_each);
    }
}

/// Measures both stores and the bare loop in turn.
pub(crate) async fn measure(scale: &Scale, folder: &Path) -> anyhow::Result<Timers> {
    let folder = folder.join("timers");
    std::fs::create_dir(&folder)?;
    let (empty_db, crowded_db) = (folder.join("empty.db"), folder.join("crowded.db"));
    // One batch to warm up, then one for each run without and one for each run with the relay.
    let batches = 1 + 2 * scale.runs;
    let mut timers = Timers::default();
    made(&empty_db, (batches, scale.timers), &mut timers.enrolled).await?;
    std::fs::copy(&empty_db, &crowded_db).context("copying the store")?;
    crowd::wait(&crowded_db, scale.pending).await?;
    let empty = fire::World::open(&empty_db, &folder.join("empty-log.db"), scale.timers).await?;
    let crowded = fire::World::open(&crowded_db, &folder.join("crowded-log.db"), scale.timers).await?;
    empty.fire(false).await?;
    timers.bytes = crowded.bytes_of_a_firing().await?;
    let mut bare = Bare::open(&folder.join("bare.db"), timers.bytes).await?;
    bare.write(scale.timers).await?;
    for _ in 0..scale.runs {
        for relay in [false, true] {
            let written = bare.write(scale.timers).await?;
            timers.bare.push(written.per_second);
            timers.shared(written.neighbours);
            let (alone, crowd) = (empty.fire(relay).await?, crowded.fire(relay).await?);
            let by_crowd = if relay { &mut timers.relayed } else { &mut timers.alone };
            by_crowd.empty.push(&alone);
            by_crowd.crowded.push(&crowd);
            timers.shared(alone.neighbours);
            timers.shared(crowd.neighbours);
        }
    }
    empty.close().await;
    crowded.close().await;
    std::fs::remove_dir_all(&folder)?;
    Ok(timers)
}

/// Makes the store with its customers and an empty outbox (the events of enrolling are not measured), all in
/// the one file.
async fn made(path: &Path, (batches, count): (usize, usize), rates: &mut Figure) -> anyhow::Result<()> {
    let store = sqlite::Store::open(path, MIGRATIONS).await?;
    let engine = customers::engine(Arc::new(ManualClock::new(START)));
    customers::enrol(&store, &engine, (batches, count), rates).await?;
    let mut connection = sqlx::SqliteConnection::connect(&format!("sqlite:{}", path.display())).await?;
    let armed: i64 = sqlx::query_scalar("select count(*) from timer").fetch_one(&mut connection).await?;
    let enrolled = batches * count;
    ensure!(usize::try_from(armed) == Ok(enrolled), "{enrolled} customers have {armed} timers");
    sqlx::raw_sql("delete from outbox; pragma wal_checkpoint(truncate)").execute(&mut connection).await?;
    Ok(connection.close().await?)
}

impl Timers {
    fn shared(&mut self, neighbours: Neighbours) {
        self.foreign.push(neighbours.foreign);
        self.stolen.push(neighbours.stolen);
    }
}
