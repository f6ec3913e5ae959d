//! The product's own readers and webhook parsers against the sandbox.

use std::time::Duration;

use afterglow_crm::{Error, Reader, Reading, Snapshot, Status, Subject, hubspot, salesforce};
use afterglow_domain::{Crm, DealKey};
use axum::body::Bytes;

use super::*;
use crate::crm::{Deal, Trouble, webhook};

const ORG: &str = "00Dxx0000001gPFEAY";

struct Readers {
    hubspot: hubspot::api::Client,
    salesforce: salesforce::api::Client,
}

/// Both demo deals, open for a minute and then won at noon.
async fn with_readers() -> (World, Readers) {
    let world = world().await;
    for deal in demo_deals(noon()) {
        let open = if deal.crm == Crm::Hubspot { "contractsent" } else { "Negotiation/Review" };
        let (id, won) = (deal.id.clone(), deal.stage.clone());
        world.sandbox.crm.put(Deal { stage: open.to_owned(), ..deal }, noon().minus(Duration::from_mins(1)));
        world.sandbox.crm.set_stage(&id, &won, noon());
    }
    let mut options = hubspot::api::Options::new(24_801, "sandbox-hubspot-token".into());
    options.base_url = world.sandbox.hubspot_url();
    let hubspot = hubspot::api::Client::new(options, world.http.clone());
    let (key, secret) = ("sandbox-salesforce-key".to_owned(), "sandbox-salesforce-secret".into());
    let mut options =
        salesforce::api::Options::new(world.sandbox.salesforce_url(), ORG.to_owned(), key, secret);
    options.fallback_currency = Some(afterglow_domain::Currency::USD);
    let salesforce = salesforce::api::Client::new(options, world.http.clone());
    (world, Readers { hubspot, salesforce })
}

fn northwind() -> DealKey {
    DealKey::hubspot(24_801, "9001").unwrap()
}

fn bluebird() -> DealKey {
    DealKey::salesforce(ORG, "006xx000001a2bcAAA").unwrap()
}

fn found(reading: Reading) -> Snapshot {
    match reading {
        Reading::Found(snapshot) => *snapshot,
        Reading::Gone => panic!("gone"),
    }
}

#[tokio::test]
async fn both_demo_deals_are_read_whole() {
    let (world, readers) = with_readers().await;
    let north = found(readers.hubspot.read(&northwind()).await.unwrap());
    let blue = found(readers.salesforce.read(&bluebird()).await.unwrap());
    for (snapshot, account, amount, owner, contact) in [
        (&north, "Northwind GmbH", "48000 USD", "Mia", "jonas.weber@northwind.example"),
        (&blue, "Bluebird Labs", "21500 USD", "Sam", "priya.shah@bluebird.example"),
    ] {
        assert_eq!((snapshot.status, snapshot.won_at), (Status::Won, Some(noon())));
        assert_eq!(snapshot.modified, noon());
        assert_eq!(snapshot.account.as_ref().unwrap().name, account);
        assert_eq!(snapshot.amount.unwrap().to_string(), amount);
        assert_eq!(snapshot.owner.as_ref().unwrap().first_name, Some(owner.into()));
        assert_eq!(snapshot.contacts[0].email, Some(contact.into()));
        assert_eq!(snapshot.contacts[0].roles, ["champion", "primary_contact"]);
        assert_eq!(snapshot.deal_type.as_deref(), Some("new_business"));
    }
    world.end().await;
}

#[tokio::test]
async fn changes_merges_and_deletions_are_read() {
    let (world, readers) = with_readers().await;
    let records = &world.sandbox.crm;
    let later = noon().plus(Duration::from_mins(1));
    records.set_stage("9001", "closedlost", later);
    assert_eq!(found(readers.hubspot.read(&northwind()).await.unwrap()).status, Status::Lost);
    records.put(Deal { id: "9002".to_owned(), ..records.deal("9001").unwrap() }, later);
    records.merge("9001", "9002", later);
    assert_eq!(found(readers.hubspot.read(&northwind()).await.unwrap()).deal.object(), "9002");
    records.delete("9002", later);
    records.delete(bluebird().object(), later);
    assert_eq!(readers.hubspot.read(&northwind()).await, Ok(Reading::Gone));
    assert_eq!(readers.salesforce.read(&bluebird()).await, Ok(Reading::Gone));
    world.end().await;
}

#[tokio::test]
async fn trouble_is_told_apart() {
    let (world, readers) = with_readers().await;
    let records = &world.sandbox.crm;
    for crm in [Crm::Hubspot, Crm::Salesforce] {
        records.set_trouble(crm, Some(Trouble::RateLimit));
    }
    assert!(matches!(readers.hubspot.read(&northwind()).await, Err(Error::RateLimited { .. })));
    assert!(matches!(readers.salesforce.read(&bluebird()).await, Err(Error::RateLimited { .. })));
    for crm in [Crm::Hubspot, Crm::Salesforce] {
        records.set_trouble(crm, Some(Trouble::Unauthorised));
    }
    assert!(matches!(readers.hubspot.read(&northwind()).await, Err(Error::Unauthorised { .. })));
    assert!(matches!(readers.salesforce.read(&bluebird()).await, Err(Error::Unauthorised { .. })));
    records.set_trouble(Crm::Salesforce, None);
    found(readers.salesforce.read(&bluebird()).await.unwrap());
    records.expire_sessions();
    found(readers.salesforce.read(&bluebird()).await.unwrap());
    world.end().await;
}

#[test]
fn the_webhooks_hint_at_their_deals() {
    let [north, blue] = demo_deals(noon());
    let events = [
        webhook::hubspot_stage(24_801, &north, noon()),
        webhook::hubspot_merge(24_801, "9001", "9002", noon()),
        webhook::hubspot_deletion(24_801, "9001", noon()),
    ];
    let split = hubspot::webhook::split(&Bytes::from(webhook::hubspot(&events)), 24_801);
    assert!(split.unusable.is_empty(), "{:?}", split.unusable);
    let survivor = DealKey::hubspot(24_801, "9002").unwrap();
    let subjects: Vec<_> = split.hints.into_iter().map(|hint| hint.subject).collect();
    let expected = [vec![northwind()], vec![survivor, northwind()], vec![northwind()]].map(Subject::Deals);
    assert_eq!(subjects, expected);
    let split =
        salesforce::outbound::split(&Bytes::from(webhook::salesforce(ORG, &[&blue], noon())), ORG).unwrap();
    assert_eq!(split.hints[0].subject, Subject::Deals(vec![bluebird()]));
    assert_eq!(split.hints[0].stage.as_deref(), Some("Closed Won"));
}
