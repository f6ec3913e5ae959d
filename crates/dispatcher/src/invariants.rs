//! What must hold of the ledgers at any time between two transactions; for tests and simulations.

use std::collections::BTreeMap;

use afterglow_domain::{AttemptId, Currency, DealRef, Timestamp, TouchpointId};
use afterglow_durable::{Error, ShardSet, Store};

use crate::attempt::{Attempt, AttemptState};
use crate::ledger::{Budget, BudgetKey, DealLedger, Used};
use crate::store::memory::Tables;
#[cfg(any(test, feature = "conformance"))]
use crate::store::postgres;
use crate::store::{DispatcherTx, sqlite};
use crate::touchpoint::{Reservation, ReservationState, Status, Step, Touchpoint};

/// Everything that the dispatcher has stored.
#[derive(Debug, Clone, Default)]
pub struct Ledgers {
    /// All touchpoints.
    pub touchpoints: Vec<Touchpoint>,
    /// All attempts.
    pub attempts: Vec<Attempt>,
    /// All ledgers of deals.
    pub deals: Vec<DealLedger>,
    /// All budgets.
    pub budgets: Vec<Budget>,
    /// All armed timers of the role: owner and due time.
    pub timers: Vec<(TouchpointId, Timestamp)>,
}

impl Ledgers {
    /// From the model's tables.
    pub fn of(tables: &Tables, timers: &[afterglow_durable::Timer]) -> Self {
        Self {
            touchpoints: tables.touchpoints.values().cloned().collect(),
            attempts: tables.attempts.values().cloned().collect(),
            deals: tables.deals.values().cloned().collect(),
            budgets: tables.budgets.values().cloned().collect(),
            timers: timers.iter().map(|timer| (TouchpointId(timer.owner), timer.due)).collect(),
        }
    }

    /// From a file's tables.
    pub async fn of_file(store: &sqlite::Store) -> Result<Self, Error> {
        let read = store.readers();
        let ids: Vec<Vec<u8>> = sqlx::query_scalar("select id from touchpoint").fetch_all(read).await?;
        let ids: Vec<_> = ids.iter().filter_map(|id| TouchpointId::from_slice(id)).collect();
        let attempts: Vec<Vec<u8>> = sqlx::query_scalar("select id from attempt").fetch_all(read).await?;
        let deals = sqlx::query(sqlite::DEAL).fetch_all(read).await?;
        let budgets = sqlx::query(sqlite::BUDGET).fetch_all(read).await?;
        let timers: Vec<(Vec<u8>, i64)> =
            sqlx::query_as("select owner, due_at from timer").fetch_all(read).await?;
        let mut tx = store.begin(&ShardSet::default()).await?;
        let mut ledgers = Self { touchpoints: tx.load_touchpoints(&ids).await?, ..Self::default() };
        for id in attempts.iter().filter_map(|id| AttemptId::from_slice(id)) {
            ledgers.attempts.extend(tx.load_attempt(id).await?);
        }
        ledgers.deals = deals.iter().map(sqlite::deal).collect::<Result<_, _>>()?;
        ledgers.budgets = budgets.iter().map(sqlite::budget).collect::<Result<_, _>>()?;
        let timer = |(owner, due): (Vec<u8>, i64)| Some((TouchpointId::from_slice(&owner)?, Timestamp(due)));
        ledgers.timers = timers.into_iter().filter_map(timer).collect();
        Ok(ledgers)
    }

    /// From a schema's tables.
    #[cfg(any(test, feature = "conformance"))]
    pub async fn of_schema(store: &postgres::Store) -> Result<Self, Error> {
        postgres::all(store).await
    }

    /// Every breach, in words; none is right.
    pub fn breaches(&self) -> Vec<String> {
        let mut breaches = self.money();
        for touchpoint in &self.touchpoints {
            breaches.extend(self.timer(touchpoint));
            breaches.extend(self.steps(touchpoint));
            breaches.extend(Self::end(touchpoint));
        }
        breaches
    }

    /// Design §7, 11: the budgets are the sums of their reservations, wherever their deals are today, and
    /// within their caps or what was there when a deal joined.
    fn money(&self) -> Vec<String> {
        let mut sums: BTreeMap<BudgetKey, (i64, i64)> = BTreeMap::new();
        for reservation in self.touchpoints.iter().filter_map(|t| t.state.reservation.as_ref()) {
            let account =
                reservation.deal.as_ref().and_then(|deal| self.root(deal)).map(|l| l.account.clone());
            let account = account.unwrap_or_else(|| reservation.budget.account.clone());
            let sum = sums.entry(BudgetKey { account, ..reservation.budget.clone() }).or_default();
            add(sum, reservation);
        }
        let mut breaches = self.shares();
        for budget in &self.budgets {
            let sum = sums.remove(&budget.key).unwrap_or_default();
            if sum != (budget.reserved_minor, budget.spent_minor) {
                breaches.push(format!("{budget:?} is not the sum of its reservations {sum:?}"));
            }
            let most = budget.cap_minor.max(budget.joined_minor);
            if budget.used_minor() > most || budget.reserved_minor < 0 || budget.spent_minor < 0 {
                breaches.push(format!("{budget:?} is out of its bounds"));
            }
        }
        breaches.extend(sums.into_keys().map(|key| format!("{key:?} has reservations and no budget")));
        breaches
    }

