//! The dispatcher and its loop: claims, calls, records.
//!
//! Two parts run side by side: one claims, one calls and records, so that a call's record never waits
//! behind a claim that waits for it. Calls are bounded per kind of vendor: one that hangs delays no other.

use std::time::Duration;

use afterglow_domain::{Clocks, Disposition};
use afterglow_durable::turns::until_due;
use afterglow_durable::{Error, ShardSet, Store, Timeline, Trouble, Tx as _, answered};
use afterglow_providers::{Class, GiftVendor, Lookup, Mailer, OrderStatus, Ordered, Outcome, Replay};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

use crate::claim::Lanes;
use crate::events::merged;
use crate::gate::{Gates, Lane};
use crate::job::{Answer, Call, Job};
use crate::lag::SignalsLag;
use crate::options::Options;
use crate::settle::Terms;
use crate::store::DispatcherTx;
use crate::turn::Turn;
use crate::{codes, metric};

/// Pause after the store failed.
const PAUSE: Duration = Duration::from_millis(500);

/// How much longer than its own timeout a call may take before it is given up here.
const OVERTIME: Duration = Duration::from_secs(1);

/// The role: its store, its vendors, its settings.
pub struct Dispatcher<S, G, M> {
    pub(crate) store: S,
    pub(crate) gifts: Option<G>,
    pub(crate) mailer: Option<M>,
    pub(crate) options: Options,
    pub(crate) clocks: Clocks,
    pub(crate) lag: SignalsLag,
    pub(crate) gates: Gates,
}

impl<S, G, M> Dispatcher<S, G, M> {
    /// A dispatcher. Without a gift vendor or a mail server its touchpoints wait until their deadline.
    pub fn new(
        store: S,
        vendors: (Option<G>, Option<M>),
        options: Options,
        clocks: Clocks,
        lag: SignalsLag,
    ) -> Self {
        let (gifts, mailer) = vendors;
        Self { store, gifts, mailer, options, clocks, lag, gates: Gates::default() }
    }
}

