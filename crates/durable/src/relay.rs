//! The relay: appends the outbox to the log, waits for every answer, deletes exactly what was
//! acknowledged.
//!
//! Invariants: an event leaves the outbox only after the log has it on disk (or refuses it for good, then
//! it is parked); a crash in between sends it again with the same id. The first appearances of a key's
//! events on its topic are in the order of the commits, whichever append fails and however many relays
//! there are: [`Append`] writes no later event of a key after one that failed, each relay has taken what it
//! sends ([`Outgoing`]), and one that was stopped and wakes up only repeats what its successor has sent.

mod order;

use std::collections::BTreeSet;
use std::time::Duration;

use afterglow_domain::{Clock, Disposition, Shard};
use afterglow_events::{Append, AppendError, Record};
use tokio_util::sync::CancellationToken;

use crate::answer::answered;
use crate::error::Error;
use crate::metric;
use crate::parked::letter_of_outbox;
use crate::rows::{OutboxRow, ParkedLetter};
use crate::store::{Outgoing, Store};
use crate::trouble::Trouble;
use order::Order;

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
    let mut order = Order::default();
    loop {
        let signal = changed.outbox();
        let problem = match round(role, (&store, &log), wall, &mut order).await {
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
    /// The outbox was empty, or others have what is in it.
    Nothing,
    /// Everything taken was settled.
    All,
    /// Some events wait for the log.
    Stuck(String),
}

/// One round: take, append, settle.
pub async fn relay_once<S: Store, L: Append>(
    role: &'static str,
    store: &S,
    log: &L,
    wall: &dyn Clock,
) -> Result<Progress, Error> {
    round(role, (store, log), wall, &mut Order::default()).await
}

async fn round<S: Store, L: Append>(
    role: &'static str,
    (store, log): (&S, &L),
    wall: &dyn Clock,
    order: &mut Order,
) -> Result<Progress, Error> {
    let Some((mut outgoing, rows)) = answered(store, store.outbox_take(BATCH_MAX)).await? else {
        return Ok(Progress::Nothing);
    };
    let late = order.take(&rows);
    metrics::counter!(metric::OUT_OF_ORDER, "role" => role).increment(late);
    let shards: Vec<(Shard, i64)> = rows.iter().map(|(seq, row)| (row.shard, *seq)).collect();
    let sent = tokio::select! {
        sent = append(role, log, rows, wall) => sent,
        never = outgoing.keep() => match never {},
    };
    answered(store, outgoing.settle(&sent.acknowledged, &sent.parked)).await?;
    let gone: BTreeSet<i64> =
        sent.acknowledged.iter().copied().chain(sent.parked.iter().map(|(seq, _)| *seq)).collect();
    for (shard, seq) in shards.into_iter().filter(|(_, seq)| gone.contains(seq)) {
        order.settled(shard, seq);
    }
    metrics::counter!(metric::SENT, "role" => role).increment(sent.acknowledged.len() as u64);
    metrics::counter!(metric::PARKED, "role" => role).increment(sent.parked.len() as u64);
    Ok(sent.stuck.map_or(Progress::All, Progress::Stuck))
}

/// What became of the events of a round.
#[derive(Default)]
struct Sent {
    acknowledged: Vec<i64>,
    parked: Vec<(i64, ParkedLetter)>,
    stuck: Option<String>,
}

/// Appends all of them; the log keeps their order per key, and what fails holds back the rest of its key.
async fn append<L: Append>(
    role: &'static str,
    log: &L,
    rows: Vec<(i64, OutboxRow)>,
    wall: &dyn Clock,
) -> Sent {
    let mut sent = Sent::default();
    let results = log.append(rows.iter().map(|(_, row)| row.record.clone()).collect()).await;
    for ((seq, row), result) in rows.into_iter().zip(results) {
        match result {
            Ok(_) => sent.acknowledged.push(seq),
            Err(error) if error.disposition() == Disposition::Retry => sent.stuck = Some(error.to_string()),
            Err(error) => sent.parked.push((seq, refused(role, &row.record, &error, wall))),
        }
    }
    sent
}

fn refused(role: &str, record: &Record, error: &AppendError, wall: &dyn Clock) -> ParkedLetter {
    letter_of_outbox(role, record, error.to_string(), wall.now())
}
