//! Whom a payload is about, as far as it says so itself.

use super::Body;
use crate::proto::{DealRef, DealSnapshot, DeliveryOf, Enrolment};

impl Body {
    /// The tenants that the payload names: an envelope of another tenant is a mistake, or an attack.
    pub fn tenants(&self) -> impl Iterator<Item = &str> {
        let of_deals = self.deals().into_iter().flatten().map(|deal| deal.tenant.as_str());
        let named = match self {
            Self::WebhookReceived(message) => Some(message.tenant.as_str()),
            Self::DealMerged(message) => message.survivor_home_key.split('/').next(),
            _ => None,
        };
        of_deals.chain(named).filter(|tenant| !tenant.is_empty())
    }

    /// The deals that the payload is about; a merge is about two, and what was enrolled before one names both.
    fn deals(&self) -> [Option<&DealRef>; 2] {
        match self {
            Self::DealWon(message) => [snapshot(message.deal.as_ref()), None],
            Self::DealAmended(message) => [snapshot(message.deal.as_ref()), None],
            Self::DealReopened(message) => [snapshot(message.deal.as_ref()), None],
            Self::DealLost(message) => [snapshot(message.deal.as_ref()), None],
            Self::DealDeleted(message) => [snapshot(message.deal.as_ref()), None],
            Self::DealMerged(message) => [snapshot(message.deal.as_ref()), message.merged.as_ref()],
            Self::TouchpointDue(message) => [message.deal.as_ref(), message.enrolled_deal.as_ref()],
            Self::DeliveryProgressed(message) => [delivery(message.of.as_ref()), None],
            Self::DeliveryConcluded(message) => [delivery(message.of.as_ref()), None],
            Self::JourneyEnrolled(message) => [enrolment(message.enrolment.as_ref()), None],
            Self::JourneyDeclined(message) => [enrolment(message.enrolment.as_ref()), None],
            Self::JourneyReplanned(message) => [enrolment(message.enrolment.as_ref()), None],
            Self::JourneyHeld(message) => [enrolment(message.enrolment.as_ref()), None],
            Self::JourneyResumed(message) => [enrolment(message.enrolment.as_ref()), None],
            Self::JourneyCompleted(message) => [enrolment(message.enrolment.as_ref()), None],
            Self::JourneyExited(message) => [enrolment(message.enrolment.as_ref()), None],
            Self::ObligationClosed(message) => [enrolment(message.enrolment.as_ref()), None],
            Self::WebhookReceived(_) | Self::Signal(_) | Self::TouchpointRevoked(_) | Self::DeadLetter(_) => {
                [None, None]
            }
        }
    }
}

fn snapshot(snapshot: Option<&DealSnapshot>) -> Option<&DealRef> {
    snapshot?.deal.as_ref()
}

fn delivery(of: Option<&DeliveryOf>) -> Option<&DealRef> {
    of?.deal.as_ref()
}

fn enrolment(enrolment: Option<&Enrolment>) -> Option<&DealRef> {
    enrolment?.deal.as_ref()
}
