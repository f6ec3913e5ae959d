//! Effects of a decision become rows and events.
//!
//! Every event's id follows from the enrolment and what happened to it, never from when: a decision that
//! is made again after a crash writes the same events.

mod touchpoint;

use std::collections::BTreeMap;

use afterglow_domain::{DealRef, EnrolmentId, EventId, HomeKey, Shard, Timestamp};
use afterglow_durable::{Error, OutboxRow};
use afterglow_events::{Body, Envelope, Event, convert, identity, proto, well_known};
use afterglow_journey::{Effect, GIFT_NOT_HANDED_OVER, NO_RECIPIENT, Outcome, State, TouchpointPlan};

use crate::codes;
use crate::engine::Options;
use crate::journeys::Journey;
use crate::metric;
use crate::rows::{Closed, EnrolmentRow, ObligationRow};

/// `ce_source` of everything that this role writes.
pub(crate) const SOURCE: &str = "/afterglow/journey-engine";

type ObligationKey = (EnrolmentId, String, u32);

/// What a turn writes besides deals and enrolments.
#[derive(Debug, Default)]
pub(crate) struct Output {
    pub(crate) closed: BTreeMap<ObligationKey, ObligationRow>,
    pub(crate) outbox: Vec<OutboxRow>,
}

/// What every event of a turn says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp<'a> {
    pub(crate) options: &'a Options,
    /// The journey's now.
    pub(crate) now: Timestamp,
    /// The wall's now.
    pub(crate) wall: Timestamp,
}

/// Why a decision is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cause<'a> {
    /// In words, as the reason of a new plan.
    pub(crate) why: &'a str,
    /// The causing event's trace.
    pub(crate) traceparent: Option<&'a str>,
}

impl Output {
    /// Appends an event about a home key.
    pub(crate) fn publish(
        &mut self,
        stamp: Stamp<'_>,
        home: &HomeKey,
        traceparent: Option<&str>,
        (id, body): (EventId, impl Into<Body>),
    ) {
        let mut envelope = Envelope::of(id, SOURCE, stamp.wall, home);
        envelope.traceparent = traceparent.map(str::to_owned);
        let record = Event { envelope, body: body.into() }.to_record(stamp.options.encoding);
        self.outbox.push(OutboxRow { shard: Shard::of(home.as_str()), record });
    }
}

/// One decision on one enrolment, whose row holds the state after it.
pub(crate) struct Recorder<'a> {
    pub(crate) stamp: Stamp<'a>,
    pub(crate) cause: Cause<'a>,
    pub(crate) journey: &'a Journey,
    pub(crate) snapshot: &'a proto::DealSnapshot,
    pub(crate) row: &'a mut EnrolmentRow,
    pub(crate) output: &'a mut Output,
}

