//! Money: what may be set aside, under the lowest cap that applies.
//!
//! Invariant: nothing is set aside that would lift reserved + spent above the cap. Only a deal that joins
//! an account with its money can, and then nothing more is set aside.

use afterglow_domain::{Currency, Money};
use afterglow_events::convert;
use jiff::tz::TimeZone;

use crate::ledger::{Budget, BudgetKey, DealLedger, Used};
use crate::touchpoint::{Reservation, ReservationState, Touchpoint};
use crate::turn::Turn;

impl Turn<'_> {
    /// The budget that a touchpoint's gift counts against, today.
    fn budget_key(&self, touchpoint: &Touchpoint, currency: Currency) -> BudgetKey {
        let of_deal = touchpoint.deal().and_then(|deal| self.account_of(&deal));
        BudgetKey {
            tenant: touchpoint.home.tenant(),
            account: of_deal.unwrap_or_else(|| touchpoint.budget_account()).to_owned(),
            year: self.journey.to_jiff().to_zoned(TimeZone::UTC).year(),
            currency,
        }
    }

    /// The lowest cap in the gift's currency. A cap in another currency says nothing about it, and
    /// where none is left nothing may be spent: there are no exchange rates here.
    fn cap(&self, touchpoint: &Touchpoint, currency: Currency) -> Option<Money> {
        let of_journey = convert::from_money(touchpoint.due.budget_cap.as_ref());
        let caps = [of_journey, Some(self.options.budget_cap)];
        caps.into_iter().flatten().filter(|cap| cap.currency == currency).min_by_key(|cap| cap.minor)
    }

    /// Whether the touchpoint's gift fits; both answers say the numbers.
    pub(crate) fn room(&self, touchpoint: &Touchpoint) -> Result<String, String> {
        let Some(worth) = touchpoint.worth() else { return Err("the gift has no worth".to_owned()) };
        let key = self.budget_key(touchpoint, worth.currency);
        let Some(cap) = self.cap(touchpoint, worth.currency) else {
            return Err(format!("there is no budget in {}", worth.currency));
        };
        if touchpoint.state.reservation.as_ref().is_some_and(|r| r.state == ReservationState::Reserved) {
            return Ok(format!("{worth} set aside"));
        }
        let used = self.budgets.get(&key).map_or(0, Budget::used_minor);
        let used_text = Money::new(used, worth.currency);
        if used.saturating_add(worth.minor) <= cap.minor {
            Ok(format!("{used_text} of {cap} used"))
        } else {
            Err(format!("over the budget: {used_text} of {cap} used in {}, the gift is {worth}", key.year))
        }
    }

    /// Sets the gift's worth aside; only after [`Turn::room`] said yes. Once per touchpoint.
    pub(crate) fn reserve(&mut self, touchpoint: &mut Touchpoint) {
        let Some(worth) = touchpoint.worth() else { return };
        let reserved = |r: &Reservation| r.state == ReservationState::Reserved;
        if touchpoint.state.reservation.as_ref().is_some_and(reserved) {
            return;
        }
        let (deal, key) = (touchpoint.deal(), self.budget_key(touchpoint, worth.currency));
        if let Some(deal) = &deal {
            self.deals.entry(deal.clone()).or_insert_with(|| DealLedger::empty(deal.clone(), &key.account));
        }
        let cap_minor = self.cap(touchpoint, worth.currency).map_or(0, |cap| cap.minor);
        let budget = self.budget(key.clone());
        (budget.cap_minor, budget.joined_minor) = (cap_minor, 0);
        let state = ReservationState::Reserved;
        let reservation = Reservation { budget: key, deal, amount: worth, state };
        self.put_in(&reservation);
        touchpoint.state.reservation = Some(reservation);
    }

    /// Books a reservation, as what it is, in the deal's ledger and in the budget of the deal's account.
    pub(crate) fn put_in(&mut self, reservation: &Reservation) {
        self.book(reservation, 1);
    }

    /// Takes a reservation out of both, before its state changes.
    pub(crate) fn take_out(&mut self, reservation: &Reservation) {
        self.book(reservation, -1);
    }

    fn book(&mut self, reservation: &Reservation, sign: i64) {
        let minor = sign * reservation.amount.minor;
        let (reserved_minor, spent_minor) = match reservation.state {
            ReservationState::Reserved => (minor, 0),
            ReservationState::Spent => (0, minor),
            ReservationState::Released => return,
        };
        let BudgetKey { tenant, account, year, currency } = reservation.budget.clone();
        let used = Used { year, currency, reserved_minor, spent_minor };
        let account = reservation.deal.as_ref().and_then(|deal| self.book_for(deal, used)).unwrap_or(account);
        self.budget(BudgetKey { tenant, account, year, currency }).add(used);
    }

    /// The row of a budget, about to be changed.
    pub(crate) fn budget(&mut self, key: BudgetKey) -> &mut Budget {
        self.budgets_changed.insert(key.clone());
        self.budgets.entry(key.clone()).or_insert_with(|| Budget::empty(key))
    }
}

impl Budget {
    /// Adds a deal's amounts, which may be negative.
    pub(crate) fn add(&mut self, more: Used) {
        self.reserved_minor += more.reserved_minor;
        self.spent_minor += more.spent_minor;
    }
}
