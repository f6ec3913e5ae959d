//! What became of a touchpoint closes its promise, and may open the next occurrence.
//!
//! What it tells of an address is remembered before that, so that nothing more goes there (rule 8).

use std::time::Duration;

use afterglow_domain::{Channel, Timestamp};

use crate::calendar::plus_days;
use crate::effect::Outcome;
use crate::input::{DeliveryOutcome, Obstacle};
use crate::state::{Barred, Phase, Promise, State, Status};

use super::Run;

/// Delivered within a day of the planned time is on time (rule 3): until the next day's slot, for which
/// a moment may have to wait, and the time that its vendors then take to deliver it.
const DELIVERY_TAKES: Duration = Duration::from_hours(1);

/// A refused moment is tried again after so many days: what refuses (a cap, a suppression) seldom
/// changes overnight, and each try costs the dispatcher a look.
const REFUSED_PAUSE_DAYS: i32 = 3;

impl Run<'_> {
    /// Only the answer to the open occurrence counts; a repeated or outdated one changes nothing.
    pub(super) fn delivered(
        &mut self,
        state: &mut State,
        moment: &str,
        occurrence: u32,
        outcome: &DeliveryOutcome,
    ) {
        let Some(index) = state.promises.iter().position(|promise| {
            promise.moment == moment
                && promise.occurrence == occurrence
                && matches!(promise.status, Status::Emitted { .. })
        }) else {
            return;
        };
        match outcome {
            DeliveryOutcome::Delivered { at, without_gift } => {
                if without_gift.is_none() {
                    self.remember_gift(state, index);
                }
                let outcome = self.kept(&state.promises[index], *at, without_gift.clone());
                self.close(&mut state.promises[index], outcome, Status::Delivered);
            }
            DeliveryOutcome::Failed { reason, spent, obstacle } => {
                bar(state, index, *obstacle);
                if *spent {
                    self.report_lost_gift(state, index, reason);
                }
                let outcome = Outcome::Failed { reason: reason.clone() };
                let status = if *spent { Status::Spent } else { Status::Undelivered };
                self.close(&mut state.promises[index], outcome, status);
            }
            DeliveryOutcome::Refused { reason, obstacle } => {
                bar(state, index, *obstacle);
                self.refused(state, index, reason, obstacle.is_some());
            }
            DeliveryOutcome::Revoked => self.revoked(state, index),
        }
    }

    /// Rule 8: who received a gift is the recipient from then on.
    fn remember_gift(&self, state: &mut State, index: usize) {
        let promise = &state.promises[index];
        let gift = self.definition.moment(&promise.moment).is_some_and(|m| m.deed.channel() == Channel::Gift);
        if let (true, Status::Emitted { contact: Some(contact), .. }) = (gift, &promise.status) {
            state.gift_contact.get_or_insert_with(|| contact.clone());
        }
    }

    /// A moment without an addressee waits as one that never had any: it does not lose its place, and is
    /// looked at daily. The owner is asked at once, since this may have been the last moment.
    fn refused(&mut self, state: &mut State, index: usize, reason: &str, for_want_of_address: bool) {
        let sending = &self.definition.sending;
        let today = sending.zone.date_of(self.now);
        let pause_days = if for_want_of_address { 1 } else { REFUSED_PAUSE_DAYS };
        let again = sending.slot_on(plus_days(today, pause_days));
        let promise = &mut state.promises[index];
        self.waive(promise, reason);
        promise.refusals += u32::from(!for_want_of_address);
        let mut reason = reason.to_owned();
        if for_want_of_address && state.phase == Phase::Active {
            reason = self.look_for_somebody(state, index, today).unwrap_or(reason);
        }
        let promise = &mut state.promises[index];
        match state.phase {
            Phase::Active => self.next_occurrence(promise, again, Some(reason)),
            Phase::Held => promise.status = Status::Recalled,
            Phase::Closing { .. } | Phase::Completed | Phase::Exited { .. } => {}
        }
    }

    fn revoked(&mut self, state: &mut State, index: usize) {
        let promise = &mut state.promises[index];
        let reason = match &promise.status {
            Status::Emitted { revoking: Some(reason), .. } => reason.clone(),
            _ => "revoked".to_owned(),
        };
        self.waive(promise, &reason);
        match state.phase {
            Phase::Active => self.promise_again(promise, state.day_zero),
            Phase::Held => promise.status = Status::Recalled,
            Phase::Closing { .. } | Phase::Completed | Phase::Exited { .. } => {}
        }
    }

    fn kept(&self, promise: &Promise, at: Timestamp, without_gift: Option<String>) -> Outcome {
        let sending = &self.definition.sending;
        let next_slot = sending.slot_on(plus_days(sending.zone.date_of(promise.planned), 1));
        let day_after = next_slot.max(promise.planned.plus(Duration::from_hours(24)));
        if at > day_after.plus(DELIVERY_TAKES) {
            Outcome::Late { by_s: at.since(promise.planned).as_secs(), without_gift }
        } else {
            Outcome::Delivered { without_gift }
        }
    }
}

/// Remembers what a delivery says of the address that was written to.
fn bar(state: &mut State, index: usize, obstacle: Option<Obstacle>) {
    let Some(obstacle) = obstacle else { return };
    if let Status::Emitted { contact: Some(contact), address, .. } = &state.promises[index].status {
        let bar = Barred { contact: contact.clone(), address: *address, obstacle };
        state.bar(bar);
    }
}
