//! The relay: appends the outbox to the log, waits for every answer, deletes exactly what was
//! acknowledged.
//!
//! Invariant: an event leaves the outbox only after the log has it on disk (or refuses it for good, then
//! it is parked). A crash in between sends it again with the same id.

use std::time::Duration;

use afterglow_domain::{Clock, Disposition};
use afterglow_events::Append;
use tokio_util::sync::CancellationToken;

use crate::error::Error;
use crate::metric;
use crate::parked::letter_of_outbox;
use crate::store::Store;
use crate::trouble::Trouble;

/// How many events are under way at once: two append batches of the log, so that it never idles.
const BATCH_MAX: usize = 1000;

/// How long to sleep where nothing says that there is more: commits of other processes are not signalled.
const POLL: Duration = Duration::from_secs(1);

/// Pause after a failure; the log's own retries happen below.
const PAUSE: Duration = Duration::from_millis(250);

/// Runs until `stop` is cancelled and the outbox is empty, or cannot be emptied.
pub async fn run<S: Store, L: Append>(
    role: &'static str,
    store: S,
    log: L,
    wall: &dyn Clock,
    stop: CancellationToken,
) {
    let changed = store.changed();
    let trouble = Trouble::new(role, "relay", "");
    loop {
        let signal = changed.notified();
        let problem = match relay_once(role, &store, &log, wall).await {
            Ok(Progress::All) => None,
            Ok(Progress::Nothing) if stop.is_cancelled() => return,
            Ok(Progress::Nothing) => {
                tokio::select! {
                    () = signal => {}
                    () = tokio::time::sleep(POLL) => {}
                    () = stop.cancelled() => {}
                }
                None
            }
            Ok(Progress::Stuck(reason)) => Some(reason),
            Err(error) => Some(error.to_string()),
        };
        trouble.tell(problem.as_deref());
        if problem.is_some() {
            if stop.is_cancelled() {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// What one round of the relay did.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// The outbox was empty.
    Nothing,
    /// Everything read was settled.
    All,
    /// Some events wait for the log.
    Stuck(String),
}

/// One round: read, append, settle.
pub async fn relay_once<S: Store, L: Append>(
    role: &'static str,
    store: &S,
    log: &L,
    wall: &dyn Clock,
) -> Result<Progress, Error> {
    let rows = store.outbox_read(BATCH_MAX).await?;
    if rows.is_empty() {
        return Ok(Progress::Nothing);
    }
    let records = rows.iter().map(|(_, row)| row.record.clone()).collect();
    let results = log.append(records).await;
    let (mut acknowledged, mut parked, mut stuck) = (Vec::new(), Vec::new(), None);
    for ((seq, row), result) in rows.iter().zip(results) {
        match result {
            Ok(_) => acknowledged.push(*seq),
            Err(error) if error.disposition() == Disposition::Retry => stuck = Some(error.to_string()),
            Err(error) => {
                parked.push((*seq, letter_of_outbox(role, &row.record, error.to_string(), wall.now())));
            }
        }
    }
    store.outbox_settle(&acknowledged, &parked).await?;
    metrics::counter!(metric::SENT, "role" => role).increment(acknowledged.len() as u64);
    metrics::counter!(metric::PARKED, "role" => role).increment(parked.len() as u64);
    Ok(stuck.map_or(Progress::All, Progress::Stuck))
}
