//! Invented customers; `.example` belongs to nobody (RFC 2606).

use afterglow_domain::{Crm, Currency, DealKey, Money, Timestamp};
use afterglow_sandbox::crm::{Company, Contact, Deal, Person, Settings};

/// Customer number `n`, won in HubSpot.
pub fn hubspot(n: u64, closed_at: Timestamp) -> Deal {
    let ids = [100_000, 200_000, 300_000].map(|base| (base + n).to_string());
    deal(Crm::Hubspot, n, ids, closed_at)
}

/// Customer number `n`, won in Salesforce.
pub fn salesforce(n: u64, closed_at: Timestamp) -> Deal {
    // Without capital letters the three check characters are AAA.
    let ids = ["006", "001", "003"].map(|prefix| format!("{prefix}xx{n:010}AAA"));
    deal(Crm::Salesforce, n, ids, closed_at)
}

/// Customer number `n`, won in HubSpot where the number is odd and in Salesforce where it is even.
pub fn in_turn(n: u64, closed_at: Timestamp) -> Deal {
    if n.is_multiple_of(2) { salesforce(n, closed_at) } else { hubspot(n, closed_at) }
}

/// The key under which the product knows a deal.
pub fn key_of(deal: &Deal) -> DealKey {
    let crm = Settings::default();
    match deal.crm {
        Crm::Hubspot => DealKey::hubspot(crm.portal, &deal.id).unwrap(),
        Crm::Salesforce => DealKey::salesforce(&crm.org18, &deal.id).unwrap(),
    }
}

/// The stage of a CRM that means what `word` says: `open`, `won` or `lost`.
pub fn stage(crm: Crm, word: &str) -> &'static str {
    match (crm, word) {
        (Crm::Hubspot, "won") => "closedwon",
        (Crm::Hubspot, "lost") => "closedlost",
        (Crm::Hubspot, _) => "contractsent",
        (Crm::Salesforce, "won") => "Closed Won",
        (Crm::Salesforce, "lost") => "Closed Lost",
        (Crm::Salesforce, _) => "Negotiation/Review",
    }
}

/// Where the first contact of a deal is reached.
pub fn address(deal: &Deal) -> &str {
    &deal.contacts[0].person.email
}

fn deal(crm: Crm, n: u64, [id, company, contact]: [String; 3], closed_at: Timestamp) -> Deal {
    let (owner, kind) = match crm {
        Crm::Hubspot => ("77", "newbusiness"),
        Crm::Salesforce => ("005xx0000000077AAA", "New Business"),
    };
    Deal {
        crm,
        id,
        name: format!("Customer {n} – platform"),
        amount: Some(Money::new(1_000_000, Currency::USD)),
        stage: stage(crm, "won").to_owned(),
        closed_at,
        deal_type: Some(kind.to_owned()),
        company: Some(Company {
            id: company,
            name: format!("Customer {n}"),
            domain: format!("customer-{n}.example"),
        }),
        owner: Some(person(owner, "Mia", "Brandt", "mia.brandt@afterglow.example".to_owned())),
        contacts: vec![Contact {
            person: person(&contact, "Robin", "Berg", format!("robin@{crm}-{n}.example")),
            roles: vec!["Champion".to_owned()],
            primary: true,
            opted_out: false,
            zone: None,
            country: None,
            language: None,
        }],
    }
}

fn person(id: &str, first_name: &str, last_name: &str, email: String) -> Person {
    Person { id: id.to_owned(), first_name: first_name.to_owned(), last_name: last_name.to_owned(), email }
}
