//! The fetcher: claims due rows, reads their deals outside any transaction, hands over to settle.

use std::time::Duration;

use afterglow_crm::{Error as ReadError, READ_BUDGET, Reader, Reading};
use afterglow_domain::Crm;
use afterglow_durable::turns::until_due;
use afterglow_durable::{Error, Store, Timeline, Trouble, Tx, Writes, answered};
use afterglow_trace::{Kind, Span};
use futures::stream::{FuturesUnordered, StreamExt};
use futures::{FutureExt, Stream};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use super::lanes::{Admission, Lane};
use super::pending::Pending;
use super::{Fetched, Resolver};
use crate::store::{Refresh, ResolverTx};
use crate::{codes, metric};

/// Pause after the store failed.
const PAUSE: Duration = Duration::from_millis(500);

/// How many readings one settlement takes at most.
const SETTLE_MAX: usize = 100;

/// A row that is ours to read, and the connection's permit to do so.
pub struct Claim {
    row: Refresh,
    permit: OwnedSemaphorePermit,
}

impl Claim {
    /// The row as claimed.
    pub fn row(&self) -> &Refresh {
        &self.row
    }
}

impl<R: Reader + Send + Sync + 'static> Resolver<R> {
    /// Claims, reads and settles until `stop`; what is being read then is still settled.
    pub async fn run_fetcher<S>(&self, store: &S, stop: &CancellationToken)
    where
        S: Store<Tx: ResolverTx>,
    {
        let changed = store.changed();
        let alarm = changed.alarm(Timeline::Wall);
        let mut reading = FuturesUnordered::new();
        let trouble = Trouble::new(crate::ROLE, "reads", "");
        loop {
            let signal = alarm.armed();
            let stopping = stop.is_cancelled();
            if stopping && reading.is_empty() {
                return;
            }
            // Nobody sleeps while it stops.
            let mut sleep = Duration::ZERO;
            if !stopping {
                let claims;
                (claims, sleep) = self.due(store, &trouble).await;
                reading.extend(claims.into_iter().map(|claim| self.read_or_stop(claim, stop)));
            }
            tokio::select! {
                Some(first) = reading.next(), if !reading.is_empty() => {
                    let batch = with_the_ready(first, &mut reading);
                    self.settle_or_tell(store, batch).await;
                }
                () = signal, if !stopping => {}
                () = tokio::time::sleep(sleep), if !stopping => {}
                () = stop.cancelled(), if !stopping => {}
            }
        }
    }

    /// Claims what is due; and how long to sleep where nothing else happens.
    async fn due<S>(&self, store: &S, trouble: &Trouble) -> (Vec<Claim>, Duration)
    where
        S: Store<Tx: ResolverTx>,
    {
        let claims = answered(store, self.claim(store)).await;
        trouble.tell(claims.as_ref().err().map(ToString::to_string).as_deref());
        let Ok(claims) = claims else { return (Vec::new(), PAUSE) };
        (claims, until_due(store, Timeline::Wall, |due| due.since(self.clocks.wall.now())).await)
    }

    /// One transaction: the due rows whose connections have a free place become ours until the claim
    /// ends; the others wait for one.
    pub async fn claim<S>(&self, store: &S) -> Result<Vec<Claim>, Error>
    where
        S: Store<Tx: ResolverTx>,
    {
        let now = self.clocks.wall.now();
        let begun = store.begin_due(Timeline::Wall, now, self.options.claim_rows_max).await?;
        let Some((mut tx, timers)) = begun else { return Ok(Vec::new()) };
        let ids: Vec<_> = timers.iter().map(|timer| timer.owner).collect();
        let mut pending = Pending::load(&mut tx, &ids).await?;
        let mut writes = Writes::default();
        let mut permits = Vec::new();
        for timer in timers {
            let Some(row) = pending.get(timer.owner).filter(|row| row.timer() == timer).cloned() else {
                // No row waits for it: it is of an older state of the row.
                writes.disarm.push(timer);
                continue;
            };
            match self.lanes.admit(&row.deal, now) {
                Admission::Now { permit, claim } => {
                    permits.push((timer.owner, permit));
                    pending.put(Refresh { claimed: true, due: now.plus(claim), ..row });
                }
                Admission::Later(due) => pending.put(Refresh { claimed: false, due, ..row }),
            }
        }
        pending.store(&mut tx, &mut writes).await?;
        tx.write(writes).await?;
        tx.commit().await?;
        let claim = |(id, permit)| pending.get(id).map(|row| Claim { row: row.clone(), permit });
        Ok(permits.into_iter().filter_map(claim).collect())
    }

    /// Reads a claimed deal, outside any transaction.
    pub async fn read(&self, claim: Claim) -> Fetched {
        let Claim { mut row, permit } = claim;
        let mut span = Span::within(row.traceparent.as_deref(), Kind::Client, "read deal");
        span.tell("afterglow.connection", || row.deal.connection.to_string());
        span.tell("afterglow.deal", || row.deal.to_string());
        // What is published of this reading is caused by it.
        row.traceparent = span.traceparent().or(row.traceparent);
        let began = self.clocks.wall.now();
        let result = match self.lanes.of(&row.deal) {
            Some(lane) => {
                let result = within_budget(&row, lane).await;
                lane.took(self.clocks.wall.now().since(began));
                result
            }
            None => Err(unavailable(row.deal.deal.crm(), "its connection is not configured")),
        };
        drop(permit);
        let label = match &result {
            Ok(Reading::Found(_)) => "found",
            Ok(Reading::Gone) => "gone",
            Err(ReadError::RateLimited { .. }) => "rate_limited",
            Err(ReadError::Unauthorised { .. }) => "unauthorised",
            Err(ReadError::Unavailable { .. }) => "unavailable",
            Err(ReadError::Invalid { .. }) => "invalid",
        };
        span.tell("afterglow.result", || label);
        if result.is_err() {
            span.failed(label);
        }
        let connection = row.deal.connection.to_string();
        metrics::counter!(metric::READS, "connection" => connection, "result" => label).increment(1);
        Fetched { claimed: row, result }
    }

    /// Reads, but not for minutes after `stop`, as at a low rate it could: what was not read is given back.
    async fn read_or_stop(&self, claim: Claim, stop: &CancellationToken) -> Fetched {
        let row = claim.row.clone();
        let drained = async {
            stop.cancelled().await;
            tokio::time::sleep(READ_BUDGET).await;
        };
        tokio::select! {
            fetched = self.read(claim) => fetched,
            () = drained => {
                let result = Err(unavailable(row.deal.deal.crm(), "we stopped before it was read"));
                Fetched { claimed: row, result }
            }
        }
    }

    async fn settle_or_tell<S>(&self, store: &S, batch: Vec<Fetched>)
    where
        S: Store<Tx: ResolverTx>,
    {
        if let Err(error) = self.settle(store, batch).await {
            tracing::error!(code = codes::SETTLE_FAILS, %error,
                "resolver: what was read cannot be stored; it is read again when the claim ends");
        }
    }
}

/// A reader keeps its time by contract; twice that is the end of a broken one's place.
async fn within_budget<R: Reader>(row: &Refresh, lane: &Lane<R>) -> Result<Reading, ReadError> {
    let read = lane.connection.reader.read(&row.deal.deal);
    match tokio::time::timeout(2 * lane.read_time_max(), read).await {
        Ok(result) => result,
        Err(_) => Err(unavailable(row.deal.deal.crm(), "no answer in time")),
    }
}

fn unavailable(vendor: Crm, what: &str) -> ReadError {
    ReadError::Unavailable { vendor, status: None, what: what.to_owned() }
}

/// The first reading and those that are ready with it, so that they share a transaction.
fn with_the_ready(first: Fetched, reading: &mut (impl Stream<Item = Fetched> + Unpin)) -> Vec<Fetched> {
    let mut batch = vec![first];
    while batch.len() < SETTLE_MAX
        && let Some(Some(next)) = reading.next().now_or_never()
    {
        batch.push(next);
    }
    batch
}
