//! The transaction of a claim: due touchpoints in, attempts and calls out.

use std::collections::{BTreeSet, VecDeque};
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use afterglow_domain::{Timestamp, TouchpointId};
use afterglow_durable::{Error, ShardSet, Store, Timeline, Timer, Tx as _, Writes};
use afterglow_providers::{GiftVendor, Mailer};
use futures::FutureExt;

use crate::checks::World;
use crate::codes;
use crate::gate::{Closed, Lane};
use crate::job::{Job, Vendors};
use crate::run::Dispatcher;
use crate::store::DispatcherTx;
use crate::touchpoint::Status;
use crate::turn::Turn;

/// How many touchpoints one claim takes at most: rendering is the work here, and a transaction should
/// stay under about 50 ms.
const PAGE_MAX: usize = 100;

/// How long a touchpoint that waits for a free call rests in the store; the queue in memory brings it
/// back sooner, so this is only for the case that the process dies.
const QUEUED: Duration = Duration::from_secs(30);

/// How many touchpoints wait in memory for a free call, per lane; the rest comes back by its timer.
const QUEUE_MAX: usize = 10_000;

/// When a touchpoint is tried again whose decision fails.
const POSTPONED: Duration = Duration::from_hours(1);

/// The key of a timer that was postponed without its row being readable; it is never stale.
const POSTPONED_KEY: i32 = 1;

/// When a kind of vendor that is not configured is asked for again: only a restart changes it.
const NOT_CONFIGURED: Duration = Duration::from_hours(1);

/// The calls that may be under way, and who waits for one.
#[derive(Debug)]
pub(crate) struct Lanes {
    limit: usize,
    running: [usize; 2],
    queues: [VecDeque<TouchpointId>; 2],
    queued: BTreeSet<TouchpointId>,
}

impl Lanes {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, running: [0; 2], queues: Default::default(), queued: BTreeSet::new() }
    }

    pub(crate) fn started(&mut self, lane: Lane) {
        self.running[lane as usize] += 1;
    }

    pub(crate) fn done(&mut self, lane: Lane) {
        self.running[lane as usize] -= 1;
    }

    /// The next one that waits for a call of a lane with room.
    pub(crate) fn pop(&mut self) -> Option<TouchpointId> {
        let lane = [Lane::Gifts, Lane::Mails].into_iter().find(|lane| {
            self.running[*lane as usize] < self.limit && !self.queues[*lane as usize].is_empty()
        })?;
        let id = self.queues[lane as usize].pop_front()?;
        self.queued.remove(&id);
        Some(id)
    }

    fn room(&self) -> [usize; 2] {
        self.running.map(|running| self.limit.saturating_sub(running))
    }

    fn queue(&mut self, lane: Lane, id: TouchpointId) {
        let queue = &mut self.queues[lane as usize];
        if queue.len() < QUEUE_MAX && self.queued.insert(id) {
            queue.push_back(id);
        }
    }
}

