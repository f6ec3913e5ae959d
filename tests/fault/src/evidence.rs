//! What the world holds after a run, collected from the outside.
//!
//! Touchpoints go by the text of their id, which is also the vendor's external id and the local part of
//! the mail's Message-ID. Of each record only what the checker looks at is kept.

use std::collections::BTreeSet;

use afterglow_domain::EventId;
use afterglow_events::{Body, Event, proto};
use afterglow_sandbox::Sandbox;

use crate::name::{Name, Names};

/// How many characters a touchpoint's id has.
const ID_CHARS: usize = 36;

/// Everything that the checker looks at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Deals whose webhook was answered with success.
    pub accepted: BTreeSet<Name>,
    /// Deals that a record of the webhooks topic names.
    pub heard: BTreeSet<Name>,
    /// Every record of a moment that became due.
    pub due: Vec<Due>,
    /// Every record of a touchpoint that was done with.
    pub concluded: Vec<Concluded>,
    /// Every record of a promise that ended.
    pub closed: Vec<Closed>,
    /// Every order in the vendor's ledger.
    pub orders: Vec<Order>,
    /// The touchpoint of every mail in the mailbox.
    pub mails: Vec<Name>,
    /// Touchpoints of attempts that wait for a person.
    pub in_doubt: BTreeSet<Name>,
}

/// A moment became due.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    /// The touchpoint.
    pub touchpoint: Name,
    /// Whose.
    pub deal: Name,
    /// Which moment.
    pub moment: Name,
}

/// A touchpoint was done with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Concluded {
    /// The event's id: the same conclusion written twice is one.
    pub event: EventId,
    /// The touchpoint.
    pub touchpoint: Name,
    /// What became of it.
    pub outcome: i32,
}

/// A promise ended.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Closed {
    /// The event's id.
    pub event: EventId,
    /// Whose.
    pub deal: Name,
    /// Which moment.
    pub moment: Name,
    /// How.
    pub outcome: i32,
}

/// A gift was ordered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Order {
    /// The touchpoint, as the start of the external id says.
    pub touchpoint: Name,
    /// Its worth in minor units.
    pub cents: i64,
}

impl Evidence {
    /// Takes what an event says.
    pub fn take(&mut self, event: &Event, names: &mut Names) {
        let id = event.envelope.id;
        match &event.body {
            Body::WebhookReceived(webhook) => drop(self.heard.insert(names.of(&webhook.deal))),
            Body::TouchpointDue(due) => self.due.push(Due {
                touchpoint: names.of(&due.touchpoint_id),
                deal: names.of(deal_of(due.deal.as_ref())),
                moment: names.of(&due.moment),
            }),
            Body::DeliveryConcluded(done) => self.concluded.push(Concluded {
                event: id,
                touchpoint: names.of(done.of.as_ref().map_or("", |of| &of.touchpoint_id)),
                outcome: done.outcome,
            }),
            Body::ObligationClosed(closed) => self.closed.push(Closed {
                event: id,
                deal: names.of(enrolled(closed.enrolment.as_ref())),
                moment: names.of(&closed.moment),
                outcome: closed.outcome,
            }),
            _ => {}
        }
    }

    /// Takes what the vendors hold.
    pub fn take_world(&mut self, sandbox: &Sandbox, names: &mut Names) {
        let orders = sandbox.gifts.orders().into_iter();
        self.orders = orders
            .map(|order| Order {
                touchpoint: names.of(id_of(order.external_id.as_deref().unwrap_or_default())),
                cents: order.amount.minor,
            })
            .collect();
        let ids = sandbox.mailbox.message_ids();
        self.mails = ids.iter().map(|id| names.of(id_of(id))).collect();
    }

    /// Takes which touchpoints wait for a person, out of any list that names their ids; others are not looked
    /// for.
    pub fn take_doubts(&mut self, list: &str) {
        let listed = ids_in(list);
        let due = self.due.iter().map(|due| &due.touchpoint);
        self.in_doubt = due.filter(|touchpoint| listed.contains(&***touchpoint)).cloned().collect();
    }
}

pub(crate) fn deal_of(deal: Option<&proto::DealRef>) -> &str {
    deal.map_or("", |deal| &deal.deal)
}

pub(crate) fn enrolled(enrolment: Option<&proto::Enrolment>) -> &str {
    deal_of(enrolment.and_then(|enrolment| enrolment.deal.as_ref()))
}

/// The touchpoint's id at the start of a longer id.
fn id_of(text: &str) -> &str {
    text.get(..ID_CHARS).unwrap_or(text)
}

/// Every word of a text that has the form of an id.
fn ids_in(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !(c.is_ascii_hexdigit() || c == '-'));
    let is_id = |word: &&str| word.len() == ID_CHARS && word.matches('-').count() == 4;
    words.filter(is_id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_in_any_table() {
        let id = "5f0c8b9e-0000-5000-8000-000000000001";
        let text = format!("state  id\nin_doubt  {id}  acme/hubspot:1:2\n{{\"touchpoint\":\"{id}\"}} 12-34");
        assert_eq!(ids_in(&text), BTreeSet::from([id]));
        assert_eq!(id_of(&format!("{id}-3")), id);
        assert_eq!(id_of(&format!("{id}@mail.example")), id);
    }
}
