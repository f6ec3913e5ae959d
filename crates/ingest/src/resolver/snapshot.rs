//! From a deal as the CRM tells it to a deal as the contract tells it.
//!
//! Every time of the CRM passes through the journey's clock first and becomes a date only then, in the
//! connection's zone: in a sandbox a deal closed today is closed today of the journey.

use afterglow_crm::{CloseDate, Contact, Person, Snapshot, Status};
use afterglow_domain::{Clocks, DealRef, Sensitive, Timestamp};
use afterglow_events::{convert, proto};
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// The last instant that the contract's JSON can write.
const LATEST: Timestamp = Timestamp(253_402_300_799_000_000);
/// The first one.
const EARLIEST: Timestamp = Timestamp(-62_135_596_800_000_000);

/// How one connection's snapshots become the contract's.
#[derive(Clone, Copy)]
pub struct SnapshotMapping<'a> {
    /// The clocks through which the CRM's times pass.
    pub clocks: &'a Clocks,
    /// The zone in which dates are meant.
    pub zone: &'a TimeZone,
}

impl SnapshotMapping<'_> {
    /// The snapshot as the contract writes it.
    pub fn map(&self, deal: &DealRef, snapshot: &Snapshot) -> proto::DealSnapshot {
        let won_at = snapshot.won_at.map(|at| self.instant(at));
        proto::DealSnapshot {
            deal: Some(convert::deal_ref(deal)),
            name: snapshot.name.clone(),
            account: snapshot.account.as_ref().map_or_else(String::new, |account| account.key.to_string()),
            account_name: snapshot.account.as_ref().map_or_else(String::new, |account| account.name.clone()),
            owner: snapshot.owner.as_ref().map(owner),
            contacts: snapshot.contacts.iter().map(contact).collect(),
            amount: snapshot.amount.map(convert::money),
            stage: snapshot.stage.clone(),
            status: status(snapshot.status).into(),
            close_date: snapshot
                .close_date
                .map_or_else(String::new, |date| self.close_date(date, snapshot.won_at).to_string()),
            won_date: won_at.map_or_else(String::new, |at| self.date(at).to_string()),
            won_at: won_at.map(convert::timestamp),
            modified_at: Some(convert::timestamp(self.instant(snapshot.modified))),
            deal_type: snapshot.deal_type.clone().unwrap_or_default(),
            zone: self.zone.iana_name().unwrap_or("UTC").to_owned(),
        }
    }

    /// An instant of the CRM as the journey sees it.
    pub fn instant(&self, at: Timestamp) -> Timestamp {
        self.clocks.journey_of(at).clamp(EARLIEST, LATEST)
    }

    /// A day without a time passes as the win's instant, where the deal was won on that day, else as the day's
    /// first moment: a sandbox may have begun after that, and its journey be a year further since.
    fn close_date(&self, date: CloseDate, won_at: Option<Timestamp>) -> Date {
        let at = match (date, won_at) {
            (CloseDate::Instant(at), _) => at,
            (CloseDate::Day(day), Some(won_at)) if self.date(won_at) == day => won_at,
            (CloseDate::Day(day), _) => match day.to_zoned(self.zone.clone()) {
                Ok(midnight) => Timestamp::from_jiff(midnight.timestamp()),
                // The calendar's very ends have no instant in every zone, and no journey either.
                Err(_) => return day,
            },
        };
        self.date(self.instant(at))
    }

    fn date(&self, at: Timestamp) -> Date {
        at.to_jiff().to_zoned(self.zone.clone()).date()
    }
}

fn status(status: Status) -> proto::DealStatus {
    match status {
        Status::Open => proto::DealStatus::Open,
        Status::Won => proto::DealStatus::Won,
        Status::Lost => proto::DealStatus::Lost,
    }
}

fn text(value: Option<&Sensitive<String>>) -> String {
    value.map_or_else(String::new, |value| value.expose().clone())
}

fn owner(person: &Person) -> proto::Recipient {
    proto::Recipient {
        contact_id: person.id.clone(),
        first_name: text(person.first_name.as_ref()),
        last_name: text(person.last_name.as_ref()),
        email: text(person.email.as_ref()),
        ..proto::Recipient::default()
    }
}

fn contact(contact: &Contact) -> proto::Recipient {
    proto::Recipient {
        contact_id: contact.id.clone(),
        roles: contact.roles.clone(),
        first_name: text(contact.first_name.as_ref()),
        last_name: text(contact.last_name.as_ref()),
        email: text(contact.email.as_ref()),
        zone: contact.zone.clone().unwrap_or_default(),
        country: contact.country.clone().unwrap_or_default(),
        language: contact.language.clone().unwrap_or_default(),
        opted_out: contact.opted_out,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use afterglow_domain::clock::{JourneyMap, ManualClock};

    use super::*;
    use crate::testing;

    #[test]
    fn dates_are_taken_in_the_connections_zone() {
        let clocks = Clocks::same(Arc::new(ManualClock::new(testing::START)));
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let late = "2026-03-06T23:30:00Z".parse().unwrap();
        let snapshot =
            Snapshot { won_at: Some(late), close_date: Some(CloseDate::Instant(late)), ..testing::won(1) };
        let mapped = SnapshotMapping { clocks: &clocks, zone: &zone }.map(&testing::deal(1), &snapshot);
        assert_eq!((mapped.won_date.as_str(), mapped.close_date.as_str()), ("2026-03-07", "2026-03-07"));
        assert_eq!(mapped.zone, "Europe/Berlin");
        let day = Snapshot { close_date: Some(CloseDate::Day("2026-03-06".parse().unwrap())), ..snapshot };
        let mapped = SnapshotMapping { clocks: &clocks, zone: &zone }.map(&testing::deal(1), &day);
        assert_eq!(mapped.close_date, "2026-03-06");
    }

    #[test]
    fn in_a_sandbox_times_pass_through_the_journeys_clock_before_they_become_dates() {
        let base = testing::START;
        let anchor = base.plus(Duration::from_hours(2400));
        let map = JourneyMap { wall_base: base, journey_anchor: anchor, speed: 86_400 };
        let clocks = Clocks::mapped(Arc::new(ManualClock::new(base)), map);
        let won_at = base.plus(Duration::from_secs(2));
        let snapshot = Snapshot { won_at: Some(won_at), ..testing::won(1) };
        let mapped =
            SnapshotMapping { clocks: &clocks, zone: &TimeZone::UTC }.map(&testing::deal(1), &snapshot);
        let expected = anchor.plus(Duration::from_hours(48)).to_jiff().to_zoned(TimeZone::UTC).date();
        assert_eq!(mapped.won_date, expected.to_string());
    }

    #[test]
    fn in_a_sandbox_a_close_day_is_the_day_of_its_win() {
        let base: Timestamp = "2026-03-06T10:00:00Z".parse().unwrap();
        let map = JourneyMap { wall_base: base, journey_anchor: base, speed: 86_400 };
        let clocks = Clocks::mapped(Arc::new(ManualClock::new(base)), map);
        let mapping = SnapshotMapping { clocks: &clocks, zone: &TimeZone::UTC };
        let closed = |day: &str| {
            let close_date = Some(CloseDate::Day(day.parse().unwrap()));
            let won_at = Some(base.plus(Duration::from_secs(400)));
            mapping.map(&testing::deal(1), &Snapshot { won_at, close_date, ..testing::won(1) }).close_date
        };
        assert_eq!(closed("2026-03-06"), "2027-04-10", "400 days after the sandbox began");
        assert_eq!(closed("2026-03-04"), "2026-03-04", "two days before it stay two days before it");
    }
}
