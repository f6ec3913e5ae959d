//! Timers in.

use std::time::Duration;

use afterglow_domain::Timestamp;
use futures::future::try_join_all;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::records::guarded;
use super::{Fires, TURN_ROWS_MAX};
use crate::answer::answered;
use crate::error::Error;
use crate::metric;
use crate::rows::{Timeline, Timer, Writes};
use crate::shard_set::ShardSet;
use crate::store::{Due, Store, Tx};
use crate::trouble::Trouble;

/// The longest sleep: timers armed by other processes are found by polling.
const POLL_MAX: Duration = Duration::from_secs(1);

/// The shortest sleep before a timer that is not due yet: below it a wake-up costs more than it gains.
const POLL_MIN: Duration = Duration::from_millis(1);

/// Pause after the store failed.
const PAUSE: Duration = Duration::from_millis(500);

/// How much later, on its own clock, a timer is tried again whose decision fails: often enough to heal
/// by itself after an upgrade, seldom enough not to burn.
const POSTPONED: Duration = Duration::from_hours(1);

/// How many classes fire at the same time where the store has them apart: a page mostly waits for the database,
/// and a timer of the last class for all pages before its own.
const CLASSES_AT_ONCE: usize = 4;

/// Fires what is due on one clock, until `stop`. `wall_of` turns a wait on that clock into one on the wall.
pub async fn run_timers<H, S>(
    handler: &H,
    store: &S,
    timeline: Timeline,
    wall_of: impl Fn(Duration) -> Duration + Send,
    stop: &CancellationToken,
) where
    H: Fires<Tx = S::Tx>,
    S: Store,
{
    let changed = store.changed();
    let alarm = changed.alarm(timeline);
    let trouble = Trouble::new(handler.role(), "timers", "");
    while !stop.is_cancelled() {
        let signal = alarm.armed();
        let fired = answered(store, fire_pages(handler, store, timeline, CLASSES_AT_ONCE)).await;
        let problem = fired.as_ref().err().map(ToString::to_string);
        handler.turned(problem.as_deref());
        trouble.tell(problem.as_deref());
        let sleep = match fired {
            Ok(0) => until_due(store, timeline, |due| wall_of(due.since(handler.now(timeline)))).await,
            Ok(_) => continue,
            Err(_) => PAUSE,
        };
        tokio::select! {
            () = signal => {}
            () = tokio::time::sleep(sleep) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// How long a loop may sleep that has found nothing due: what `wait` says of the next timer, at most a second. A
/// commit of this process that arms an earlier one rings its [`Alarm`](crate::changed::Alarm).
pub async fn until_due<S: Store>(
    store: &S,
    timeline: Timeline,
    wait: impl FnOnce(Timestamp) -> Duration,
) -> Duration {
    match store.next_due(timeline).await {
        Ok(Some(due)) => {
            store.changed().alarm(timeline).wait_for(due);
            wait(due).clamp(POLL_MIN, POLL_MAX)
        }
        Ok(None) => POLL_MAX,
        Err(_) => PAUSE,
    }
}

/// Fires one page of due timers; how many there were.
pub async fn fire_due<H, S>(handler: &H, store: &S, timeline: Timeline) -> Result<usize, Error>
where
    H: Fires<Tx = S::Tx>,
    S: Store,
{
    fire_pages(handler, store, timeline, 1).await
}

/// Fires a page of each of so many classes; how many timers there were.
async fn fire_pages<H, S>(handler: &H, store: &S, timeline: Timeline, classes: usize) -> Result<usize, Error>
where
    H: Fires<Tx = S::Tx>,
    S: Store,
{
    let now = handler.now(timeline);
    let due = store.begin_due_apart(timeline, now, TURN_ROWS_MAX, classes).await?;
    let pages = due.into_iter().map(|due| fire_page(handler, store, due, now));
    Ok(try_join_all(pages).await?.into_iter().sum())
}

async fn fire_page<H, S>(
    handler: &H,
    store: &S,
    (mut tx, page): Due<S::Tx>,
    now: Timestamp,
) -> Result<usize, Error>
where
    H: Fires<Tx = S::Tx>,
    S: Store,
{
    let fired = fire(handler, &mut tx, &page, now).await;
    match fired {
        Ok(()) => tx.commit().await?,
        Err(Error::Unavailable(reason)) => return Err(Error::Unavailable(reason)),
        Err(error) => {
            // One of them is the culprit: each alone, so that its neighbours go on.
            drop(tx);
            tracing::warn!(role = handler.role(), %error, "timers: a page failed; firing one by one");
            for timer in &page {
                fire_alone(handler, store, *timer, now).await?;
            }
        }
    }
    let role = handler.role();
    metrics::counter!(metric::TIMERS_FIRED, "role" => role).increment(page.len() as u64);
    for timer in &page {
        metrics::histogram!(metric::TIMER_LATENESS, "role" => role)
            .record(now.since(timer.due).as_secs_f64());
    }
    Ok(page.len())
}

async fn fire<H: Fires>(handler: &H, tx: &mut H::Tx, page: &[Timer], now: Timestamp) -> Result<(), Error> {
    tx.write(Writes { disarm: page.to_vec(), ..Writes::default() }).await?;
    guarded(handler.fire(tx, page, now)).await
}

async fn fire_alone<H, S>(handler: &H, store: &S, timer: Timer, now: Timestamp) -> Result<(), Error>
where
    H: Fires<Tx = S::Tx>,
    S: Store,
{
    let shards = ShardSet::new([timer.shard]);
    let mut tx = store.begin(&shards).await?;
    match fire(handler, &mut tx, &[timer], now).await {
        Ok(()) => return tx.commit().await,
        Err(Error::Unavailable(reason)) => return Err(Error::Unavailable(reason)),
        Err(error) => {
            drop(tx);
            metrics::counter!(metric::ERRORED, "role" => handler.role()).increment(1);
            tracing::error!(role = handler.role(), %error, owner = %Uuid::hyphenated(timer.owner),
                key = timer.key, "timers: decision failed; postponed for an hour");
        }
    }
    let mut tx = store.begin(&shards).await?;
    let due = tx.armable(timer.timeline, timer.shard, now.plus(POSTPONED));
    let later = Timer { due, ..timer };
    tx.write(Writes { disarm: vec![timer], arm: vec![later], ..Writes::default() }).await?;
    tx.commit().await
}

#[cfg(test)]
mod tests;
