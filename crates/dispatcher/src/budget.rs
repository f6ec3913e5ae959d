//! Money: what may be set aside, under the lowest cap that applies.
//!
//! Invariant: reserved + spent never exceeds the cap under which the last amount was set aside.

use afterglow_domain::{Currency, Money};
use afterglow_events::convert;
use jiff::tz::TimeZone;

use crate::ledger::{Budget, BudgetKey};
use crate::touchpoint::{Reservation, ReservationState, Touchpoint};
use crate::turn::Turn;

impl Turn<'_> {
    /// The budget that a touchpoint's gift counts against, today.
    pub(crate) fn budget_key(&self, touchpoint: &Touchpoint, currency: Currency) -> BudgetKey {
        BudgetKey {
            tenant: touchpoint.home.tenant(),
            account: touchpoint.budget_account().to_owned(),
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
        let key = self.budget_key(touchpoint, worth.currency);
        let cap_minor = self.cap(touchpoint, worth.currency).map_or(0, |cap| cap.minor);
        let budget = self.budgets.entry(key.clone()).or_insert_with(|| Budget::empty(key.clone()));
        budget.reserved_minor += worth.minor;
        budget.cap_minor = cap_minor;
        self.budgets_changed.insert(key.clone());
        touchpoint.state.reservation =
            Some(Reservation { budget: key, amount: worth, state: ReservationState::Reserved });
    }

    /// Moves an amount within its budget.
    pub(crate) fn move_money(
        &mut self,
        key: &BudgetKey,
        minor: i64,
        (from, to): (ReservationState, ReservationState),
    ) {
        let budget = self.budgets.entry(key.clone()).or_insert_with(|| Budget::empty(key.clone()));
        for (state, sign) in [(from, -1), (to, 1)] {
            match state {
                ReservationState::Reserved => budget.reserved_minor += sign * minor,
                ReservationState::Spent => budget.spent_minor += sign * minor,
                ReservationState::Released => {}
            }
        }
        self.budgets_changed.insert(key.clone());
    }
}
