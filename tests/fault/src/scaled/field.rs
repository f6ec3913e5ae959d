//! Where it all happens: what senders, kills and the one who directs them share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex as Plain, PoisonError};
use std::time::Duration;

use afterglow_support::{Cluster, Dice, World};
use tokio::sync::{Mutex, watch};
use tokio::time::Instant;

use super::book::{Book, Tally};
use super::fleet::Fleet;
use super::sender::Queue;
use super::servers::Servers;
use super::victim::Victim;
use crate::plan::Plan;

/// A run under way.
pub(super) struct Field {
    pub(super) world: Arc<World>,
    pub(super) cluster: Cluster,
    pub(super) book: Book,
    pub(super) fleet: Fleet,
    pub(super) gate: watch::Sender<Gate>,
    /// How many deals have no promise left.
    pub(super) ended: watch::Sender<u64>,
    pub(super) queue: Mutex<Queue>,
    servers: Servers,
    dice: Plain<Dice>,
    began: Instant,
}

/// What senders may do now.
#[derive(Clone, Default)]
pub(super) struct Gate {
    /// Deals up to this number may be won.
    pub(super) until: u64,
    /// How long after one deal the next is won.
    pub(super) pace: Duration,
    /// After which deals' answers somebody dies.
    pub(super) kills: Arc<BTreeMap<u64, Kill>>,
}

/// A kill to come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kill {
    /// Whose.
    pub(super) victim: Victim,
    /// How long after the answer.
    pub(super) after: Duration,
}

impl Field {
    pub(super) fn new(
        world: Arc<World>,
        plan: &Plan,
        book: Book,
        fleet: Fleet,
        servers: Servers,
    ) -> Arc<Self> {
        // A run that goes on does not repeat the same kills.
        let dice = Dice::new(plan.seed.wrapping_add(book.kills_count()));
        Arc::new(Self {
            world,
            cluster: servers.cluster().clone(),
            gate: watch::Sender::new(Gate::default()),
            ended: watch::Sender::new(0),
            queue: Mutex::new(Queue::of(&book)),
            book,
            fleet,
            servers,
            dice: Plain::new(dice),
            began: Instant::now(),
        })
    }

    /// SIGKILL, and a new start at once.
    pub(super) async fn kill(&self, victim: Victim) {
        match victim {
            Victim::Broker => self.servers.kill_broker().await,
            Victim::Database => self.servers.kill_database().await,
            role => self.fleet.kill(role, self.roll(Dice::roll)).await,
        }
        self.book.note_kill(victim);
    }

    pub(super) fn roll<T>(&self, roll: impl FnOnce(&mut Dice) -> T) -> T {
        roll(&mut self.dice.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What this session has counted so far.
    pub(super) fn tally(&self) -> Tally {
        Tally { seconds: self.began.elapsed().as_secs(), lost: self.world.sandbox.gifts.lost() }
    }

    /// Everybody drains; whether they did.
    pub(super) async fn end(&self) -> bool {
        self.fleet.end().await
    }
}
