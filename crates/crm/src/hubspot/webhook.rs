//! What HubSpot's webhooks say: subscription events (arrays of up to 100, `deal.*` or `object.*`) and
//! workflow webhooks (one object). Source: HubSpot, "Webhooks API" and "Use webhooks with workflows".
//!
//! Invariant: every element of a body comes out exactly once, as a hint or as unusable. Order and
//! `eventId` mean nothing (HubSpot promises neither order nor uniqueness). Journal files are not read here.

use std::borrow::Cow;

use afterglow_domain::{DealKey, Timestamp};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::json;
use crate::hint::{Hint, Split, Subject};

/// HubSpot's object type of deals in `object.*` events.
const DEAL_TYPE: &str = "0-3";
/// HubSpot's object type of contacts.
const CONTACT_TYPE: &str = "0-1";
/// HubSpot's ids have up to 20 digits today; a far longer one is no id.
const ID_DIGITS_MAX: usize = 40;

/// Divides the body of one authentic webhook, or one event's own bytes as an earlier split gave them.
/// `portal` is the connection's: events of another portal are unusable here.
pub fn split(body: &Bytes, portal: i64) -> Split {
    let mut split = Split::default();
    let mut take = |element: &[u8], entries: Result<json::Entries<'_>, &'static str>| {
        let raw = body.slice_ref(element);
        match entries.and_then(|entries| read(&raw, &Payload::of(entries), portal)) {
            Ok(hint) => split.hints.push(hint),
            Err(reason) => split.refuse(raw, reason),
        }
    };
    let text = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii();
    if !text.starts_with(b"[") {
        take(text, json::entries(text));
    } else if let Some(objects) = json::objects(text) {
        for (object, entries) in objects {
            take(object, Ok(entries));
        }
    } else if let Some(elements) = json::elements(text) {
        for element in elements {
            take(element, json::entries(element));
        }
    } else {
        split.refuse(body.clone(), "the body is not a JSON array or object");
    }
    split
}

/// One event. Every field stays as it was written, so that ids of any length are exact and a field of
/// an unexpected type hurts only where it is needed.
#[derive(Default)]
struct Payload<'a> {
    subscription_type: Option<&'a RawValue>,
    /// What HubSpot's field table calls it; payloads say `subscriptionType`.
    event_type: Option<&'a RawValue>,
    object_type_id: Option<&'a RawValue>,
    portal_id: Option<&'a RawValue>,
    object_id: Option<&'a RawValue>,
    /// The id of the object API's form, which workflow webhooks use.
    id: Option<&'a RawValue>,
    occurred_at: Option<&'a RawValue>,
    property_name: Option<&'a RawValue>,
    property_value: Option<&'a RawValue>,
    primary_object_id: Option<&'a RawValue>,
    new_object_id: Option<&'a RawValue>,
    merged_object_ids: Option<&'a RawValue>,
    association_type: Option<&'a RawValue>,
    from_object_id: Option<&'a RawValue>,
    to_object_id: Option<&'a RawValue>,
    properties: Option<&'a RawValue>,
}

impl<'a> Payload<'a> {
    fn of(entries: json::Entries<'a>) -> Self {
        let mut event = Self::default();
        for (key, value) in entries.into_iter().filter(|(_, value)| value.get() != "null") {
            let field = match &*key {
                "subscriptionType" => &mut event.subscription_type,
                "eventType" => &mut event.event_type,
                "objectTypeId" => &mut event.object_type_id,
                "portalId" => &mut event.portal_id,
                "objectId" => &mut event.object_id,
                "id" => &mut event.id,
                "occurredAt" => &mut event.occurred_at,
                "propertyName" => &mut event.property_name,
                "propertyValue" => &mut event.property_value,
                "primaryObjectId" => &mut event.primary_object_id,
                "newObjectId" => &mut event.new_object_id,
                "mergedObjectIds" => &mut event.merged_object_ids,
                "associationType" => &mut event.association_type,
                "fromObjectId" => &mut event.from_object_id,
                "toObjectId" => &mut event.to_object_id,
                "properties" => &mut event.properties,
                _ => continue,
            };
            *field = Some(value);
        }
        event
    }
}

/// The properties of a workflow webhook that matter.
#[derive(Deserialize)]
struct Properties<'a> {
    #[serde(borrow)]
    hs_object_id: Option<&'a RawValue>,
    dealstage: Option<&'a RawValue>,
}

