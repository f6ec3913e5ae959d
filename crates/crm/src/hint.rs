//! What a webhook delivery comes down to: which deals must be read again.
//!
//! Each hint keeps its own event's bytes, not the whole delivery's, so that one event can be stored,
//! parked and replayed without its neighbours. Nothing here is trusted beyond "look at this deal".

use afterglow_domain::{DealKey, Timestamp};
use bytes::Bytes;

/// One event of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// The event's own bytes, exactly as received. They may hold personal data.
    pub raw: Bytes,
    /// The vendor's name of the event: `deal.propertyChange`, `workflow`, `Opportunity`.
    pub event_type: String,
    /// What the event is about.
    pub subject: Subject,
    /// The stage the event names (a HubSpot stage id, a Salesforce stage name), if it names one:
    /// compared with what the CRM then answers, because a CRM's read may lag behind its webhook.
    pub stage: Option<String>,
    /// When the vendor says it happened. Not to be believed: it may lie decades off.
    pub occurred_at: Option<Timestamp>,
}

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// These deals must be read again; at least one. After a merge the survivor comes first.
    Deals(Vec<DealKey>),
    /// The contact with this vendor id asked to be forgotten and was purged in the CRM.
    ErasedContact(String),
    /// Nothing of interest: to be counted and answered with success.
    Nothing,
}

/// A piece of an authentic delivery that cannot be used; kept raw, for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable {
    /// The piece's own bytes: one event, or the whole body where it could not be divided.
    pub raw: Bytes,
    /// Why, without any of the content.
    pub reason: String,
}

/// A delivery, divided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Split {
    /// The events that could be read, in the delivery's order.
    pub hints: Vec<Hint>,
    /// The pieces that could not.
    pub unusable: Vec<Unusable>,
}

impl Split {
    pub(crate) fn refuse(&mut self, raw: Bytes, reason: impl Into<String>) {
        self.unusable.push(Unusable { raw, reason: reason.into() });
    }
}
