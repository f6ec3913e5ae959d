//! What an answer of a vendor changes.
//!
//! Invariant: compare-and-set. An answer counts only while its attempt is the newest one and still in
//! the state in which the question was asked; a repetition, or a worker that comes back late, changes
//! nothing.

use std::time::Duration;

use afterglow_domain::{AttemptId, Timestamp};
use afterglow_events::proto::{DeliveryCause, StepState};
use afterglow_providers::{Class, Lookup, MailAccepted, OrderStatus, Ordered, Outcome, Rejection, Replay};

use crate::attempt::AttemptState;
use crate::backoff;
use crate::case::Case;
use crate::events::merged;
use crate::gate::PAUSE;
use crate::job::{Answer, Call, Job};
use crate::ledger::{ADDRESS_UNKNOWN, Suppression};
use crate::touchpoint::{Status, Step, Wait};
use crate::turn::Turn;

/// What settling must know of the gift vendor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) replay: Replay,
    /// For how long a look-up belongs to the worker that began it.
    pub(crate) lease: Duration,
}

impl Case {
    /// Records an answer; gives the look-up that follows at once, if any.
    pub(crate) fn settle(
        &mut self,
        turn: &mut Turn<'_>,
        attempt: Option<AttemptId>,
        answer: Answer,
        terms: Terms,
    ) -> Option<Job> {
        match answer {
            Answer::Ordered(outcome) if self.stands(attempt, AttemptState::InFlight) => {
                self.ordered(turn, outcome, terms)
            }
            // The record of "unknown" was repeated: the look-up is still to be done.
            Answer::Ordered(Outcome::Unknown { .. }) if self.stands(attempt, AttemptState::Unknown) => {
                Some(Job { attempt, ..self.job(Call::LookUp) })
            }
            Answer::Mailed(Outcome::Unknown { reason }) if self.stands(attempt, AttemptState::Claimed) => {
                self.mail_not_left(turn, &reason);
                None
            }
            Answer::Mailed(outcome)
                if self.stands(attempt, AttemptState::InFlight)
                    || self.stands(attempt, AttemptState::Claimed) =>
            {
                self.mailed(turn, outcome);
                None
            }
            Answer::LookedUp(lookup) if self.stands(attempt, AttemptState::Unknown) => {
                self.looked_up(turn, lookup, terms);
                None
            }
            Answer::Linked(lookup)
                if self.touchpoint.status == Status::Waiting && self.touchpoint.state.step == Step::Link =>
            {
                self.linked(turn, lookup);
                None
            }
            _ => None,
        }
    }

    pub(crate) fn stands(&self, attempt: Option<AttemptId>, state: AttemptState) -> bool {
        let newest = self.attempt.as_ref().filter(|newest| newest.state == state);
        self.touchpoint.status == Status::Calling
            && newest.map(|newest| newest.id) == attempt
            && attempt.is_some()
    }

    fn ordered(&mut self, turn: &mut Turn<'_>, outcome: Outcome<Ordered>, terms: Terms) -> Option<Job> {
        match outcome {
            Outcome::Accepted(order) => self.gift_ordered(turn, order, AttemptState::Accepted),
            Outcome::Rejected(rejection) => self.rejected(turn, &rejection),
            Outcome::Unknown { reason } => {
                self.order_unknown(turn, &reason);
                self.wake = Some(turn.wall.plus(terms.lease));
                let attempt = self.attempt.as_ref().map(|attempt| attempt.id);
                return Some(Job { attempt, ..self.job(Call::LookUp) });
            }
        }
        None
    }

    /// The order stands: money is spent, and the mail follows, unless nobody wants it any more.
    pub(crate) fn gift_ordered(&mut self, turn: &mut Turn<'_>, order: Ordered, how: AttemptState) {
        if order.status == OrderStatus::Void {
            let reason = format!("order {} failed or was cancelled at the vendor", order.order_id);
            self.mark(turn, AttemptState::Rejected, &reason);
            self.progress(turn, StepState::Rejected, &reason);
            return self.gift_refused(turn, &reason);
        }
        // Why the answer was lost stays with an order that was found: `explain` tells both.
        let lost = self.attempt.as_ref().filter(|_| how == AttemptState::Found);
        let lost = lost.map(|attempt| attempt.reason.clone()).unwrap_or_default();
        self.mark(turn, how, &lost);
        if let Some(attempt) = &mut self.attempt {
            attempt.vendor_id.clone_from(&order.order_id);
        }
        self.spend(turn);
        let found = how == AttemptState::Found;
        self.progress(turn, if found { StepState::Found } else { StepState::Accepted }, "");
        let ready = order.status == OrderStatus::Executed && order.link.is_some();
        self.touchpoint.state.gift = Some(order);
        match self.touchpoint.state.revoked.clone() {
            Some(reason) => self.end(turn, DeliveryCause::Revoked, &format!("revoked: {reason}")),
            None => self.go_on(turn, if ready { Step::Notify } else { Step::Link }),
        }
    }

    fn mailed(&mut self, turn: &mut Turn<'_>, outcome: Outcome<MailAccepted>) {
        match outcome {
            Outcome::Accepted(accepted) => {
                self.mark(turn, AttemptState::Accepted, "");
                if let Some(attempt) = &mut self.attempt {
                    attempt.vendor_id = accepted.note.unwrap_or(accepted.server);
                }
                self.progress(turn, StepState::Accepted, "");
                self.delivered(turn);
            }
            Outcome::Rejected(rejection) => self.rejected(turn, &rejection),
            Outcome::Unknown { reason } => self.mail_in_doubt(turn, &reason),
        }
    }

