//! A deal, as data: what a test or the demo puts into a CRM.

use afterglow_domain::{Crm, Money, Timestamp};

/// One deal and everything around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deal {
    /// Where it lives.
    pub crm: Crm,
    /// HubSpot: digits. Salesforce: the 18-character id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its worth.
    pub amount: Option<Money>,
    /// HubSpot: `appointmentscheduled`, `contractsent`, `closedwon`, `closedlost`.
    /// Salesforce: `Prospecting`, `Negotiation/Review`, `Closed Won`, `Closed Lost`.
    pub stage: String,
    /// Its close date; Salesforce keeps only the day (in UTC here).
    pub closed_at: Timestamp,
    /// `newbusiness` (HubSpot), `New Business` (Salesforce) …
    pub deal_type: Option<String>,
    /// The buying company.
    pub company: Option<Company>,
    /// Who sold it.
    pub owner: Option<Person>,
    /// Its people at the customer's.
    pub contacts: Vec<Contact>,
}

/// A buying company.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Company {
    /// The CRM's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its web domain.
    pub domain: String,
}

/// A fictional person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The CRM's id.
    pub id: String,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// Address.
    pub email: String,
}

/// A person at the customer's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Who.
    pub person: Person,
    /// What they are in the deal: `Champion`, `Decision maker` … as the CRM's labels are written.
    pub roles: Vec<String>,
    /// The first contact that is primary is the deal's primary one (Salesforce's `IsPrimary`).
    pub primary: bool,
    /// They want no mail.
    pub opted_out: bool,
    /// IANA zone.
    pub zone: Option<String>,
    /// Country.
    pub country: Option<String>,
    /// Language, `de`.
    pub language: Option<String>,
}

impl Deal {
    /// Whether its stage is a won one.
    pub fn is_won(&self) -> bool {
        matches!(self.stage.as_str(), "closedwon" | "Closed Won")
    }

    /// Whether its stage is a closed one.
    pub fn is_closed(&self) -> bool {
        self.is_won() || matches!(self.stage.as_str(), "closedlost" | "Closed Lost")
    }
}

impl Person {
    /// First and last name.
    pub fn full_name(&self) -> String {
        format!("{} {}", self.first_name, self.last_name)
    }
}
