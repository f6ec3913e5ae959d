//! The bodies of the webhooks that the CRMs send about a deal. Signing and sending them is the caller's.
//!
//! Invariant: the same deal and time give the same body.

use std::fmt::Write as _;

use afterglow_domain::Timestamp;
use serde_json::{Value, json};

use super::Deal;
use crate::chance;

/// HubSpot's body: an array of events (at most 100 in one delivery).
pub fn hubspot(events: &[Value]) -> String {
    Value::Array(events.to_vec()).to_string()
}

/// A deal came into its stage.
pub fn hubspot_stage(portal: i64, deal: &Deal, at: Timestamp) -> Value {
    let mut event = hubspot_event(portal, "deal.propertyChange", &deal.id, at);
    event["propertyName"] = json!("dealstage");
    event["propertyValue"] = json!(deal.stage);
    event
}

/// A deal was deleted.
pub fn hubspot_deletion(portal: i64, id: &str, at: Timestamp) -> Value {
    hubspot_event(portal, "deal.deletion", id, at)
}

/// A deal was merged into another.
pub fn hubspot_merge(portal: i64, loser: &str, survivor: &str, at: Timestamp) -> Value {
    let mut event = hubspot_event(portal, "deal.merge", survivor, at);
    event["primaryObjectId"] = number(survivor);
    event["mergedObjectIds"] = json!([number(loser)]);
    event["newObjectId"] = number(survivor);
    event["numberOfPropertiesMoved"] = json!(0);
    event
}

fn hubspot_event(portal: i64, kind: &str, id: &str, at: Timestamp) -> Value {
    json!({
        "eventId": chance::number(&format!("{kind}/{id}/{}", at.0)) >> 24,
        "subscriptionId": 25,
        "portalId": portal,
        "appId": 1_160_452,
        "occurredAt": at.as_millis(),
        "subscriptionType": kind,
        "attemptNumber": 0,
        "objectId": number(id),
        "changeSource": "CRM_UI",
    })
}

fn number(id: &str) -> Value {
    id.parse::<i64>().map_or_else(|_| json!(id), Value::from)
}

/// Salesforce's Outbound Message with one notification per deal (at most 100 in one delivery).
pub fn salesforce(org18: &str, deals: &[&Deal], at: Timestamp) -> String {
    let notifications: Vec<(String, String)> = deals
        .iter()
        .map(|deal| {
            let mut fields = String::new();
            let modified = at.to_jiff().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
            let day = deal.closed_at.to_jiff().strftime("%Y-%m-%d").to_string();
            let amount = deal.amount.map(|amount| amount.decimal());
            let account = deal.company.as_ref().map(|company| company.id.clone());
            // A field without a value is left out, as there.
            for (name, value) in [
                ("Id", Some(deal.id.clone())),
                ("AccountId", account),
                ("Amount", amount),
                ("CloseDate", Some(day)),
                ("LastModifiedDate", Some(modified)),
                ("StageName", Some(deal.stage.clone())),
            ] {
                if let Some(value) = value {
                    // Writing to a String cannot fail.
                    let _ = write!(fields, "<sf:{name}>{}</sf:{name}>", crate::page::escape(&value));
                }
            }
            (deal.id.clone(), fields)
        })
        .collect();
    outbound(org18, &notifications, at)
}

/// What is sent about an opportunity that was deleted before the delivery: no data.
pub fn salesforce_deletion(org18: &str, id: &str, at: Timestamp) -> String {
    outbound(org18, &[(id.to_owned(), String::new())], at)
}

fn outbound(org18: &str, notifications: &[(String, String)], at: Timestamp) -> String {
    let org15 = org18.get(..15).unwrap_or(org18);
    let mut body = String::new();
    for (id, fields) in notifications {
        let number = chance::number(&format!("{id}/{}", at.0)) % 1_000_000_000_000;
        let object = if fields.is_empty() {
            String::new()
        } else {
            format!(
                "<sObject xsi:type=\"sf:Opportunity\" xmlns:sf=\"urn:sobject.enterprise.soap.sforce.com\">{fields}</sObject>"
            )
        };
        // Writing to a String cannot fail.
        let _ = write!(body, "<Notification><Id>04l{number:012}AAA</Id>{object}</Notification>");
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope \
         xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><soapenv:Body>\
         <notifications xmlns=\"http://soap.sforce.com/2005/09/outbound\"><OrganizationId>{org18}</OrganizationId>\
         <ActionId>04kxx00000000blAAA</ActionId><SessionId xsi:nil=\"true\"/>\
         <EnterpriseUrl>https://sandbox.invalid/services/Soap/c/66.0/{org15}</EnterpriseUrl>\
         <PartnerUrl>https://sandbox.invalid/services/Soap/u/66.0/{org15}</PartnerUrl>\
         {body}</notifications></soapenv:Body></soapenv:Envelope>"
    )
}