fn read(raw: &Bytes, event: &Payload<'_>, portal: i64) -> Result<Hint, &'static str> {
    if let Some(theirs) = text(event.portal_id)
        && theirs.parse() != Ok(portal)
    {
        return Err("it comes from another portal than the connection's: check portal_id");
    }
    let kind = text(event.subscription_type).or_else(|| text(event.event_type));
    let (subject, stage) = match kind.as_deref() {
        Some(kind) => (event.subject(kind, portal)?, event.stage()),
        None => event.workflow(portal)?,
    };
    Ok(Hint {
        raw: raw.clone(),
        event_type: kind.unwrap_or(Cow::Borrowed("workflow")).into_owned(),
        subject,
        stage,
        occurred_at: text(event.occurred_at).and_then(|ms| ms.parse().ok()).map(Timestamp::from_millis),
    })
}

impl Payload<'_> {
    fn subject(&self, kind: &str, portal: i64) -> Result<Subject, &'static str> {
        let (object, action) = kind.split_once('.').unwrap_or((kind, ""));
        let type_id = text(self.object_type_id);
        let is = |name, id| object == name || (object == "object" && type_id.as_deref() == Some(id));
        let deal = is("deal", DEAL_TYPE);
        match action {
            "associationChange" => self.association(deal, portal),
            "merge" if deal => self.merge(portal),
            "privacyDeletion" if is("contact", CONTACT_TYPE) => {
                let contact = id(self.object_id).ok_or("it names no contact")?;
                Ok(Subject::ErasedContact(contact.into_owned()))
            }
            // Creation, change, deletion, restoration and whatever comes: look at the deal.
            _ if deal => deals([self.object_id], portal),
            _ => Ok(Subject::Nothing),
        }
    }

    /// Survivor first. HubSpot names the record that stays `primaryObjectId`, or `newObjectId` where
    /// the merge made a new one.
    fn merge(&self, portal: i64) -> Result<Subject, &'static str> {
        let merged: Vec<&RawValue> = match self.merged_object_ids {
            Some(ids) => {
                serde_json::from_str(ids.get()).map_err(|_| "its mergedObjectIds are not an array")?
            }
            None => Vec::new(),
        };
        let survivor = [self.new_object_id, self.primary_object_id, self.object_id];
        deals(survivor.into_iter().chain(merged.into_iter().map(Some)), portal)
    }

    /// HubSpot tells both sides of an association: `DEAL_TO_CONTACT` from the deal, `CONTACT_TO_DEAL`
    /// from the contact.
    fn association(&self, deal: bool, portal: i64) -> Result<Subject, &'static str> {
        let kind = text(self.association_type).unwrap_or_default();
        let (from, to) = kind.split_once("_TO_").unwrap_or((if deal { "DEAL" } else { "" }, ""));
        match (from.starts_with("DEAL"), to.starts_with("DEAL")) {
            (true, true) => deals([self.from_object_id, self.to_object_id], portal),
            (true, false) => deals([self.from_object_id.or(self.object_id)], portal),
            (false, true) => deals([self.to_object_id], portal),
            (false, false) => Ok(Subject::Nothing),
        }
    }

    /// `REDACTED` stands for the value of a property marked sensitive: it hints at nothing.
    fn stage(&self) -> Option<String> {
        (text(self.property_name)? == "dealstage").then_some(())?;
        let stage = text(self.property_value).filter(|stage| !stage.is_empty() && stage != "REDACTED");
        stage.map(Cow::into_owned)
    }

    /// A workflow's webhook carries the object itself and no event type.
    fn workflow(&self, portal: i64) -> Result<(Subject, Option<String>), &'static str> {
        if text(self.object_type_id).is_some_and(|id| id != DEAL_TYPE) {
            return Ok((Subject::Nothing, None));
        }
        let properties: Option<Properties<'_>> =
            self.properties.and_then(|all| serde_json::from_str(all.get()).ok());
        let properties = properties.as_ref();
        let property_id = properties.and_then(|all| value(all.hs_object_id));
        let object = id(self.object_id)
            .or_else(|| id(self.id))
            .or_else(|| property_id.filter(|id| is_id(id)).map(Cow::Owned));
        let object = object.ok_or("it has neither a subscriptionType nor the id of a deal")?;
        let deal = DealKey::hubspot(portal, &object).map_err(|_| "the deal's id is not one of HubSpot's")?;
        let stage = properties.and_then(|all| value(all.dealstage)).filter(|stage| !stage.is_empty());
        Ok((Subject::Deals(vec![deal]), stage))
    }
}

/// The deals with these ids, each once, in order.
fn deals<'a>(
    ids: impl IntoIterator<Item = Option<&'a RawValue>>,
    portal: i64,
) -> Result<Subject, &'static str> {
    let mut found = Vec::new();
    for written in ids.into_iter().flatten().filter(|written| written.get() != "null") {
        let key = id(Some(written)).and_then(|id| DealKey::hubspot(portal, &id).ok());
        let key = key.ok_or("the deal's id is not one of HubSpot's")?;
        if !found.contains(&key) {
            found.push(key);
        }
    }
    if found.is_empty() { Err("it names no deal") } else { Ok(Subject::Deals(found)) }
}

/// An id as written, digit for digit, whether HubSpot sent a number or a text.
fn id(written: Option<&RawValue>) -> Option<Cow<'_, str>> {
    text(written).filter(|id| is_id(id))
}

fn is_id(id: &str) -> bool {
    (1..=ID_DIGITS_MAX).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_digit())
}

/// A text, or any other scalar as it was written. NULs, which one of our stores refuses, are replaced.
fn text(written: Option<&RawValue>) -> Option<Cow<'_, str>> {
    match written?.get() {
        "null" => None,
        quoted if quoted.starts_with('"') => {
            if !quoted.contains('\\') {
                // Nothing is escaped, and a NUL must be.
                return Some(Cow::Borrowed(&quoted[1..quoted.len() - 1]));
            }
            let text: String = serde_json::from_str(quoted).ok()?;
            Some(Cow::Owned(text.replace('\0', "\u{fffd}")))
        }
        other => Some(Cow::Borrowed(other)),
    }
}

/// A property's value: plain in today's object API, `{"value": …}` in the older one that workflows keep.
fn value(written: Option<&RawValue>) -> Option<String> {
    #[derive(Deserialize)]
    struct Old<'a> {
        #[serde(borrow)]
        value: Option<&'a RawValue>,
    }
    let old: Option<Old<'_>> = written.and_then(|written| serde_json::from_str(written.get()).ok());
    text(old.map_or(written, |old| old.value)).map(Cow::into_owned)
}

#[cfg(test)]
mod tests;
