//! A deal's snapshot as the facts that a journey decides on: no personal data passes here.

use afterglow_domain::Timestamp;
use afterglow_events::proto;
use afterglow_journey::{Contact, Facts};
use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};

/// The facts of a snapshot that was emitted at `heard` on the journey's clock. A won date that the CRM
/// does not tell is the date, in the connection's zone, on which we heard of it.
pub(crate) fn facts(snapshot: &proto::DealSnapshot, heard: Timestamp) -> Facts {
    let zone = TimeZoneDatabase::bundled().get(&snapshot.zone).unwrap_or(TimeZone::UTC);
    Facts {
        close_date: date(&snapshot.close_date),
        won_date: date(&snapshot.won_date).unwrap_or_else(|| zone.to_datetime(heard.to_jiff()).date()),
        heard,
        contacts: snapshot.contacts.iter().map(contact).collect(),
        owner_reachable: snapshot.owner.as_ref().is_some_and(reachable),
    }
}

fn date(text: &str) -> Option<Date> {
    text.parse().ok()
}

fn contact(person: &proto::Recipient) -> Contact {
    Contact { id: person.contact_id.clone(), roles: person.roles.clone(), reachable: reachable(person) }
}

/// Whether a mail may be tried. What the vendors know of the address is the dispatcher's to look up.
fn reachable(person: &proto::Recipient) -> bool {
    !person.email.is_empty() && !person.opted_out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_no_address_or_wants_no_mail_is_not_reachable() {
        let person = |id: &str, email: &str, opted_out| proto::Recipient {
            contact_id: id.to_owned(),
            email: email.to_owned(),
            opted_out,
            ..Default::default()
        };
        let snapshot = proto::DealSnapshot {
            contacts: vec![
                person("a", "a@x.example", false),
                person("b", "", false),
                person("c", "c@x.example", true),
            ],
            close_date: "2026-03-06".to_owned(),
            zone: "Asia/Tokyo".to_owned(),
            ..Default::default()
        };
        let facts = facts(&snapshot, "2026-03-06T23:00:00Z".parse().unwrap());
        assert_eq!(facts.contacts.iter().map(|c| c.reachable).collect::<Vec<_>>(), [true, false, false]);
        assert!(!facts.owner_reachable);
        assert_eq!(facts.close_date, Some(jiff::civil::date(2026, 3, 6)));
        assert_eq!(facts.won_date, jiff::civil::date(2026, 3, 7), "heard on the 7th in Tokyo");
    }
}