    /// The vendor certainly did not act.
    pub(crate) fn rejected(&mut self, turn: &mut Turn<'_>, rejection: &Rejection) {
        let reason = &rejection.reason;
        self.mark(turn, AttemptState::Rejected, reason);
        self.progress(turn, StepState::Rejected, reason);
        if let Some(revoked) = self.touchpoint.state.revoked.clone() {
            return self.end(turn, DeliveryCause::Revoked, &revoked);
        }
        match rejection.class {
            Class::Retry { after } => {
                let pause = self.next_pause().max(after.unwrap_or_default());
                self.wait(turn, Some(Wait::Vendor(reason.clone())), turn.wall.plus(pause));
            }
            Class::NoFunds | Class::Configuration => {
                self.wait(turn, Some(Wait::Vendor(reason.clone())), turn.wall.plus(PAUSE));
            }
            Class::BadAddress if self.touchpoint.state.step == Step::Notify => {
                self.suppress_address(turn);
                self.end(turn, DeliveryCause::AddressRefused, reason);
            }
            Class::Permanent | Class::BadAddress => self.gift_refused(turn, reason),
        }
    }

    /// A vendor refused for good. Where that was the gift, the mail that goes without one takes its
    /// place; whatever else was refused has no other way.
    fn gift_refused(&mut self, turn: &mut Turn<'_>, reason: &str) {
        let gift = self.touchpoint.state.step != Step::Notify;
        if gift && self.without_gift(turn, &format!("the vendor refused the gift: {reason}")) {
            return;
        }
        self.end(turn, DeliveryCause::VendorRefused, reason);
    }

    /// The vendor's word on what became of an order.
    fn looked_up(&mut self, turn: &mut Turn<'_>, lookup: Lookup<Ordered>, terms: Terms) {
        match lookup {
            Lookup::Found(order) => self.gift_ordered(turn, order, AttemptState::Found),
            Lookup::NotFound => self.not_found(turn, terms.replay),
            Lookup::Unavailable { reason } => {
                if let Some(attempt) = &mut self.attempt {
                    attempt.reason = reason;
                    self.attempt_changed = true;
                }
                self.wake = Some(turn.wall.plus(self.next_pause()));
            }
        }
    }

    /// With a key that is safe to replay, the same bytes go again. Everything else waits until the call
    /// is certainly over, since an order may turn up after a look-up that came too soon.
    fn not_found(&mut self, turn: &mut Turn<'_>, replay: Replay) {
        let over = self.recover_after().filter(|at| *at > turn.wall);
        let revoked = self.touchpoint.state.revoked.clone();
        if let Some(at) = over
            && (replay == Replay::AskAPerson || revoked.is_some())
        {
            self.wake = Some(at);
            return;
        }
        let pause = self.next_pause();
        match (revoked, replay) {
            (Some(reason), _) => {
                self.mark(turn, AttemptState::NotFound, "the vendor does not know it");
                self.end(turn, DeliveryCause::Revoked, &reason);
            }
            (None, Replay::Safe) => {
                self.mark(turn, AttemptState::NotFound, "the vendor does not know it");
                // The first time at once; a vendor that loses one after another is left alone longer.
                let first = self.touchpoint.state.tries == 1;
                let due = if first { turn.wall } else { turn.wall.plus(pause) };
                let waits_for = self.touchpoint.state.waits_for.clone();
                self.wait(turn, waits_for, due);
            }
            (None, Replay::AskAPerson) => {
                let reason = "the vendor does not know it, and a second order might be a second gift";
                self.in_doubt(turn, reason);
                self.touchpoint.status = Status::InDoubt;
                self.wake = None;
            }
        }
    }

    fn linked(&mut self, turn: &mut Turn<'_>, lookup: Lookup<Ordered>) {
        let reason = match lookup {
            Lookup::Found(order) if order.status == OrderStatus::Void => {
                let reason = format!("order {} was cancelled at the vendor", order.order_id);
                self.refund(turn);
                return self.gift_refused(turn, &reason);
            }
            Lookup::Found(order) => {
                let order = merged(self.touchpoint.state.gift.as_ref(), order);
                let ready = order.status == OrderStatus::Executed && order.link.is_some();
                self.touchpoint.state.gift = Some(order);
                if ready {
                    return self.go_on(turn, Step::Notify);
                }
                "the vendor has taken the order, but not carried it out yet".to_owned()
            }
            Lookup::NotFound => "the vendor does not give the gift's link".to_owned(),
            Lookup::Unavailable { reason } => reason,
        };
        let pause = self.next_pause();
        self.wait(turn, Some(Wait::Vendor(reason)), turn.wall.plus(pause));
    }

    /// One more disappointment, and how long to leave the vendor alone after it.
    fn next_pause(&mut self) -> Duration {
        self.touchpoint.state.tries += 1;
        backoff::pause(self.touchpoint.state.tries, self.touchpoint.id)
    }

    fn recover_after(&self) -> Option<Timestamp> {
        self.attempt.as_ref().map(|attempt| attempt.recover_after)
    }

    /// A server that knows says that there is no such address: nothing more is sent to it.
    fn suppress_address(&mut self, turn: &mut Turn<'_>) {
        if let Some((tenant, address_hmac)) = turn.address_key(&self.touchpoint) {
            let reason = ADDRESS_UNKNOWN.to_owned();
            turn.suppress.push(Suppression { tenant, address_hmac, since: turn.wall, reason });
        }
    }
}
