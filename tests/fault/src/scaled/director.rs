//! Directs a run in rounds: a calm in which replicas are killed and stopped so that who takes over can be
//! measured, then a storm of kills; and watches it to its end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use afterglow_support::Dice;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::task::TaskTracker;

use super::QUIET;
use super::book::Harm;
use super::database;
use super::field::{Field, Gate, Kill};
use super::sender::SENDERS;
use super::victim::Victim;
use crate::watch::Watch;

/// How many kills a round has.
const KILLS_PER_ROUND: u64 = 33;

/// How long a round's deals take to come, if the product keeps up: the calm and as long again.
const ROUND: Duration = Duration::from_secs(100);

/// How long a deal has promises left. Deals come no faster than as many as may be open in this time, or all of
/// them would be won before the calm.
const LIFE: Duration = Duration::from_mins(1);

/// Of a round's deals, so many of 100 may come before the storm.
const CALM_PERCENT: u64 = 55;

/// After this everybody is busy: the first moments are due.
const WARM_UP: Duration = Duration::from_secs(10);

/// What begins within this time after a harm shows who takes over; it needs as long as the harm's bound to show.
const SHOWS: Duration = Duration::from_secs(5);
const KILLED_CALM: Duration = Duration::from_secs(15);
const STOPPED_CALM: Duration = Duration::from_secs(21);

/// How long replicas are stopped.
const STOPPED: Duration = Duration::from_mins(1);

/// A kill that follows an answer comes within this time.
const AFTER_ANSWER_MS: u64 = 30;

/// One at a random moment within this: long enough for a day's moments to go out.
const AT_RANDOM_MS: u64 = 3_000;

/// How often the book says that the run is alive.
pub(super) const TALLY_INTERVAL: Duration = Duration::from_secs(5);

/// How often somebody who waits is told.
const SAY_INTERVAL: Duration = Duration::from_mins(1);

/// How often the topics are looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Whoever directs a run.
pub(super) struct Director {
    pub(super) field: Arc<Field>,
    pub(super) watch: Watch,
    pub(super) say: fn(&str),
}

impl Director {
    /// From the first deal to the last promise.
    pub(super) async fn direct(&mut self) {
        let tasks = TaskTracker::new();
        let mut under_way: Vec<_> = (0..SENDERS).map(|_| tasks.spawn(self.field.clone().send())).collect();
        under_way.push(tasks.spawn(self.field.clone().rounds()));
        let (mut noted, mut said) = (Instant::now(), Instant::now());
        let (mut moved, mut state) = (Instant::now(), self.state());
        let mut deadline = None;
        loop {
            self.look().await;
            let (over, rest): (Vec<_>, Vec<_>) =
                under_way.into_iter().partition(tokio::task::JoinHandle::is_finished);
            under_way = rest;
            for task in over {
                task.await.expect("who sends and who kills do their work");
            }
            if noted.elapsed() >= TALLY_INTERVAL {
                noted = Instant::now();
                self.field.book.note_tally(self.field.world.now(), self.field.tally());
            }
            if said.elapsed() >= SAY_INTERVAL {
                said = Instant::now();
                self.tell();
            }
            if state != self.state() {
                (moved, state) = (Instant::now(), self.state());
            }
            let stuck = !under_way.is_empty() && moved.elapsed() > QUIET;
            if stuck {
                (self.say)(&format!("nothing was accepted, ended or killed in {QUIET:?}: given up"));
                under_way.iter().for_each(tokio::task::JoinHandle::abort);
            }
            let done = under_way.is_empty()
                && self.is_quiet(*deadline.get_or_insert_with(|| Instant::now() + QUIET)).await;
            if stuck || done {
                self.field.book.note_tally(self.field.world.now(), self.field.tally());
                return;
            }
            sleep(LOOK).await;
        }
    }

    async fn look(&mut self) {
        let fresh = self.watch.fresh().await;
        // Asked for after the records, so that none of a window is missed.
        self.watch.waits.keep(self.field.book.watched());
        self.watch.fold(&fresh);
        self.field.ended.send_replace(self.watch.deals_ended);
    }

    /// What changes as long as a run goes on: deals accepted, deals ended, kills.
    fn state(&self) -> (u64, u64, u64) {
        let book = &self.field.book;
        (book.accepted_count(), self.watch.deals_ended, book.kills_count())
    }

    /// Whether nothing will change any more, and everything was read.
    async fn is_quiet(&mut self, deadline: Instant) -> bool {
        let accepted = self.field.book.accepted();
        let mut quiet = self.watch.is_quiet(&accepted);
        // A task that an end has caused may be published after it.
        if quiet {
            quiet = database::all_published(&self.field.cluster).await;
            self.watch.catch_up().await;
            quiet &= self.watch.is_quiet(&accepted);
        }
        // What never ends is for the checker to name.
        if !quiet && Instant::now() > deadline {
            let left = match self.watch.open(&accepted).count() {
                0 => "not everything is concluded, published and read".to_owned(),
                open => format!("{open} deals have a promise that did not end"),
            };
            (self.say)(&format!("{left} after {QUIET:?}: given up"));
            return true;
        }
        quiet
    }

