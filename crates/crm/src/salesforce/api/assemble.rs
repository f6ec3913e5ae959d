//! From Salesforce's records to the words of a snapshot.

use std::collections::BTreeMap;

use afterglow_domain::{Currency, Money, Timestamp};

use super::wire::{HistoryRow, Opportunity};
use super::{id18_of, instant};
use crate::read::Error;
use crate::role::{self, PRIMARY_CONTACT};
use crate::snapshot::{Contact, Person, address, filled, name};

pub(super) fn owner(found: &Opportunity) -> Option<Person> {
    let id = found.owner_id.clone()?;
    let owner = found.owner.as_ref();
    Some(Person {
        id,
        first_name: name(owner.and_then(|owner| owner.first_name.clone())),
        last_name: name(owner.and_then(|owner| owner.last_name.clone())),
        email: address(owner.and_then(|owner| owner.email.clone())),
    })
}

/// One contact per person, who may have several roles.
pub(super) fn contacts(found: &Opportunity) -> Result<Vec<Contact>, Error> {
    let rows = found.contact_roles.as_ref().map(|roles| roles.records.as_slice()).unwrap_or_default();
    let mut contacts: BTreeMap<String, Contact> = BTreeMap::new();
    for row in rows {
        let id = id18_of(&row.contact_id)?;
        // A role whose contact we may not see reaches nobody.
        let Some(person) = &row.contact else { continue };
        let contact = contacts.entry(id.clone()).or_insert_with(|| Contact {
            id,
            roles: Vec::new(),
            first_name: name(person.first_name.clone()),
            last_name: name(person.last_name.clone()),
            email: address(person.email.clone()),
            opted_out: person.has_opted_out_of_email,
            zone: None,
            country: filled(person.mailing_country.clone()),
            language: None,
        });
        contact.roles.extend(row.role.as_deref().and_then(role::slug));
        if row.is_primary {
            contact.roles.push(PRIMARY_CONTACT.to_owned());
        }
    }
    Ok(contacts.into_values().collect())
}

/// The amount, or why there is none although the record has one.
pub(super) fn amount(found: &Opportunity, fallback: Option<Currency>) -> (Option<Money>, Option<String>) {
    let Some(written) = found.amount.as_ref() else { return (None, None) };
    let currency = match &found.currency_iso_code {
        Some(code) => Currency::new(code).map_err(|error| error.to_string()),
        None => fallback.ok_or_else(|| {
            "the organisation has one currency and its API does not tell which: set the connection's currency"
                .to_owned()
        }),
    };
    let parse = |code| Money::parse_decimal(&plain(written.get()), code).map_err(|error| error.to_string());
    match currency.and_then(parse) {
        Ok(money) => (Some(money), None),
        Err(problem) => (None, Some(problem)),
    }
}

/// A decimal without an exponent: Salesforce writes ten million and more as `1.2E7`. What is not such
/// a number, or is far too large, stays as it is and is refused by the parser of money.
fn plain(number: &str) -> String {
    let as_is = || number.to_owned();
    let Some((mantissa, exponent)) = number.split_once(['e', 'E']) else { return as_is() };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    match exponent.trim_start_matches('+').parse::<usize>() {
        Ok(shift @ 0..=30) => {
            let (moved, rest) = fraction.split_at_checked(shift).unwrap_or((fraction, ""));
            let point = if rest.is_empty() { "" } else { "." };
            format!("{whole}{moved:0<shift$}{point}{rest}")
        }
        _ => as_is(),
    }
}

/// The time of the oldest row of the newest unbroken run in the won stage. `rows` are newest first; a
/// row is written for every change of stage, amount or date, so a run may have many. `None` where the
/// newest row is of another stage: the history lags, or is cut.
pub(super) fn won_at(rows: &[HistoryRow], stage: &str) -> Result<Option<Timestamp>, Error> {
    let run = rows.iter().take_while(|row| row.stage_name == stage);
    run.last().map(|row| instant(&row.created_date)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_are_written_out_exactly() {
        for (written, expected) in [
            ("120000.0", "120000.0"),
            ("1.2E7", "12000000"),
            ("1.23456789E7", "12345678.9"),
            ("-1.0e+3", "-1000"),
            ("5E0", "5"),
            ("1E400", "1E400"),
            ("1E-2", "1E-2"),
        ] {
            assert_eq!(plain(written), expected);
        }
    }

    #[test]
    fn the_newest_run_in_the_won_stage_counts() {
        let rows = |stages: &[(&str, &str)]| -> Vec<HistoryRow> {
            let row = |(stage, at): &(&str, &str)| HistoryRow {
                stage_name: (*stage).to_owned(),
                created_date: format!("2026-03-{at}T10:00:00.000+0000"),
            };
            stages.iter().map(row).collect()
        };
        let history = rows(&[("Won", "09"), ("Won", "06"), ("Sent", "05"), ("Won", "02")]);
        assert_eq!(won_at(&history, "Won").unwrap(), Some("2026-03-06T10:00:00Z".parse().unwrap()));
        assert_eq!(won_at(&rows(&[("Sent", "05")]), "Won").unwrap(), None);
        assert!(won_at(&[HistoryRow { stage_name: "Won".into(), created_date: "?".into() }], "Won").is_err());
    }
}