    /// Each deal's ledger is the sum of its reservations and of those of the deals that became it.
    fn shares(&self) -> Vec<String> {
        let mut sums: BTreeMap<(&DealRef, i16, Currency), (i64, i64)> = BTreeMap::new();
        for reservation in self.touchpoints.iter().filter_map(|t| t.state.reservation.as_ref()) {
            let Some(ledger) = reservation.deal.as_ref().and_then(|deal| self.root(deal)) else { continue };
            let key = (&ledger.deal, reservation.budget.year, reservation.budget.currency);
            add(sums.entry(key).or_default(), reservation);
        }
        let mut breaches = Vec::new();
        for ledger in &self.deals {
            for Used { year, currency, reserved_minor, spent_minor } in &ledger.used {
                let sum = sums.remove(&(&ledger.deal, *year, *currency)).unwrap_or_default();
                if sum != (*reserved_minor, *spent_minor) {
                    breaches.push(format!("{ledger:?} is not the sum of its reservations {sum:?}"));
                }
            }
        }
        breaches.extend(sums.into_keys().map(|key| format!("{key:?} has reservations and no ledger")));
        breaches
    }

    fn root(&self, deal: &DealRef) -> Option<&DealLedger> {
        let ledger = self.deals.iter().find(|ledger| ledger.deal == *deal)?;
        ledger.merged_into.as_ref().map_or(Some(ledger), |into| self.root(into))
    }

    /// Design §7, 4: who waits has exactly the timer that its row names, nobody else has one.
    fn timer(&self, touchpoint: &Touchpoint) -> Option<String> {
        let armed: Vec<Timestamp> =
            self.timers.iter().filter(|(owner, _)| *owner == touchpoint.id).map(|(_, due)| *due).collect();
        let waits = matches!(touchpoint.status, Status::Waiting | Status::Calling);
        let right =
            armed == touchpoint.armed.into_iter().collect::<Vec<_>>() && waits == touchpoint.armed.is_some();
        let status = touchpoint.status.as_str();
        (!right).then(|| {
            format!(
                "{} is {status}, its row names {:?}, armed are {armed:?}",
                touchpoint.id, touchpoint.armed
            )
        })
    }

    /// Design §7, 6: each ledger step acts at most once as far as we know, and the state fits it.
    fn steps(&self, touchpoint: &Touchpoint) -> Vec<String> {
        let mut breaches = Vec::new();
        let of_it: Vec<&Attempt> = self.attempts.iter().filter(|a| a.touchpoint == touchpoint.id).collect();
        for step in [Step::Order, Step::Notify] {
            let acted = of_it.iter().filter(|attempt| attempt.step == step && attempt.state.acted()).count();
            if acted > 1 {
                breaches.push(format!("{} acted {acted} times in step {}", touchpoint.id, step.as_str()));
            }
        }
        let open = |a: &&&Attempt| {
            matches!(a.state, AttemptState::Claimed | AttemptState::InFlight | AttemptState::Unknown)
        };
        let open = of_it.iter().filter(open).count();
        if open != usize::from(touchpoint.status == Status::Calling) {
            breaches.push(format!(
                "{} is {} with {open} open attempts",
                touchpoint.id,
                touchpoint.status.as_str()
            ));
        }
        breaches.extend(
            of_it.iter().filter(|a| !bytes_fit(touchpoint, a, &of_it)).map(|a| {
                format!("attempt {} of {} has {} bytes", a.n, touchpoint.id, a.request.expose().len())
            }),
        );
        let ordered = of_it.iter().any(|a| a.step == Step::Order && a.state.acted());
        if touchpoint.is_gift_ordered() && !ordered {
            breaches.push(format!("{} has spent money and no order", touchpoint.id));
        }
        let delivered = touchpoint.state.conclusion.as_ref().is_none_or(|end| end.outcome == "delivered");
        let seen = |a: &&Attempt| a.step == Step::Notify && !a.state.did_not_act() || a.state.was_resolved();
        if touchpoint.is_gift_ordered() && !delivered && !of_it.iter().copied().any(|a| seen(&a)) {
            breaches.push(format!("{} has lost its gift and no person sees it", touchpoint.id));
        }
        breaches
    }

    /// Design §7, 8: done means concluded, once; nothing stays set aside for what is done.
    fn end(touchpoint: &Touchpoint) -> Option<String> {
        let done = touchpoint.status == Status::Concluded;
        let reserved =
            touchpoint.state.reservation.as_ref().is_some_and(|r| r.state == ReservationState::Reserved);
        let right = done == touchpoint.state.conclusion.is_some() && !(done && reserved);
        (!right).then(|| {
            format!("{} is {} with {:?}", touchpoint.id, touchpoint.status.as_str(), touchpoint.state)
        })
    }
}

/// An attempt has its bytes, unless a later one of its step took them over. None were made for the mail of
/// a gift that could not be handed over, and those of what is long over are removed.
fn bytes_fit(touchpoint: &Touchpoint, attempt: &Attempt, all: &[&Attempt]) -> bool {
    let unmade = attempt.step == Step::Notify && attempt.envelope.is_none();
    if unmade || touchpoint.state.details_removed.is_some() {
        return attempt.request.expose().is_empty();
    }
    let later = all.iter().any(|other| other.step == attempt.step && other.n > attempt.n);
    attempt.request.expose().is_empty() == later
}

fn add((reserved, spent): &mut (i64, i64), reservation: &Reservation) {
    match reservation.state {
        ReservationState::Reserved => *reserved += reservation.amount.minor,
        ReservationState::Spent => *spent += reservation.amount.minor,
        ReservationState::Released => {}
    }
}
