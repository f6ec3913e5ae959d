//! The two deals of the demo. Everybody in them is invented; `.example` belongs to nobody (RFC 2606).

use afterglow_domain::{Crm, Currency, Money, Timestamp};

use crate::crm::{Company, Contact, Deal, Person};

/// Northwind GmbH in HubSpot and Bluebird Labs in Salesforce, both won at `closed_at`.
pub fn demo_deals(closed_at: Timestamp) -> [Deal; 2] {
    [northwind(closed_at), bluebird(closed_at)]
}

fn northwind(closed_at: Timestamp) -> Deal {
    Deal {
        crm: Crm::Hubspot,
        id: "9001".to_owned(),
        name: "Northwind GmbH – platform".to_owned(),
        amount: Some(Money::new(4_800_000, Currency::USD)),
        stage: "closedwon".to_owned(),
        closed_at,
        deal_type: Some("newbusiness".to_owned()),
        company: Some(company("401", "Northwind GmbH", "northwind.example")),
        owner: Some(person("77", "Mia", "Brandt", "mia.brandt@afterglow.example")),
        contacts: vec![Contact {
            country: Some("Germany".to_owned()),
            language: Some("en".to_owned()),
            ..champion(person("501", "Jonas", "Weber", "jonas.weber@northwind.example"))
        }],
    }
}

fn bluebird(closed_at: Timestamp) -> Deal {
    Deal {
        crm: Crm::Salesforce,
        id: "006xx000001a2bcAAA".to_owned(),
        name: "Bluebird Labs – team plan".to_owned(),
        amount: Some(Money::new(2_150_000, Currency::USD)),
        stage: "Closed Won".to_owned(),
        closed_at,
        deal_type: Some("New Business".to_owned()),
        company: Some(company("001xx000003DGb2AAG", "Bluebird Labs", "bluebird.example")),
        owner: Some(person("005xx000001X8UzAAK", "Sam", "Okafor", "sam.okafor@afterglow.example")),
        contacts: vec![champion(person(
            "003xx000004TmiQAAS",
            "Priya",
            "Shah",
            "priya.shah@bluebird.example",
        ))],
    }
}

fn company(id: &str, name: &str, domain: &str) -> Company {
    Company { id: id.to_owned(), name: name.to_owned(), domain: domain.to_owned() }
}

fn person(id: &str, first_name: &str, last_name: &str, email: &str) -> Person {
    Person {
        id: id.to_owned(),
        first_name: first_name.to_owned(),
        last_name: last_name.to_owned(),
        email: email.to_owned(),
    }
}

fn champion(person: Person) -> Contact {
    Contact {
        person,
        roles: vec!["Champion".to_owned()],
        primary: true,
        opted_out: false,
        zone: None,
        country: None,
        language: None,
    }
}
