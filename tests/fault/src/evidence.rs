//! What the world holds after a run, collected from the outside.
//!
//! Touchpoints go by the text of their id, which is also the vendor's external id and the local part of
//! the mail's Message-ID.

use std::collections::BTreeSet;

use afterglow_domain::EventId;
use afterglow_events::proto;
use afterglow_support::{History, World};

/// How many characters a touchpoint's id has.
const ID_CHARS: usize = 36;

/// Everything that the checker looks at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Deals whose webhook was answered with success.
    pub accepted: BTreeSet<String>,
    /// Deals that a record of the webhooks topic names.
    pub heard: BTreeSet<String>,
    /// Every record of a moment that became due.
    pub due: Vec<Due>,
    /// Every record of a touchpoint that was done with.
    pub concluded: Vec<Concluded>,
    /// Every record of a promise that ended.
    pub closed: Vec<Closed>,
    /// Every order in the vendor's ledger.
    pub orders: Vec<Order>,
    /// The touchpoint of every mail in the mailbox.
    pub mails: Vec<String>,
    /// Touchpoints of attempts that wait for a person.
    pub in_doubt: BTreeSet<String>,
}

/// A moment became due.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    /// The touchpoint.
    pub touchpoint: String,
    /// Whose.
    pub deal: String,
    /// Which moment.
    pub moment: String,
}

/// A touchpoint was done with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Concluded {
    /// The event's id: the same conclusion written twice is one.
    pub event: String,
    /// The touchpoint.
    pub touchpoint: String,
    /// What became of it.
    pub outcome: i32,
}

/// A promise ended.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Closed {
    /// The event's id.
    pub event: String,
    /// Whose.
    pub deal: String,
    /// Which moment.
    pub moment: String,
    /// How.
    pub outcome: i32,
}

/// A gift was ordered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Order {
    /// The touchpoint, as the start of the external id says.
    pub touchpoint: String,
    /// Its worth in minor units.
    pub cents: i64,
}

impl Evidence {
    /// Collects what the product said, what the vendors hold and what waits for a person.
    pub async fn collect(world: &World, history: &History, accepted: BTreeSet<String>) -> Self {
        let mut evidence = Self::of_topics(history);
        evidence.accepted = accepted;
        let orders = world.sandbox.gifts.orders();
        evidence.orders = orders
            .into_iter()
            .map(|order| Order {
                touchpoint: id_of(&order.external_id.unwrap_or_default()),
                cents: order.amount.minor,
            })
            .collect();
        let mails = world.sandbox.mailbox.mails();
        evidence.mails =
            mails.iter().map(|mail| id_of(&mail.letter().message_id.unwrap_or_default())).collect();
        // The list names attempts too; only touchpoints are looked for.
        let listed = ids_in(&world.ask(&["attempts", "list"]).await);
        let due = evidence.due.iter().map(|due| &due.touchpoint);
        evidence.in_doubt = due.filter(|touchpoint| listed.contains(*touchpoint)).cloned().collect();
        evidence
    }

    /// What the topics say.
    pub fn of_topics(history: &History) -> Self {
        let deal = |deal: &Option<proto::DealRef>| deal.as_ref().map_or_else(String::new, |d| d.deal.clone());
        let due = |due: &proto::TouchpointDue| Due {
            touchpoint: due.touchpoint_id.clone(),
            deal: deal(&due.deal),
            moment: due.moment.clone(),
        };
        let concluded = |event: EventId, done: &proto::DeliveryConcluded| Concluded {
            event: event.to_string(),
            touchpoint: done.of.as_ref().map_or_else(String::new, |of| of.touchpoint_id.clone()),
            outcome: done.outcome,
        };
        let closed = |event: EventId, closed: &proto::ObligationClosed| Closed {
            event: event.to_string(),
            deal: closed.enrolment.as_ref().map_or_else(String::new, |enrolment| deal(&enrolment.deal)),
            moment: closed.moment.clone(),
            outcome: closed.outcome,
        };
        Self {
            heard: history.webhooks().map(|(_, webhook)| webhook.deal.clone()).collect(),
            due: history.due().map(|(_, body)| due(body)).collect(),
            concluded: history.concluded().map(|(id, done)| concluded(id, done)).collect(),
            closed: history.closed().map(|(id, body)| closed(id, body)).collect(),
            ..Self::default()
        }
    }
}

/// The touchpoint's id at the start of a longer id.
fn id_of(text: &str) -> String {
    text.chars().take(ID_CHARS).collect()
}

/// Every word of a text that has the form of an id.
fn ids_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_hexdigit() || c == '-'));
    let is_id = |word: &&str| word.len() == ID_CHARS && word.matches('-').count() == 4;
    words.filter(is_id).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_in_any_table() {
        let id = "5f0c8b9e-0000-5000-8000-000000000001";
        let text = format!("state  id\nin_doubt  {id}  acme/hubspot:1:2\n{{\"touchpoint\":\"{id}\"}} 12-34");
        assert_eq!(ids_in(&text), BTreeSet::from([id.to_owned()]));
        assert_eq!(id_of(&format!("{id}-3")), id);
        assert_eq!(id_of(&format!("{id}@mail.example")), id);
    }
}