    fn tell(&self) {
        let (accepted, ended, kills) = self.state();
        (self.say)(&format!("{accepted} deals accepted, {ended} ended, {kills} kills"));
    }
}

impl Field {
    /// Round after round, until every deal was won and every kill spent.
    async fn rounds(self: Arc<Self>) {
        for (n, won_at) in self.book.begun() {
            self.world.sandbox.crm.put(crate::run::customer(n, won_at), won_at);
        }
        self.fleet.until_all_ready().await;
        loop {
            let (next, plan) = (self.book.next(), *self.book.plan());
            if next >= plan.deals {
                return;
            }
            let kills = plan.kills.saturating_sub(self.book.kills_count());
            let rounds = kills.div_ceil(KILLS_PER_ROUND).max(1);
            self.round(next, (plan.deals - next).div_ceil(rounds), kills.div_ceil(rounds)).await;
        }
    }

    async fn round(&self, from: u64, deals: u64, kills: u64) {
        let pace = pace(deals, self.book.plan().open);
        let before = self.book.kills_count();
        let calm = (deals * CALM_PERCENT).div_ceil(100);
        self.gate.send_replace(Gate { until: from + calm, pace, kills: Arc::default() });
        sleep(WARM_UP).await;
        self.kill_one_of_each_role().await;
        let stopped = Instant::now();
        self.stop_one_of_each_role().await;
        let next = self.book.next();
        let left = kills.saturating_sub(self.book.kills_count() - before);
        let storm = self.roll(|dice| storm(dice, next..from + deals, left));
        let rest = left - storm.len() as u64;
        self.gate.send_replace(Gate { until: from + deals, pace, kills: Arc::new(storm) });
        sleep_until(stopped + STOPPED).await;
        self.fleet.wake_second().await;
        for victim in self.roll(|dice| Victim::choose(usize::try_from(rest).unwrap(), dice)) {
            sleep(Duration::from_millis(self.roll(|dice| dice.below(AT_RANDOM_MS)))).await;
            self.kill(victim).await;
        }
        while self.book.accepted_count() < from + deals || self.book.kills_count() < before + kills {
            sleep(LOOK).await;
        }
        self.fleet.until_all_ready().await;
    }

    /// The other replicas go on with the work of those that are gone.
    async fn kill_one_of_each_role(&self) {
        self.fleet.kill_first().await;
        for role in Victim::ROLES {
            self.book.note_kill(role);
        }
        self.watch(Harm::Killed, KILLED_CALM).await;
        self.fleet.restart_first().await;
    }

    async fn stop_one_of_each_role(&self) {
        self.fleet.stop_second().await;
        self.watch(Harm::Stopped, STOPPED_CALM).await;
    }

    async fn watch(&self, harm: Harm, calm: Duration) {
        let now = self.world.now();
        let within = now..now.plus(SHOWS);
        self.book.watch(&within);
        sleep(calm).await;
        self.book.note_window(harm, &within);
    }
}

/// How long after one deal of a round the next is won.
fn pace(deals: u64, open: u64) -> Duration {
    let share = |time: Duration, of: u64| time / u32::try_from(of.max(1)).unwrap_or(u32::MAX);
    share(ROUND, deals).max(share(LIFE, open))
}

/// So many kills after the answers to some of the deals, half of them at once.
fn storm(dice: &mut Dice, deals: std::ops::Range<u64>, kills: u64) -> BTreeMap<u64, Kill> {
    let count = usize::try_from(kills.min(deals.end.saturating_sub(deals.start))).unwrap();
    let chosen = dice.choose(count, deals.end.saturating_sub(deals.start));
    let victims = Victim::choose(count, dice);
    let mut storm = BTreeMap::new();
    for (at, (deal, victim)) in chosen.into_iter().zip(victims).enumerate() {
        let within = if at.is_multiple_of(2) { AFTER_ANSWER_MS } else { AT_RANDOM_MS };
        let after = Duration::from_millis(dice.below(within));
        storm.insert(deals.start + deal, Kill { victim, after });
    }
    storm
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deals_come_no_faster_than_they_may_be_open() {
        assert_eq!(pace(100, 400), Duration::from_secs(1));
        assert_eq!(pace(3_000, 400), Duration::from_millis(150));
        assert_eq!(pace(3_000, 1_200), Duration::from_millis(50));
    }

    #[test]
    fn half_of_a_storm_follows_answers_at_once() {
        let storm = storm(&mut Dice::new(3), 100..200, 30);
        assert_eq!(storm.len(), 30);
        assert!(storm.keys().all(|deal| (100..200).contains(deal)));
        let at_once = Duration::from_millis(AFTER_ANSWER_MS);
        assert!(storm.values().filter(|kill| kill.after < at_once).count() >= 15);
        assert_eq!(super::storm(&mut Dice::new(3), 0..4, 30).len(), 4);
    }
}