impl Recorder<'_> {
    /// Records the effects in order. `before` is the state before the decision; `None` at the start.
    pub(crate) fn record(&mut self, before: Option<&State>, effects: &[Effect]) -> Result<(), Error> {
        let mut replanned = before.is_none();
        for (before_it, effect) in effects.iter().enumerate() {
            match effect {
                Effect::Enrolled => self.enrolled(effects),
                // Not an effect on an enrolment: the caller declines without one.
                Effect::NeverEnrolled { .. } => {}
                // What is open is in the state.
                Effect::ObligationOpened { .. } | Effect::ObligationMoved { .. } => {
                    if !std::mem::replace(&mut replanned, true) {
                        self.replanned();
                    }
                }
                Effect::ObligationClosed { moment, occurrence, outcome, at } => {
                    let key = (self.row.id, moment.clone(), *occurrence);
                    let times = times_of(&key, before, &effects[..before_it])?;
                    self.close(key, times, (outcome, *at))?;
                }
                Effect::Emit(plan) => {
                    metrics::counter!(metric::TOUCHPOINTS, "channel" => plan.channel.as_str()).increment(1);
                    self.note_question(plan);
                    self.touchpoint_due(plan);
                }
                // The same event under the same id; it counts once.
                Effect::EmitAgain(plan) => self.touchpoint_due(plan),
                Effect::Revoke { moment, occurrence, reason } => self.revoke(moment, *occurrence, reason),
                Effect::NobodyToAsk { reason } => {
                    metrics::counter!(metric::NOBODY_TO_ASK).increment(1);
                    tracing::warn!(code = codes::NOBODY_TO_ASK, enrolment = %self.row.id, deal = %self.row.deal,
                        reason, "the deal has no owner who can be asked or told");
                }
                Effect::Held | Effect::Resumed | Effect::Completed | Effect::Exited { .. } => {
                    self.phase(effect);
                }
            }
        }
        Ok(())
    }

    /// Work for the owner that is no moment is rare, and operators see it.
    fn note_question(&self, plan: &TouchpointPlan) {
        let known = [NO_RECIPIENT, GIFT_NOT_HANDED_OVER].into_iter().find(|known| *known == plan.moment);
        let (Some(moment), Some(reason)) = (known, &plan.task_reason) else { return };
        metrics::counter!(metric::OWNER_ASKED, "moment" => moment).increment(1);
        tracing::warn!(moment, enrolment = %self.row.id, deal = %self.row.deal, reason, "the owner gets a task");
    }

    fn publish(&mut self, id: EventId, body: impl Into<Body>) {
        let traceparent = self.cause.traceparent.or(self.row.traceparent.as_deref());
        self.output.publish(self.stamp, &self.row.home, traceparent, (id, body));
    }

    /// Publishes a journey event under the next number of its type.
    fn publish_counted(&mut self, body: impl Into<Body>) {
        let body = body.into();
        let counter = self.row.counters.entry(body.type_name().to_owned()).or_default();
        let id = identity::journey_event(self.row.id, body.type_name(), *counter);
        *counter += 1;
        self.publish(id, body);
    }

    fn enrolment(&self) -> proto::Enrolment {
        let EnrolmentRow { id, journey, version, deal, .. } = &*self.row;
        enrolment_of(*id, journey, *version, deal)
    }

    fn occurred_at(&self) -> well_known::Timestamp {
        convert::timestamp(self.stamp.now)
    }

    fn enrolled(&mut self, effects: &[Effect]) {
        metrics::counter!(metric::ENROLLED, "journey" => self.row.journey.clone()).increment(1);
        let promises = effects.iter().filter_map(|effect| match effect {
            Effect::ObligationOpened { moment, occurrence, planned, deadline } => {
                Some(promise_of(moment, *occurrence, *planned, *deadline))
            }
            _ => None,
        });
        let event = proto::JourneyEnrolled {
            enrolment: Some(self.enrolment()),
            day_0: self.row.state.day_zero.to_string(),
            promises: promises.collect(),
            occurred_at: Some(self.occurred_at()),
        };
        self.publish_counted(event);
    }

    /// The open promises as they stand after the decision.
    fn replanned(&mut self) {
        let open = self.row.state.promises.iter().filter(|promise| promise.is_open());
        let promises = open.map(|p| promise_of(&p.moment, p.occurrence, p.planned, p.deadline)).collect();
        let event = proto::JourneyReplanned {
            enrolment: Some(self.enrolment()),
            day_0: self.row.state.day_zero.to_string(),
            promises,
            reason: self.cause.why.to_owned(),
            occurred_at: Some(self.occurred_at()),
        };
        self.publish_counted(event);
    }

    fn close(
        &mut self,
        key: ObligationKey,
        Times { planned, deadline }: Times,
        (outcome, at): (&Outcome, Timestamp),
    ) -> Result<(), Error> {
        let (enrolment, moment, occurrence) = key.clone();
        if self.output.closed.contains_key(&key) {
            return Err(already_closed(&key, "is closed already"));
        }
        let (word, kind, reason) = ending(outcome);
        metrics::counter!(metric::CLOSED, "outcome" => word).increment(1);
        let id = identity::obligation(enrolment, &moment, occurrence);
        let event = proto::ObligationClosed {
            enrolment: Some(self.enrolment()),
            obligation_id: id.to_string(),
            moment: moment.clone(),
            occurrence: number(occurrence),
            outcome: kind.into(),
            reason: reason.clone(),
            planned_at: Some(convert::timestamp(planned)),
            closed_at: Some(convert::timestamp(at)),
        };
        let closed = Closed { outcome: word, reason, at };
        let row = ObligationRow { enrolment, moment, occurrence, planned, deadline, closed };
        self.output.closed.insert(key, row);
        self.publish(identity::obligation_closed(id), event);
        Ok(())
    }

    fn phase(&mut self, effect: &Effect) {
        let (enrolment, occurred_at) = (Some(self.enrolment()), Some(self.occurred_at()));
        match effect {
            Effect::Held => {
                let reason = "the deal is open again".to_owned();
                self.publish_counted(proto::JourneyHeld { enrolment, reason, occurred_at });
            }
            Effect::Resumed => self.publish_counted(proto::JourneyResumed { enrolment, occurred_at }),
            Effect::Completed => self.publish_counted(proto::JourneyCompleted { enrolment, occurred_at }),
            Effect::Exited { reason } => {
                let reason = reason.clone();
                self.publish_counted(proto::JourneyExited { enrolment, reason, occurred_at });
            }
            _ => {}
        }
    }
}

