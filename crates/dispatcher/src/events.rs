//! The events of a delivery. Never a gift's link, never an address.

use afterglow_events::proto::{self, DeliveryCause, DeliveryOutcome, StepState};
use afterglow_events::{Body, convert, identity};
use afterglow_providers::Ordered;

use crate::case::Case;
use crate::touchpoint::{ReservationState, Step, Touchpoint};
use crate::turn::Turn;

/// The word of an outcome, as stored and shown.
pub(crate) fn outcome_word(outcome: DeliveryOutcome) -> &'static str {
    match outcome {
        DeliveryOutcome::Delivered => "delivered",
        DeliveryOutcome::Refused => "refused",
        DeliveryOutcome::Revoked => "revoked",
        DeliveryOutcome::Failed | DeliveryOutcome::Unspecified => "failed",
    }
}

/// What follows from a cause for the promise behind it: whether a later occurrence may still be sent.
pub(crate) fn outcome_for(cause: DeliveryCause) -> DeliveryOutcome {
    match cause {
        DeliveryCause::Suppressed
        | DeliveryCause::NoAddress
        | DeliveryCause::AddressRefused
        | DeliveryCause::Budget => DeliveryOutcome::Refused,
        DeliveryCause::Revoked => DeliveryOutcome::Revoked,
        DeliveryCause::VendorRefused
        | DeliveryCause::Content
        | DeliveryCause::Deadline
        | DeliveryCause::InDoubt
        | DeliveryCause::Unspecified => DeliveryOutcome::Failed,
    }
}

/// The cause of a stored name; one that this program does not know is none.
fn cause_of(name: &str) -> DeliveryCause {
    DeliveryCause::from_str_name(name).unwrap_or_default()
}

/// The outcome of a stored word.
fn outcome_of(word: &str) -> DeliveryOutcome {
    let outcomes = [DeliveryOutcome::Delivered, DeliveryOutcome::Refused, DeliveryOutcome::Revoked];
    let known = outcomes.into_iter().find(|outcome| outcome_word(*outcome) == word);
    known.unwrap_or(DeliveryOutcome::Failed)
}

fn delivery_of(touchpoint: &Touchpoint) -> proto::DeliveryOf {
    let due = &touchpoint.due;
    proto::DeliveryOf {
        touchpoint_id: touchpoint.id.to_string(),
        enrolment_id: due.enrolment_id.clone(),
        journey: due.journey.clone(),
        moment: due.moment.clone(),
        occurrence: due.occurrence,
        channel: due.channel,
        day: due.day,
        deal: due.deal.clone(),
    }
}

impl Case {
    /// Says that the step under way moved.
    pub(crate) fn progress(&mut self, turn: &mut Turn<'_>, state: StepState, reason: &str) {
        let Some(attempt) = &self.attempt else { return };
        let (step, vendor, vendor_id) = (attempt.step, attempt.vendor.clone(), attempt.vendor_id.clone());
        let touchpoint = &mut self.touchpoint;
        let content = match step {
            Step::Notify => touchpoint.content().map(|content| content.name.clone()).unwrap_or_default(),
            Step::Order | Step::Link => String::new(),
        };
        let amount = match step {
            Step::Order => touchpoint.worth().map(convert::money),
            Step::Link | Step::Notify => None,
        };
        let message = proto::DeliveryProgressed {
            of: Some(delivery_of(touchpoint)),
            step: step.as_str().to_owned(),
            state: state.into(),
            vendor,
            vendor_id,
            amount,
            reason: reason.to_owned(),
            content,
            occurred_at: Some(convert::timestamp(turn.journey)),
        };
        let id = identity::delivery_progressed(touchpoint.id, step.as_str(), touchpoint.state.counter);
        touchpoint.state.counter += 1;
        turn.emit(touchpoint, id, Body::from(message));
    }

    /// Says how it ended, if it did. A concluded touchpoint never changes, so whenever this is said it is
    /// the same event: the id follows from the touchpoint, the rest from its row.
    pub(crate) fn emit_conclusion(&self, turn: &mut Turn<'_>) {
        let touchpoint = &self.touchpoint;
        let Some(end) = &touchpoint.state.conclusion else { return };
        let outcome = outcome_of(&end.outcome);
        let spent = touchpoint.state.reservation.as_ref().filter(|r| r.state == ReservationState::Spent);
        let delivered = outcome == DeliveryOutcome::Delivered;
        let message = proto::DeliveryConcluded {
            of: Some(delivery_of(touchpoint)),
            outcome: outcome.into(),
            reason: end.reason.clone(),
            without_gift: touchpoint.state.without_gift.clone().filter(|_| delivered).unwrap_or_default(),
            spent: spent.map(|reservation| convert::money(reservation.amount)),
            occurred_at: Some(convert::timestamp(end.at)),
            cause: cause_of(&end.cause).into(),
        };
        turn.emit(touchpoint, identity::delivery_concluded(touchpoint.id), Body::from(message));
    }
}

/// The order as other parts keep it: what a later answer does not know stays known.
pub(crate) fn merged(known: Option<&Ordered>, newer: Ordered) -> Ordered {
    let Some(known) = known else { return newer };
    Ordered {
        reward_id: newer.reward_id.or_else(|| known.reward_id.clone()),
        link: newer.link.or_else(|| known.link.clone()),
        charged: newer.charged.or(known.charged),
        ..newer
    }
}
