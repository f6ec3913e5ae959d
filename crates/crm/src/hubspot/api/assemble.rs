//! From HubSpot's properties to the words of a snapshot.

use afterglow_domain::Timestamp;
use jiff::tz::TimeZone;

use super::wire::{Object, Owner};
use crate::role;
use crate::snapshot::{Contact, Person, address, filled, name};

pub(super) fn owner(id: String, owner: Owner) -> Person {
    Person {
        id,
        first_name: name(owner.first_name),
        last_name: name(owner.last_name),
        email: address(owner.email),
    }
}

pub(super) fn contact(object: Object, roles: Vec<String>) -> Contact {
    let Object { id, mut properties } = object;
    let mut take = |property: &str| properties.remove(property).flatten();
    Contact {
        id,
        roles,
        first_name: name(take("firstname")),
        last_name: name(take("lastname")),
        email: address(take("email")),
        opted_out: take("hs_email_optout").as_deref() == Some("true"),
        zone: take("hs_timezone").as_deref().and_then(zone),
        country: filled(take("country")),
        language: filled(take("hs_language")),
    }
}

/// HubSpot writes zones as option names: `europe_slash_berlin`. An unknown one is none: the journey's
/// default is better than a wrong hour.
fn zone(option: &str) -> Option<String> {
    let zone = TimeZone::get(&option.replace("_slash_", "/")).ok()?;
    zone.iana_name().map(ToOwned::to_owned)
}

/// HubSpot's two built-in deal types have no underscore; the others are options of the customer's.
pub(super) fn deal_type(option: &str) -> Option<String> {
    match option {
        "newbusiness" => Some("new_business".to_owned()),
        "existingbusiness" => Some("existing_business".to_owned()),
        other => role::slug(other),
    }
}

/// RFC 3339, or milliseconds since 1970 as some properties have it.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    match text.parse::<i64>() {
        Ok(ms) => Some(Timestamp::from_millis(ms)),
        Err(_) => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hubspots_spellings_become_ours() {
        assert_eq!(zone("europe_slash_berlin").as_deref(), Some("Europe/Berlin"));
        assert_eq!(zone("america_slash_new_york").as_deref(), Some("America/New_York"));
        assert_eq!(zone("mars_slash_base"), None);
        assert_eq!(deal_type("newbusiness").as_deref(), Some("new_business"));
        assert_eq!(deal_type("Renewal deal").as_deref(), Some("renewal_deal"));
        assert_eq!(instant("1772789400000"), instant("2026-03-06T09:30:00Z"));
        assert_eq!(instant("yesterday"), None);
    }
}
