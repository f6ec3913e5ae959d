//! A deal as it stands in the CRM now, the same shape for both CRMs.
//!
//! Invariant: two reads of an unchanged record give equal snapshots (lists are sorted), so that a
//! difference means a change. Personal data sits in [`Sensitive`] fields only.

use afterglow_domain::{AccountKey, DealKey, Money, Sensitive, Timestamp};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// One deal, read at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The deal that answered. After a merge it is another one than was asked for: the survivor.
    pub deal: DealKey,
    /// The deal's name; empty where the CRM has none.
    pub name: String,
    /// The buying company: HubSpot's primary company, Salesforce's account.
    pub account: Option<Account>,
    /// Who owns the deal on our side.
    pub owner: Option<Person>,
    /// The people of the deal, sorted by id.
    pub contacts: Vec<Contact>,
    /// The deal's worth; `None` where the CRM has none or where `amount_problem` says why.
    pub amount: Option<Money>,
    /// Why an amount in the CRM could not be taken, with what to do about it.
    pub amount_problem: Option<String>,
    /// The CRM's own id of the stage (HubSpot), its API name (Salesforce).
    pub stage: String,
    /// What the stage means.
    pub status: Status,
    /// The close date as the CRM keeps it.
    pub close_date: Option<CloseDate>,
    /// When the deal last came into a won stage from one that is not; `None` unless won. Where the CRM
    /// shows no history it is the record's last change, so the first value seen is the one to keep.
    pub won_at: Option<Timestamp>,
    /// `new_business`, `renewal` …: the CRM's deal type in small letters with underscores.
    pub deal_type: Option<String>,
    /// When the CRM last changed the record; an older snapshot loses against a newer one.
    pub modified: Timestamp,
}

/// The buying company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its key.
    pub key: AccountKey,
    /// Its name; empty where the CRM has none.
    pub name: String,
}

/// Somebody of our own company, as the CRM knows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The CRM's id of the person.
    pub id: String,
    /// First name.
    pub first_name: Option<Sensitive<String>>,
    /// Last name.
    pub last_name: Option<Sensitive<String>>,
    /// Where mail reaches them; `None` also for what is not an address (no `@`, a line break).
    pub email: Option<Sensitive<String>>,
}

/// Somebody at the customer's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// The CRM's id of the contact.
    pub id: String,
    /// What they are in this deal: `champion`, `decision_maker`, `primary_contact` … in small letters
    /// with underscores, sorted. The only contact of a deal is its `primary_contact`.
    pub roles: Vec<String>,
    /// First name.
    pub first_name: Option<Sensitive<String>>,
    /// Last name.
    pub last_name: Option<Sensitive<String>>,
    /// Where mail reaches them; `None` also for what is not an address (no `@`, a line break).
    pub email: Option<Sensitive<String>>,
    /// They told the CRM that they want no mail.
    pub opted_out: bool,
    /// Their IANA zone, if the CRM names a valid one.
    pub zone: Option<String>,
    /// Their country as the CRM writes it.
    pub country: Option<String>,
    /// Their language as the CRM writes it (`de`, `en-us`).
    pub language: Option<String>,
}

/// What a stage means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Still being sold, or sold again.
    Open,
    /// Closed and won.
    Won,
    /// Closed and not won.
    Lost,
}

/// A close date as the CRM keeps it: Salesforce a date, HubSpot an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CloseDate {
    /// A date, valid as written.
    Day(Date),
    /// An instant, which is a date only in a zone.
    Instant(Timestamp),
}

impl CloseDate {
    /// The date it means to a connection in `zone`.
    pub fn in_zone(self, zone: &TimeZone) -> Date {
        match self {
            Self::Day(date) => date,
            Self::Instant(at) => at.to_jiff().to_zoned(zone.clone()).date(),
        }
    }
}

/// An address, or nothing where the text cannot be one: a CRM field holds anything, and a line break
/// in it must never reach a mail's head.
pub(crate) fn address(text: Option<String>) -> Option<Sensitive<String>> {
    let text = text?.trim().to_owned();
    let plain = text.contains('@') && !text.chars().any(|c| c.is_control() || c.is_whitespace());
    plain.then(|| Sensitive::new(text))
}

/// A name on one line, or nothing where the field is blank.
pub(crate) fn name(text: Option<String>) -> Option<Sensitive<String>> {
    filled(text).map(Sensitive::new)
}

/// A text on one line, or nothing where none is left. Control characters (a line break in a name would
/// forge a mail's header, a NUL one of our stores refuses) become blanks, and blanks in a row one.
pub(crate) fn filled(text: Option<String>) -> Option<String> {
    let text = text?;
    let words: Vec<&str> =
        text.split(|c: char| c.is_control() || c.is_whitespace()).filter(|word| !word.is_empty()).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_another_day_in_another_zone() {
        let late = CloseDate::Instant("2026-03-06T23:30:00Z".parse().unwrap());
        assert_eq!(late.in_zone(&TimeZone::UTC).to_string(), "2026-03-06");
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        assert_eq!(late.in_zone(&berlin).to_string(), "2026-03-07");
        let written = CloseDate::Day("2026-03-06".parse().unwrap());
        assert_eq!(written.in_zone(&berlin).to_string(), "2026-03-06");
    }

    #[test]
    fn what_is_no_address_is_none() {
        assert!(address(Some("ann@acme.example".into())).is_some());
        for bad in ["", "ann", "ann@acme.example\r\nBcc: x@y.example", "a b@c.example"] {
            assert!(address(Some(bad.into())).is_none(), "{bad:?}");
        }
        assert_eq!(filled(Some(" Ann\r\nBcc:\0 x\u{1b} ".into())).as_deref(), Some("Ann Bcc: x"));
        assert_eq!(filled(Some(" \0\n ".into())), None);
    }
}