impl<S, G, M> Dispatcher<S, G, M>
where
    S: Store,
    S::Tx: DispatcherTx,
    G: GiftVendor + 'static,
    M: Mailer + 'static,
{
    pub(crate) fn vendors(&self) -> Vendors<'_, G, M> {
        Vendors { gifts: self.gifts.as_ref(), mailer: self.mailer.as_ref() }
    }

    fn world(&self, now: Timestamp) -> World {
        let missing = |what: &str| {
            Some(Closed { reason: format!("{what} is configured"), until: now.plus(NOT_CONFIGURED) })
        };
        let closed = |lane, configured: bool, what: &str| {
            if configured { self.gates.closed(lane, now) } else { missing(what) }
        };
        let signals_fresh = self.lag.is_fresh(now);
        if !signals_fresh {
            self.lag.mails_wait();
        }
        World {
            gifts: closed(Lane::Gifts, self.gifts.is_some(), "no gift vendor"),
            mails: closed(Lane::Mails, self.mailer.is_some(), "no mail server"),
            signals_fresh,
        }
    }

    /// Claims one page of what is due; `None` where nothing is.
    pub(crate) async fn claim_due(&self, lanes: &mut Lanes) -> Result<Option<(usize, Vec<Job>)>, Error> {
        let now = self.clocks.wall.now();
        let Some((mut tx, page)) = self.store.begin_due(Timeline::Wall, now, PAGE_MAX).await? else {
            return Ok(None);
        };
        let ids: Vec<_> = page.iter().map(|timer| TouchpointId(timer.owner)).collect();
        match self.decided(&mut tx, &ids, &page, lanes).await {
            Ok(jobs) => {
                tx.commit().await?;
                return Ok(Some((page.len(), jobs)));
            }
            Err(Error::Unavailable(reason)) => return Err(Error::Unavailable(reason)),
            Err(error) => tracing::warn!(%error, "claim: a page failed; claiming one by one"),
        }
        drop(tx);
        let mut jobs = Vec::new();
        for timer in &page {
            match self.claim_alone(*timer, lanes).await {
                Ok(more) => jobs.extend(more),
                // What is claimed by now is called; the rest is found by its timers.
                Err(_) if !jobs.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        Ok(Some((page.len(), jobs)))
    }

    /// Claims one that waited in memory for a free call.
    pub(crate) async fn claim_queued(&self, id: TouchpointId, lanes: &mut Lanes) -> Result<Vec<Job>, Error> {
        let Some(shard) = self.shard_of(id).await? else { return Ok(Vec::new()) };
        let mut tx = self.store.begin(&ShardSet::new([shard])).await?;
        let jobs = self.decided(&mut tx, &[id], &[], lanes).await?;
        tx.commit().await?;
        Ok(jobs)
    }

    /// The home key's shard never changes, so it may be read before the lock.
    async fn shard_of(&self, id: TouchpointId) -> Result<Option<afterglow_domain::Shard>, Error> {
        let mut tx = self.store.begin(&ShardSet::default()).await?;
        Ok(tx.load_touchpoints(&[id]).await?.first().map(crate::Touchpoint::shard))
    }

    async fn claim_alone(&self, timer: Timer, lanes: &mut Lanes) -> Result<Vec<Job>, Error> {
        let shards = ShardSet::new([timer.shard]);
        let mut tx = self.store.begin(&shards).await?;
        match self.decided(&mut tx, &[TouchpointId(timer.owner)], &[timer], lanes).await {
            Ok(jobs) => {
                tx.commit().await?;
                return Ok(jobs);
            }
            Err(Error::Unavailable(reason)) => return Err(Error::Unavailable(reason)),
            Err(error) => tracing::error!(code = codes::CLAIM_POSTPONED, %error,
                touchpoint = %TouchpointId(timer.owner), "claim failed; postponed for an hour"),
        }
        drop(tx);
        let mut tx = self.store.begin(&shards).await?;
        let later = self.clocks.wall.now().plus(POSTPONED);
        let due = tx.armable(Timeline::Wall, timer.shard, later);
        let later = Timer { due, key: POSTPONED_KEY, ..timer };
        tx.write(Writes { disarm: vec![timer], arm: vec![later], ..Writes::default() }).await?;
        tx.commit().await?;
        Ok(Vec::new())
    }

    /// Decides in the open transaction; a panic is a refusal.
    async fn decided(
        &self,
        tx: &mut S::Tx,
        ids: &[TouchpointId],
        fired: &[Timer],
        lanes: &mut Lanes,
    ) -> Result<Vec<Job>, Error> {
        let decision = AssertUnwindSafe(self.decide_on(tx, ids, fired, lanes)).catch_unwind().await;
        decision.unwrap_or_else(|_| Err(Error::Refused("the decision panicked".to_owned())))
    }

    async fn decide_on(
        &self,
        tx: &mut S::Tx,
        ids: &[TouchpointId],
        fired: &[Timer],
        lanes: &mut Lanes,
    ) -> Result<Vec<Job>, Error> {
        let mut turn = Turn::new(&self.options, &self.clocks);
        let mut cases = turn.load(tx, ids).await?;
        // A timer that is not the one of its row is left over: it goes, and nothing else happens.
        for timer in fired {
            let id = TouchpointId(timer.owner);
            let armed = cases.get(&id).map(|case| case.touchpoint.armed);
            if timer.key == POSTPONED_KEY || armed == Some(Some(timer.due)) {
                cases.entry(id).and_modify(crate::case::Case::fired);
            } else {
                cases.remove(&id);
            }
        }
        let (world, vendors, mut room) = (self.world(turn.wall), self.vendors(), lanes.room());
        let (mut jobs, mut decided) = (Vec::new(), Vec::with_capacity(cases.len()));
        for (id, mut case) in cases {
            let lane = case.lane();
            if !matches!(case.touchpoint.status, Status::Waiting | Status::Calling) {
                // Ended while it was in the queue.
                continue;
            }
            if room[lane as usize] == 0 {
                lanes.queue(lane, id);
                case.wake = Some(turn.wall.plus(QUEUED));
            } else if let Some(job) = case.decide(&mut turn, &world, &vendors) {
                room[lane as usize] -= 1;
                jobs.push(job);
            }
            decided.push(case);
        }
        turn.save(tx, decided, fired).await?;
        Ok(jobs)
    }
}
