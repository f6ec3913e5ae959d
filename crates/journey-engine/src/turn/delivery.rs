//! What became of a touchpoint closes its obligation.

use afterglow_domain::{EnrolmentId, HomeKey, Timestamp};
use afterglow_durable::Error;
use afterglow_events::{Event, convert, proto};
use afterglow_journey::{DeliveryOutcome, Input, Obstacle, Status};

use super::Turn;
use crate::codes;
use crate::metric;
use crate::record::Cause;

/// A concluded delivery.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) enrolment: EnrolmentId,
    moment: String,
    occurrence: u32,
    outcome: DeliveryOutcome,
    traceparent: Option<String>,
}

impl Answer {
    /// Takes a conclusion apart. `now` stands in for a time that it does not tell.
    pub(crate) fn of(
        event: &Event,
        concluded: &proto::DeliveryConcluded,
        now: Timestamp,
    ) -> Result<Self, String> {
        let problem = |what: &str| format!("{}: a {} {what}", codes::RECORD, event.body.type_name());
        let of = concluded.of.as_ref().ok_or_else(|| problem("says nothing of its touchpoint"))?;
        Ok(Self {
            enrolment: of.enrolment_id.parse().map_err(|_| problem("names no enrolment"))?,
            moment: of.moment.clone(),
            occurrence: u32::try_from(of.occurrence).map_err(|_| problem("has a negative occurrence"))?,
            outcome: outcome(concluded, now),
            traceparent: event.envelope.traceparent.clone(),
        })
    }
}

/// A conclusion of a kind that this version does not know is not a delivery; it closes the promise as
/// failed and says so, since waiting for another answer would be for ever. Whatever was not delivered and
/// cost money failed: if it could be promised again, it would be paid for twice.
fn outcome(concluded: &proto::DeliveryConcluded, now: Timestamp) -> DeliveryOutcome {
    let reason = concluded.reason.clone();
    let spent = concluded.spent.as_ref().is_some_and(|spent| spent.minor_units > 0);
    let obstacle = obstacle(concluded.cause());
    let failed = |reason| DeliveryOutcome::Failed { reason, spent, obstacle };
    match concluded.outcome() {
        proto::DeliveryOutcome::Delivered => DeliveryOutcome::Delivered {
            at: convert::from_timestamp(concluded.occurred_at.as_ref()).unwrap_or(now),
            without_gift: (!concluded.without_gift.is_empty()).then(|| concluded.without_gift.clone()),
        },
        proto::DeliveryOutcome::Failed => failed(or(reason, "failed")),
        proto::DeliveryOutcome::Refused if spent => failed(or(reason, "refused")),
        proto::DeliveryOutcome::Revoked if spent => failed(or(reason, "revoked")),
        proto::DeliveryOutcome::Refused => {
            DeliveryOutcome::Refused { reason: or(reason, "refused"), obstacle }
        }
        proto::DeliveryOutcome::Revoked => DeliveryOutcome::Revoked,
        proto::DeliveryOutcome::Unspecified => {
            failed(or(reason, "an outcome that this version does not know"))
        }
    }
}

/// What a cause says of the address that was written to.
fn obstacle(cause: proto::DeliveryCause) -> Option<Obstacle> {
    match cause {
        proto::DeliveryCause::Suppressed => Some(Obstacle::Suppressed),
        proto::DeliveryCause::NoAddress => Some(Obstacle::NoAddress),
        proto::DeliveryCause::AddressRefused => Some(Obstacle::AddressRefused),
        _ => None,
    }
}

/// Every absence has a reason.
fn or(reason: String, otherwise: &str) -> String {
    if reason.is_empty() { otherwise.to_owned() } else { reason }
}

impl Turn<'_> {
    /// Only the first answer to what is with the dispatcher has an effect.
    pub(crate) fn answer(&mut self, answer: &Answer, home: &HomeKey) -> Result<(), Error> {
        let Some(entry) = self.enrolments.get(&answer.enrolment) else {
            metrics::counter!(metric::IGNORED, "why" => "unknown_enrolment").increment(1);
            return Ok(());
        };
        if entry.row.home != *home {
            let (code, id, known) = (codes::RECORD, answer.enrolment, &entry.row.home);
            return Err(Error::Refused(format!(
                "{code}: enrolment {id} lives on {known}, a delivery came on {home}"
            )));
        }
        let awaited = entry.row.state.promise(&answer.moment).is_some_and(|promise| {
            promise.occurrence == answer.occurrence && matches!(promise.status, Status::Emitted { .. })
        });
        if !awaited {
            metrics::counter!(metric::IGNORED, "why" => "repeated").increment(1);
            return Ok(());
        }
        let input = Input::Delivery {
            moment: answer.moment.clone(),
            occurrence: answer.occurrence,
            outcome: answer.outcome.clone(),
        };
        let cause = Cause { why: "a touchpoint came back", traceparent: answer.traceparent.as_deref() };
        self.decide(answer.enrolment, &input, cause)
    }
}
