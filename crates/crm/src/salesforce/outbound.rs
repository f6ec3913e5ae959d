//! Salesforce's Outbound Messages: SOAP 1.1 with up to 100 notifications (more are read too).
//!
//! Source: Salesforce, "SOAP API Developer Guide", outbound messaging. A message is only a hint: it has
//! no event type, no old value, and carries the latest data, so intermediate stages are lost.
//! Invariant: every notification comes out exactly once, as a hint or as unusable, with its own bytes.
//! What is refused whole (see [`Error`]) no Salesforce sends. Deliberately absent: `SessionId`, which
//! Salesforce no longer fills, and calling back to the URLs in the message.

use std::collections::BTreeMap;

use afterglow_domain::{DealKey, Sensitive, Timestamp};
use bytes::Bytes;

use super::id::to18;
use crate::hint::{Hint, Split, Subject, Unusable};

mod parse;

/// A document that is no Outbound Message, or a hostile one: a DTD, an entity, more than 64 levels,
/// 256 attributes in a tag or 4096 elements in a notification. It is kept raw and acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the document is refused as an Outbound Message: {reason}")]
pub struct Error {
    reason: &'static str,
}

/// A message as it stands in the document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// `OrganizationId` as written; absent in a malformed message.
    pub organization: Option<String>,
    /// The notifications in the document's order.
    pub notifications: Vec<Notification>,
}

/// One notification.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notification {
    /// From its first `<` to its last `>`. It may hold personal data.
    pub raw: Bytes,
    /// Salesforce's id of the notification, the same in every retry.
    pub id: Option<String>,
    /// The record; `None` where it was deleted before the message went out.
    pub record: Option<Record>,
    /// The record names a field twice, so that it means two things.
    pub ambiguous: bool,
}

/// The record in a notification.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// Its type without the prefix: `Opportunity`.
    pub object_type: Option<String>,
    /// Its fields by local name; `None` is a null. Null fields may also be missing.
    pub fields: BTreeMap<String, Option<Sensitive<String>>>,
}

impl Record {
    /// A field's text; `None` where it is missing or null.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name)?.as_ref().map(|value| value.expose().as_str())
    }
}

/// Reads a document. The body's size is the caller's to limit.
pub fn parse(body: &Bytes) -> Result<Message, Error> {
    parse::document(body)
}

/// Reads a document and divides it. `org18` is the connection's organisation in its 18-character form:
/// a message of another one (a refreshed sandbox has a new id) is unusable whole.
pub fn split(body: &Bytes, org18: &str) -> Result<Split, Error> {
    let message = parse(body)?;
    let mut split = Split::default();
    let organization = message.organization.as_deref().and_then(to18);
    if organization.as_deref() != Some(org18) {
        let reason = "it comes from another organisation than the connection's: check org_id";
        split.refuse(body.clone(), reason);
        return Ok(split);
    }
    for notification in message.notifications {
        match hint(&notification, org18) {
            Ok(hint) => split.hints.push(hint),
            Err(reason) => {
                split.unusable.push(Unusable { raw: notification.raw, reason: reason.to_owned() });
            }
        }
    }
    Ok(split)
}

fn hint(notification: &Notification, org18: &str) -> Result<Hint, &'static str> {
    if notification.ambiguous {
        return Err("its record names a field twice");
    }
    let deleted = "it has no record: the record was deleted before the message was sent";
    let record = notification.record.as_ref().filter(|record| !record.fields.is_empty()).ok_or(deleted)?;
    let object_type = record.object_type.as_deref().ok_or("its record has no type")?;
    // A contact role, a line item and the like lead to their opportunity.
    let (field, required) = match object_type {
        "Opportunity" => ("Id", true),
        _ => ("OpportunityId", false),
    };
    let subject = match record.field(field) {
        Some(id) => {
            let id18 = to18(id.trim()).ok_or("its opportunity's id is not one of Salesforce's")?;
            let deal = DealKey::salesforce(org18, &id18).map_err(|_| "its id makes no key")?;
            Subject::Deals(vec![deal])
        }
        None if required => return Err("its opportunity has no id"),
        None => Subject::Nothing,
    };
    let at = record.field("SystemModstamp").or_else(|| record.field("LastModifiedDate"));
    Ok(Hint {
        raw: notification.raw.clone(),
        event_type: object_type.to_owned(),
        subject,
        stage: record.field("StageName").filter(|stage| !stage.is_empty()).map(ToOwned::to_owned),
        occurred_at: at.and_then(|at| at.parse::<Timestamp>().ok()),
    })
}

#[cfg(test)]
mod tests;