/// When an obligation was to go out, and from when on it could not.
#[derive(Debug, Clone, Copy)]
struct Times {
    planned: Timestamp,
    deadline: Timestamp,
}

/// The times of an obligation that is closed: as the decision opened or moved it, or as they were before.
fn times_of(key: &ObligationKey, before: Option<&State>, decided: &[Effect]) -> Result<Times, Error> {
    let (_, moment, occurrence) = key;
    let now = decided.iter().rev().find_map(|effect| match effect {
        Effect::ObligationOpened { moment: m, occurrence: o, planned, deadline }
        | Effect::ObligationMoved { moment: m, occurrence: o, planned, deadline }
            if (m, o) == (moment, occurrence) =>
        {
            Some(Times { planned: *planned, deadline: *deadline })
        }
        _ => None,
    });
    let then = || {
        let promise = before?.promise(moment).filter(|promise| promise.occurrence == *occurrence)?;
        Some(Times { planned: promise.planned, deadline: promise.deadline })
    };
    now.or_else(then).ok_or_else(|| already_closed(key, "is not open"))
}

fn already_closed((enrolment, moment, occurrence): &ObligationKey, what: &str) -> Error {
    Error::Refused(format!("{}: {moment} {occurrence} of {enrolment} {what}", codes::CLOSED_TWICE))
}

fn ending(outcome: &Outcome) -> (&'static str, proto::ObligationOutcome, String) {
    use proto::ObligationOutcome as Kind;
    match outcome {
        Outcome::Delivered { without_gift } => {
            ("delivered", Kind::Delivered, without_gift.clone().unwrap_or_default())
        }
        Outcome::Late { without_gift, .. } => ("late", Kind::Late, without_gift.clone().unwrap_or_default()),
        Outcome::Waived { reason } => ("waived", Kind::Waived, reason.clone()),
        Outcome::Failed { reason } => ("failed", Kind::Failed, reason.clone()),
    }
}

/// Which run of which journey, as the contract writes it.
pub(crate) fn enrolment_of(id: EnrolmentId, journey: &str, version: u32, deal: &DealRef) -> proto::Enrolment {
    proto::Enrolment {
        enrolment_id: id.to_string(),
        journey: journey.to_owned(),
        version: number(version),
        deal: Some(convert::deal_ref(deal)),
    }
}

fn promise_of(moment: &str, occurrence: u32, planned: Timestamp, deadline: Timestamp) -> proto::Promise {
    proto::Promise {
        moment: moment.to_owned(),
        occurrence: number(occurrence),
        planned_at: Some(convert::timestamp(planned)),
        deadline_at: Some(convert::timestamp(deadline)),
    }
}

/// A small count as the contract writes it.
fn number(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
