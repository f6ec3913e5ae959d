//! The product, its neighbours and the clock, moved by operations.
//!
//! After every operation the invariants that must hold at any time are looked at; what is broken is
//! collected, with the operation that broke it.

mod edge;
mod rest;
mod steps;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use afterglow_domain::clock::ManualClock;
use afterglow_domain::{Clock, Clocks, Timestamp, TouchpointId};
use afterglow_events::{Append, Record};
use afterglow_journey_engine::publish::publish;

use crate::crm::{Crm, Ids, deal_ref};
use crate::ground::{Fates, Ground, START, all};
use crate::journeys::journeys;
use crate::log::Line;
use crate::op::{DEALS, Mood, Op, Role};
use crate::roles::{Around, Roles, fits, tenant};
use crate::sabotage::Sabotage;
use crate::vendors::Vendors;

/// How a world is made.
#[derive(Debug, Clone, Copy, Default)]
pub struct Setup {
    /// Of the vendors' moods.
    pub seed: u64,
    /// Keys lie on shards of several classes; else of one, so that the order in which classes are served,
    /// which is a matter of chance on a server, decides nothing.
    pub spread: bool,
    /// What is broken on purpose.
    pub sabotage: Sabotage,
}

/// The world.
pub struct World<G: Ground> {
    pub(crate) ground: G,
    pub(crate) roles: Roles<G>,
    pub(crate) around: Around,
    pub(crate) watch: Watch,
    line: Line<G::Log>,
    clock: ManualClock,
    fates: Fates,
    wording: u8,
}

/// What was seen so far.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// Every event that a role committed, by its sequence in the outbox.
    pub(crate) committed: [BTreeMap<i64, Record>; 3],
    /// The bodies of webhooks that the edge said yes to.
    pub(crate) accepted: Vec<String>,
    /// Every touchpoint that the engine made.
    pub(crate) touchpoints: BTreeSet<TouchpointId>,
    /// Those of them that ask or tell the owner something. They promise nothing, so they are told once and
    /// not asked for again.
    pub(crate) questions: BTreeSet<TouchpointId>,
    /// What does not hold.
    pub(crate) problems: Vec<String>,
    /// The operation under way.
    now: String,
}

impl Watch {
    pub(crate) fn problem(&mut self, what: impl std::fmt::Display) {
        let problem = format!("{}: {what}", self.now);
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    pub(crate) fn problems(&mut self, what: Vec<String>) {
        for what in what {
            self.problem(what);
        }
    }
}

impl<G: Ground> World<G> {
    /// A world at its beginning: `ground` makes what the product stands on.
    pub async fn new(setup: Setup, ground: impl AsyncFnOnce(&Fates, Arc<dyn Clock>) -> G) -> Self {
        let (clock, fates) = (ManualClock::new(START), Fates::default());
        let ground = ground(&fates, Arc::new(clock.clone())).await;
        let line = Line::new(ground.log(), setup.sabotage);
        let around = Around {
            clocks: Clocks::same(Arc::new(clock.clone())),
            crm: Crm::new(ids(setup.spread), START),
            vendors: Vendors::new(setup.seed, setup.sabotage),
            ids: Arc::default(),
            spread: setup.spread,
        };
        let roles = Roles::start(&ground, &line, &around);
        let watch = Watch::default();
        let mut world = Self { ground, roles, around, watch, line, clock, fates, wording: 0 };
        world.publish().await;
        world
    }

    /// One operation, and a look at what must always hold.
    pub async fn apply(&mut self, index: usize, op: Op) {
        self.watch.now = format!("{index} {op:?}");
        self.happen(op).await;
        self.look_at_tables().await;
    }

    /// What the roles' own checkers find.
    pub(crate) async fn look_at_tables(&mut self) {
        let breaches = self.ground.breaches().await;
        self.watch.problems(breaches);
    }

