//! One touchpoint in a decision: its row, its newest attempt, and when it is to be looked at again.
//!
//! Here are the small movements that every decision is made of; each emits its event.

use std::time::Duration;

use afterglow_domain::Timestamp;
use afterglow_events::proto::{DeliveryCause, DeliveryOutcome};

use crate::attempt::{Attempt, AttemptState};
use crate::events::{outcome_for, outcome_word};
use crate::metric;
use crate::touchpoint::{Conclusion, ReservationState, Status, Step, Touchpoint, Wait};
use crate::turn::Turn;

/// How long before its deadline (on the wall) a mail goes instead of a gift that cannot be had.
/// Deadlines are never closer than ten minutes, so there is always a time before it.
const LAST_CALL: Duration = Duration::from_mins(2);

/// Just past an instant: a timer at a deadline itself would find it not yet over.
const JUST_PAST: Duration = Duration::from_millis(1);

pub(crate) struct Case {
    pub(crate) touchpoint: Touchpoint,
    pub(crate) attempt: Option<Attempt>,
    pub(crate) attempt_changed: bool,
    /// The attempt before, where it changed too.
    pub(crate) superseded: Option<Attempt>,
    /// When it is looked at again, by the wall's clock.
    pub(crate) wake: Option<Timestamp>,
}

impl Case {
    pub(crate) fn new(touchpoint: Touchpoint) -> Self {
        let wake = touchpoint.armed;
        Self { touchpoint, attempt: None, attempt_changed: false, superseded: None, wake }
    }

    /// Its timer fired and is gone.
    pub(crate) fn fired(&mut self) {
        self.touchpoint.armed = None;
        self.wake = None;
    }

    /// Looked at again at `at`, or as soon as its deadline (or the last call before it) demands.
    pub(crate) fn wake_at(&mut self, turn: &Turn<'_>, at: Timestamp) {
        let limits = [Some(self.touchpoint.deadline()), self.last_call(turn)];
        let ahead = limits.into_iter().flatten().filter(|limit| *limit >= turn.journey);
        let limit = ahead.map(|limit| turn.wall_of(limit).plus(JUST_PAST)).min();
        self.wake = Some(limit.map_or(at, |limit| limit.min(at)));
    }

    /// From when on, by the journey's clock, a mail without its gift goes if the gift cannot be had.
    pub(crate) fn last_call(&self, turn: &Turn<'_>) -> Option<Timestamp> {
        let gift = self.touchpoint.gift().filter(|_| self.touchpoint.state.step == Step::Order)?;
        gift.mail_without_gift.as_ref()?;
        Some(self.touchpoint.deadline().minus(LAST_CALL * turn.speed()))
    }

    /// Waits, for a reason that `explain` shows.
    pub(crate) fn wait(&mut self, turn: &Turn<'_>, wait: Option<Wait>, until: Timestamp) {
        self.touchpoint.status = Status::Waiting;
        self.touchpoint.state.waits_for = wait;
        self.wake_at(turn, until);
    }

    /// Goes on to a step at once.
    pub(crate) fn go_on(&mut self, turn: &Turn<'_>, step: Step) {
        self.touchpoint.state.step = step;
        self.touchpoint.state.tries = 0;
        self.wait(turn, None, turn.wall);
    }

    /// Records what became of the newest attempt.
    pub(crate) fn mark(&mut self, turn: &Turn<'_>, state: AttemptState, reason: &str) {
        if let Some(attempt) = &mut self.attempt {
            attempt.state = state;
            reason.clone_into(&mut attempt.reason);
            attempt.ended_at = Some(turn.wall);
            self.attempt_changed = true;
        }
    }

    /// The money is gone: the gift is ordered.
    pub(crate) fn spend(&mut self, turn: &mut Turn<'_>) {
        self.settle_money(turn, ReservationState::Reserved, ReservationState::Spent);
    }

    /// The money set aside comes back; what is spent stays spent.
    pub(crate) fn release(&mut self, turn: &mut Turn<'_>) {
        self.settle_money(turn, ReservationState::Reserved, ReservationState::Released);
    }

    /// The vendor gave the money back: the order is void.
    pub(crate) fn refund(&mut self, turn: &mut Turn<'_>) {
        self.settle_money(turn, ReservationState::Spent, ReservationState::Released);
    }

    fn settle_money(&mut self, turn: &mut Turn<'_>, from: ReservationState, to: ReservationState) {
        let Some(reservation) = &mut self.touchpoint.state.reservation else { return };
        if reservation.state == from {
            turn.take_out(reservation);
            reservation.state = to;
            turn.put_in(reservation);
        }
    }

    /// Ends it with its mail.
    pub(crate) fn delivered(&mut self, turn: &mut Turn<'_>) {
        self.conclude(turn, (DeliveryOutcome::Delivered, DeliveryCause::Unspecified), "");
    }

    /// Ends it: money that is only set aside comes back, and the one conclusion is emitted.
    fn conclude(
        &mut self,
        turn: &mut Turn<'_>,
        (outcome, cause): (DeliveryOutcome, DeliveryCause),
        reason: &str,
    ) {
        self.release(turn);
        let word = outcome_word(outcome);
        self.touchpoint.status = Status::Concluded;
        self.touchpoint.state.waits_for = None;
        self.touchpoint.state.conclusion = Some(Conclusion::now(turn, (outcome, cause), reason));
        self.wake = None;
        metrics::counter!(metric::CONCLUDED, "outcome" => word).increment(1);
        self.emit_conclusion(turn);
    }

    /// Ends it without its mail. A gift that is ordered stays ordered and its money spent, so that no
    /// later occurrence orders another one: whatever the cause, it failed, and a person hears of it.
    pub(crate) fn end(&mut self, turn: &mut Turn<'_>, cause: DeliveryCause, reason: &str) {
        if self.touchpoint.is_gift_ordered() {
            let reason = format!("the gift is ordered, but its mail was not sent: {reason}");
            self.not_handed_over(turn, &reason);
            self.conclude(turn, (DeliveryOutcome::Failed, cause), &reason);
        } else {
            self.conclude(turn, (outcome_for(cause), cause), reason);
        }
    }

    /// Goes on with the mail that goes where no gift may, if there is one; its money comes back.
    pub(crate) fn without_gift(&mut self, turn: &mut Turn<'_>, why: &str) -> bool {
        let instead = self.touchpoint.gift().is_some_and(|gift| gift.mail_without_gift.is_some());
        if instead {
            self.release(turn);
            self.touchpoint.state.gift = None;
            self.touchpoint.state.without_gift = Some(why.to_owned());
            self.go_on(turn, Step::Notify);
        }
        instead
    }

    /// An order that a look-up did not find so soon may still be on its way: before anything ends on
    /// "not found", it is looked up once more, when the call is certainly over.
    pub(crate) fn looked_too_early(&self, turn: &Turn<'_>) -> bool {
        self.attempt.as_ref().is_some_and(|attempt| {
            attempt.step == Step::Order
                && attempt.state == AttemptState::NotFound
                && attempt.recover_after > turn.wall
        })
    }

    /// Back to looking up, at the time when the answer is certain.
    pub(crate) fn look_again_later(&mut self, turn: &Turn<'_>) {
        self.mark(turn, AttemptState::Unknown, "not found so soon; looked up again when the call is over");
        self.touchpoint.status = Status::Calling;
        self.wake = self.attempt.as_ref().map(|attempt| attempt.recover_after);
    }
}