impl<S, G, M> Dispatcher<S, G, M>
where
    S: Store,
    S::Tx: DispatcherTx,
    G: GiftVendor + 'static,
    M: Mailer + 'static,
{
    /// Claims and calls until `stop`; calls under way are finished first.
    pub async fn run_claims(&self, stop: CancellationToken) {
        let (jobs_in, jobs_out) = unbounded_channel();
        let (done_in, done_out) = unbounded_channel();
        tokio::join!(self.claims(jobs_in, done_out, stop), self.calls(jobs_out, done_in));
    }

    /// One page of claims with their calls, one after another: for simulations. How many were due.
    pub async fn claim_once(&self) -> Result<usize, Error> {
        let mut lanes = Lanes::new(usize::MAX);
        let Some((due, jobs)) = self.claim_due(&mut lanes).await? else { return Ok(0) };
        for job in jobs {
            self.perform(job).await;
        }
        Ok(due)
    }

    async fn claims(
        &self,
        jobs: UnboundedSender<Job>,
        mut done: UnboundedReceiver<Lane>,
        stop: CancellationToken,
    ) {
        let changed = self.store.changed();
        let alarm = changed.alarm(Timeline::Wall);
        let mut lanes = Lanes::new(self.options.concurrency);
        let trouble = Trouble::new(crate::ROLE, "claims", "");
        while !stop.is_cancelled() {
            let signal = alarm.armed();
            let claimed = answered(&self.store, self.claim_more(&mut lanes)).await;
            trouble.tell(claimed.as_ref().err().map(ToString::to_string).as_deref());
            let sleep = match claimed {
                Ok(Some(claimed)) => {
                    for job in claimed {
                        lanes.started(job.lane());
                        // The receiver lives as long as this loop: `calls` ends only when we drop `jobs`.
                        let _sent = jobs.send(job);
                    }
                    Duration::ZERO
                }
                Ok(None) => {
                    let wall = &self.clocks.wall;
                    until_due(&self.store, Timeline::Wall, |due| due.since(wall.now())).await
                }
                Err(_) => PAUSE,
            };
            while let Ok(lane) = done.try_recv() {
                lanes.done(lane);
            }
            if sleep.is_zero() {
                tokio::task::yield_now().await;
                continue;
            }
            tokio::select! {
                () = signal => {}
                () = tokio::time::sleep(sleep) => {}
                Some(lane) = done.recv() => lanes.done(lane),
                () = stop.cancelled() => {}
            }
        }
    }

    /// Those who waited for a free call first, then a page of what is due.
    async fn claim_more(&self, lanes: &mut Lanes) -> Result<Option<Vec<Job>>, Error> {
        match lanes.pop() {
            Some(id) => self.claim_queued(id, lanes).await.map(Some),
            None => Ok(self.claim_due(lanes).await?.map(|(_, jobs)| jobs)),
        }
    }

    async fn calls(&self, mut jobs: UnboundedReceiver<Job>, done: UnboundedSender<Lane>) {
        let mut running = FuturesUnordered::new();
        let mut open = true;
        while open || !running.is_empty() {
            tokio::select! {
                job = jobs.recv(), if open => match job {
                    Some(job) => running.push(self.perform(job)),
                    None => open = false,
                },
                Some(lane) = running.next(), if !running.is_empty() => {
                    // Nobody counts any more once the claiming part has stopped.
                    let _counted = done.send(lane);
                }
            }
        }
    }

    /// Calls, records, and looks up at once what nobody heard the end of.
    pub(crate) async fn perform(&self, mut job: Job) -> Lane {
        let lane = job.lane();
        loop {
            let mut span = job.span();
            let answer = self.call(&job).await;
            let (step, result) = answer.labels();
            span.tell("afterglow.result", || result);
            if !matches!(result, "accepted" | "found") {
                span.failed(result);
            }
            drop(span);
            let name = if step == "look_up" { metric::LOOKUPS } else { metric::CALLS };
            metrics::counter!(name, "step" => step, "result" => result).increment(1);
            self.watch(lane, &answer);
            match self.record(&job, answer).await {
                Some(next) => job = next,
                None => return lane,
            }
        }
    }

    async fn call(&self, job: &Job) -> Answer {
        let nobody = "no vendor is configured that could be asked";
        match (&job.call, &self.gifts, &self.mailer) {
            (Call::Order(bytes), Some(gifts), _) => {
                let call = tokio::time::timeout(gifts.call_timeout() + OVERTIME, gifts.order(bytes.expose()));
                Answer::Ordered(call.await.unwrap_or_else(|_| given_up(gifts.name())))
            }
            (Call::Mail(envelope, bytes), _, Some(mailer)) => {
                let call = mailer.send(envelope, bytes.expose(), self.leave(job, mailer.call_timeout()));
                let call = tokio::time::timeout(mailer.call_timeout() + OVERTIME, call);
                Answer::Mailed(call.await.unwrap_or_else(|_| given_up("smtp")))
            }
            (Call::LookUp, Some(gifts), _) => {
                Answer::LookedUp(gifts.lookup(&job.touchpoint.to_string()).await)
            }
            (Call::Link(known), Some(gifts), _) => {
                Answer::Linked(link(gifts, &job.touchpoint.to_string(), known.as_ref()).await)
            }
            (Call::Order(_), None, _) => Answer::Ordered(Outcome::Unknown { reason: nobody.to_owned() }),
            (Call::Mail(..), _, None) => Answer::Mailed(Outcome::Unknown { reason: nobody.to_owned() }),
            (Call::LookUp, None, _) => Answer::LookedUp(Lookup::Unavailable { reason: nobody.to_owned() }),
            (Call::Link(_), None, _) => Answer::Linked(Lookup::Unavailable { reason: nobody.to_owned() }),
        }
    }

    /// Pauses a vendor that refuses every call, and opens it again when it takes one.
    fn watch(&self, lane: Lane, answer: &Answer) {
        let (class, reason) = match answer {
            Answer::Ordered(Outcome::Rejected(rejection)) | Answer::Mailed(Outcome::Rejected(rejection)) => {
                (rejection.class, rejection.reason.as_str())
            }
            Answer::Ordered(Outcome::Accepted(_)) | Answer::Mailed(Outcome::Accepted(_)) => {
                return self.gates.open(lane);
            }
            _ => return,
        };
        if matches!(class, Class::NoFunds | Class::Configuration) {
            self.gates.close(lane, class, reason, self.clocks.wall.now());
        }
    }

    /// Records an answer, patiently: a lost one costs a look-up, and of a mail the certainty.
    async fn record(&self, job: &Job, answer: Answer) -> Option<Job> {
        let mut tries = 1;
        loop {
            let error = match answered(&self.store, self.record_once(job, answer.clone())).await {
                Ok(next) => return next,
                Err(error) => error,
            };
            if error.disposition() != Disposition::Retry || tries >= self.options.settle_tries {
                tracing::error!(code = codes::NOT_RECORDED, %error, touchpoint = %job.touchpoint,
                    "a vendor's answer is not recorded; it is treated as unknown");
                return None;
            }
            tracing::warn!(%error, touchpoint = %job.touchpoint, "recording a vendor's answer again");
            tokio::time::sleep(PAUSE * tries).await;
            tries += 1;
        }
    }

    async fn record_once(&self, job: &Job, answer: Answer) -> Result<Option<Job>, Error> {
        let mut tx = self.store.begin(&ShardSet::new([job.shard])).await?;
        let mut turn = Turn::new(&self.options, &self.clocks);
        let mut cases = turn.load(&mut tx, &[job.touchpoint]).await?;
        let Some(mut case) = cases.remove(&job.touchpoint) else { return Ok(None) };
        let replay = self.gifts.as_ref().map_or(Replay::AskAPerson, GiftVendor::replay);
        let next =
            case.settle(&mut turn, job.attempt, answer, Terms { replay, lease: self.vendors().lease() });
        turn.save(&mut tx, vec![case], &[]).await?;
        tx.commit().await?;
        Ok(next)
    }
}

fn given_up<T>(vendor: &str) -> Outcome<T> {
    Outcome::Unknown { reason: format!("{vendor}: no answer within the longest time a call may take") }
}

/// The order with its link, asked for without ever making a new order.
async fn link(gifts: &impl GiftVendor, external_id: &str, known: Option<&Ordered>) -> Lookup<Ordered> {
    let order = match known.filter(|order| order.status == OrderStatus::Executed) {
        Some(order) => order.clone(),
        None => match gifts.lookup(external_id).await {
            Lookup::Found(order) => merged(known, order),
            other => return other,
        },
    };
    if order.status != OrderStatus::Executed || order.link.is_some() {
        return Lookup::Found(order);
    }
    match gifts.link(&order).await {
        Lookup::Found(link) => Lookup::Found(Ordered { link: Some(link), ..order }),
        Lookup::NotFound => Lookup::NotFound,
        Lookup::Unavailable { reason } => Lookup::Unavailable { reason },
    }
}
