//! A deal's snapshot as the facts that a journey decides on: no personal data passes here.

use afterglow_domain::Timestamp;
use afterglow_events::proto;
use afterglow_journey::{Contact, Facts, Obstacle};
use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use uuid::Uuid;

/// The facts of a snapshot that was emitted at `heard` on the journey's clock. A won date that the CRM
/// does not tell is the date, in the connection's zone, on which we heard of it.
pub(crate) fn facts(snapshot: &proto::DealSnapshot, heard: Timestamp) -> Facts {
    let zone = TimeZoneDatabase::bundled().get(&snapshot.zone).unwrap_or(TimeZone::UTC);
    Facts {
        close_date: date(&snapshot.close_date),
        won_date: date(&snapshot.won_date).unwrap_or_else(|| zone.to_datetime(heard.to_jiff()).date()),
        heard,
        contacts: snapshot.contacts.iter().map(contact).collect(),
        owner_reachable: snapshot.owner.as_ref().is_some_and(|owner| obstacle(owner).is_none_or(nameless)),
    }
}

fn date(text: &str) -> Option<Date> {
    text.parse().ok()
}

fn contact(person: &proto::Recipient) -> Contact {
    let (id, roles) = (person.contact_id.clone(), person.roles.clone());
    Contact { id, roles, obstacle: obstacle(person), address: mark(&person.email) }
}

/// What the CRM says against a mail. What the vendors know of the address comes with deliveries.
fn obstacle(person: &proto::Recipient) -> Option<Obstacle> {
    if person.email.trim().is_empty() {
        Some(Obstacle::NoAddress)
    } else if person.opted_out {
        Some(Obstacle::OptedOut)
    } else {
        person.first_name.trim().is_empty().then_some(Obstacle::NoFirstName)
    }
}

/// Our own staff are written to without a first name, too.
fn nameless(obstacle: Obstacle) -> bool {
    obstacle == Obstacle::NoFirstName
}

/// By which another address of the same person is recognised; 32 bits do not tell which it is. Upper case
/// and blanks around it make no other address.
fn mark(address: &str) -> u32 {
    let digest = Uuid::new_v5(&Uuid::NAMESPACE_URL, address.trim().to_lowercase().as_bytes());
    digest.as_fields().0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_no_address_or_no_name_or_wants_no_mail_is_not_written_to() {
        let person = |id: &str, email: &str, opted_out| proto::Recipient {
            contact_id: id.to_owned(),
            first_name: "Ann".to_owned(),
            email: email.to_owned(),
            opted_out,
            ..Default::default()
        };
        let snapshot = proto::DealSnapshot {
            contacts: vec![
                person("a", "a@x.example", false),
                person("b", "", false),
                person("c", "c@x.example", true),
                proto::Recipient { first_name: " ".to_owned(), ..person("d", "d@x.example", false) },
            ],
            owner: Some(proto::Recipient { first_name: String::new(), ..person("o", "o@x.example", false) }),
            close_date: "2026-03-06".to_owned(),
            zone: "Asia/Tokyo".to_owned(),
            ..Default::default()
        };
        let facts = facts(&snapshot, "2026-03-06T23:00:00Z".parse().unwrap());
        let obstacles: Vec<_> = facts.contacts.iter().map(|contact| contact.obstacle).collect();
        let expected =
            [None, Some(Obstacle::NoAddress), Some(Obstacle::OptedOut), Some(Obstacle::NoFirstName)];
        assert_eq!(obstacles, expected);
        assert!(facts.owner_reachable, "an owner needs an address and no first name");
        assert_eq!(facts.close_date, Some(jiff::civil::date(2026, 3, 6)));
        assert_eq!(facts.won_date, jiff::civil::date(2026, 3, 7), "heard on the 7th in Tokyo");
    }

    #[test]
    fn another_address_has_another_mark_and_another_spelling_has_not() {
        assert_eq!(mark("Ann@x.example "), mark("ann@x.example"));
        assert_ne!(mark("ann@x.example"), mark("ann@y.example"));
    }
}
