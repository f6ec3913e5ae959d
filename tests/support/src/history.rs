//! Everything that the product has said on its topics, by kind of event.

use afterglow_domain::{DealKey, EventId};
use afterglow_events::{Body, Event, proto};

use crate::topics::Topics;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident: $kind:ident),+ $(,)?) => {
        impl History {
            $(
                $(#[$doc])*
                pub fn $name(&self) -> impl Iterator<Item = (EventId, &proto::$kind)> {
                    self.events.iter().filter_map(|event| match &event.body {
                        Body::$kind(body) => Some((event.envelope.id, &**body)),
                        _ => None,
                    })
                }
            )+
        }
    };
}

/// What was said so far, in order per key.
pub struct History {
    topics: Topics,
    /// Every event of every topic.
    pub events: Vec<Event>,
}

kinds! {
    /// Authenticated deliveries.
    webhooks: WebhookReceived,
    /// Deals won.
    won: DealWon,
    /// Customers who entered a journey.
    enrolled: JourneyEnrolled,
    /// Journeys that are held.
    held: JourneyHeld,
    /// Journeys that go on.
    resumed: JourneyResumed,
    /// Journeys that ended early.
    exited: JourneyExited,
    /// Moments that became due.
    due: TouchpointDue,
    /// Moments taken back.
    revoked: TouchpointRevoked,
    /// Ledger steps that moved.
    progressed: DeliveryProgressed,
    /// Touchpoints that are done with.
    concluded: DeliveryConcluded,
    /// Promises that ended.
    closed: ObligationClosed,
    /// What could not be used.
    dead_letters: DeadLetter,
    /// What was heard.
    signals: Signal,
}

impl History {
    /// The history on the topics.
    pub fn of(topics: Topics) -> Self {
        Self { topics, events: Vec::new() }
    }

    /// Reads what was said since the last call.
    pub async fn catch_up(&mut self) {
        loop {
            let fresh = self.topics.fresh().await;
            if fresh.is_empty() {
                return;
            }
            self.events.extend(fresh.into_iter().map(|(_, event)| event));
        }
    }

    /// The moments of a deal that became due.
    pub fn due_of<'a>(&'a self, deal: &'a DealKey) -> impl Iterator<Item = &'a proto::TouchpointDue> {
        self.due().map(|(_, due)| due).filter(|due| is(due.deal.as_ref(), deal))
    }

    /// The touchpoints of a deal that are done with.
    pub fn concluded_of<'a>(
        &'a self,
        deal: &'a DealKey,
    ) -> impl Iterator<Item = &'a proto::DeliveryConcluded> {
        let of = |done: &proto::DeliveryConcluded| done.of.as_ref().and_then(|of| of.deal.clone());
        self.concluded().map(|(_, done)| done).filter(move |done| is(of(done).as_ref(), deal))
    }

    /// The ledger steps of a deal that moved.
    pub fn progressed_of<'a>(
        &'a self,
        deal: &'a DealKey,
    ) -> impl Iterator<Item = &'a proto::DeliveryProgressed> {
        let of = |step: &proto::DeliveryProgressed| step.of.as_ref().and_then(|of| of.deal.clone());
        self.progressed().map(|(_, step)| step).filter(move |step| is(of(step).as_ref(), deal))
    }

    /// The promises of a deal that ended.
    pub fn closed_of<'a>(&'a self, deal: &'a DealKey) -> impl Iterator<Item = &'a proto::ObligationClosed> {
        self.closed().map(|(_, closed)| closed).filter(|closed| enrolled(closed.enrolment.as_ref(), deal))
    }

    /// Why the journey of a deal ended early, if it did.
    pub fn exit_of(&self, deal: &DealKey) -> Option<&str> {
        self.exited()
            .find(|(_, exited)| enrolled(exited.enrolment.as_ref(), deal))
            .map(|(_, exited)| exited.reason.as_str())
    }

    /// How often the journey of a deal was held and resumed.
    pub fn holds_of(&self, deal: &DealKey) -> (usize, usize) {
        let held = self.held().filter(|(_, held)| enrolled(held.enrolment.as_ref(), deal)).count();
        let resumed = self.resumed().filter(|(_, on)| enrolled(on.enrolment.as_ref(), deal)).count();
        (held, resumed)
    }
}

fn is(found: Option<&proto::DealRef>, deal: &DealKey) -> bool {
    found.is_some_and(|found| found.deal == deal.as_str())
}

fn enrolled(enrolment: Option<&proto::Enrolment>, deal: &DealKey) -> bool {
    enrolment.is_some_and(|enrolment| is(enrolment.deal.as_ref(), deal))
}