    async fn happen(&mut self, op: Op) {
        let (now, crm) = (self.now(), self.around.crm.clone());
        match op {
            Op::Move(deal, stage) => crm.advance(deal % DEALS, stage, now),
            Op::Amend(deal, edit) => crm.amend(deal % DEALS, edit, now),
            Op::Merge(loser, survivor) => crm.merge(loser % DEALS, survivor % DEALS, now),
            Op::Delete(deal) => crm.delete(deal % DEALS, now),
            Op::Restore(deal) => crm.restore(deal % DEALS, now),
            Op::Deliver(nth) => self.deliver(crm.waiting(nth).into_iter().collect()).await,
            Op::DeliverBatch(max) => self.deliver(crm.newest(max)).await,
            Op::DeliverAgain(nth) => self.deliver(crm.taken(nth).into_iter().collect()).await,
            Op::LoseWebhook(nth) => crm.waiting(nth).iter().for_each(|webhook| crm.lose(webhook)),
            Op::Forge => self.forge().await,
            Op::Garbage => self.garbage().await,
            Op::Unsubscribe(nth) => self.unsubscribe(nth).await,
            Op::Advance(seconds) => self.clock.advance(Duration::from_secs(seconds)),
            Op::JumpBack(seconds) => self.clock.set(now.minus(Duration::from_secs(seconds))),
            Op::Crash => self.crash().await,
            Op::Fault(role, skip, fault) => self.fates.arm(role, skip, fault),
            Op::Log(mood) => self.line.set_mood(mood),
            Op::Crm(mood) => crm.set_mood(mood),
            Op::Vendors(mood) => self.around.vendors.set_mood(mood),
            Op::Repeat(topic, nth) => {
                let records = all(&self.ground.source(), topic).await;
                if let Some(nth) = nth.checked_rem(records.len()) {
                    // Whoever repeats it is not behind the product's own line.
                    self.ground.log().append(vec![records[nth].record.clone()]).await;
                }
            }
            Op::Publish(wording) => {
                self.wording = wording;
                self.publish().await;
            }
            Op::Round => {
                self.round().await;
            }
            step => {
                self.step(step).await;
            }
        }
    }

    /// Every loop's step once, in the order in which news travel; whether anything happened.
    pub(crate) async fn round(&mut self) -> bool {
        let mut moved = false;
        for op in [
            Op::Hints,
            Op::Claim,
            Op::Read,
            Op::Settle,
            Op::Relay(Role::Ingest),
            Op::EngineRecords,
            Op::EngineTimers,
            Op::Relay(Role::Engine),
            Op::DispatcherRecords,
            Op::Claims,
            Op::Relay(Role::Dispatcher),
        ] {
            moved |= self.step(op).await;
        }
        moved
    }

    async fn crash(&mut self) {
        self.ground.reopen().await;
        self.line = self.line.to(self.ground.log());
        self.roles = Roles::start(&self.ground, &self.line, &self.around);
        self.publish().await;
    }

    /// What the program does at every start: an unchanged journey stays the version that it is.
    async fn publish(&mut self) {
        let published = publish(&self.ground.engine(), &tenant(), journeys(self.wording), self.now()).await;
        if let Err(error) = published {
            self.watch.problem(format!("the journeys are not published: {error}"));
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Everything outside behaves from now on.
    pub(crate) fn heal(&mut self) {
        self.fates.lift();
        self.line.set_mood(Mood::Well);
        self.around.crm.set_mood(Mood::Well);
        self.around.vendors.set_mood(Mood::Well);
    }
}

/// Ids whose keys lie where the setup wants them.
fn ids(spread: bool) -> Ids {
    let fits = |key: String| fits(spread, &key);
    let company = |id: &u64| fits(format!("acme/hubspot:33:{id}"));
    let deal = |id: &u64| {
        let home = deal_ref(*id).deal;
        fits(format!("acme/hub/deal/{id}")) && fits(format!("acme/{home}"))
    };
    Ids {
        deals: (1..).filter(deal).take(DEALS).collect(),
        companies: (9000..).filter(company).take(3).collect(),
    }
}
