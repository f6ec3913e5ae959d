//! Calendar days and the instants at which people are reached.
//!
//! Day N is day 0 plus N calendar days, nobody's 24 hours. A local time that does not exist becomes
//! the first valid one after it; one that exists twice is the first. Zone data is the bundled one,
//! so that a file means the same on every machine.

use std::ops::Range;
use std::time::Duration;

use afterglow_domain::Timestamp;
use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};

use crate::definition::Sending;

/// How long after `send_at` people are still reached: from the usual 09:30 on it is a working day, and
/// whoever is written to at a quarter to eight in the evening did not ask for it.
const REACHED_FOR: Duration = Duration::from_hours(8);

/// An IANA time zone such as `Europe/Berlin`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

impl Zone {
    /// Looks the name up; `None` where it is no IANA name, or one in another spelling.
    pub fn new(name: &str) -> Option<Self> {
        let zone = TimeZoneDatabase::bundled().get(name).ok()?;
        (zone.iana_name() == Some(name)).then(|| Self { name: name.to_owned(), zone })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The calendar date of an instant there.
    pub fn date_of(&self, at: Timestamp) -> Date {
        self.local(at).date()
    }

    /// The date and time of day of an instant there.
    pub fn local(&self, at: Timestamp) -> DateTime {
        self.zone.to_datetime(at.to_jiff())
    }

    /// The instant of a local date and time, by the rules at the top of this file.
    pub fn instant(&self, date: Date, time: Time) -> Timestamp {
        let local = date.to_datetime(time);
        let ambiguous = self.zone.to_ambiguous_timestamp(local);
        let instant = match ambiguous.offset() {
            AmbiguousOffset::Gap { after, .. } => after.to_timestamp(local).ok().and_then(|before_gap| {
                self.zone.following(before_gap).next().map(|change| change.timestamp())
            }),
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => ambiguous.earlier().ok(),
        };
        Timestamp::from_jiff(instant.unwrap_or(if date.year() < 0 {
            jiff::Timestamp::MIN
        } else {
            jiff::Timestamp::MAX
        }))
    }
}

impl Sending {
    /// When a moment of this date goes out.
    pub fn slot_on(&self, date: Date) -> Timestamp {
        self.zone.instant(date, self.send_at)
    }

    /// When people are reached on this date: from its slot for [`REACHED_FOR`], and never into the next
    /// date. In a sandbox whose days pass in seconds the hours are as wide as its windows, so that a turn
    /// that takes half a day moves nothing.
    pub fn hours_on(&self, date: Date) -> Range<Timestamp> {
        let from = self.slot_on(date);
        from..from.plus(REACHED_FOR.max(self.window_at_least)).min(self.end_of(date))
    }

    /// The last time of day at which people are reached; `None` is the end of the day.
    pub fn reached_until(&self) -> Option<Time> {
        let until = self.send_at.wrapping_add(REACHED_FOR.as_secs().cast_signed().seconds());
        (until > self.send_at).then_some(until)
    }

    /// The first instant after this date: a deadline is over from then on.
    pub fn end_of(&self, date: Date) -> Timestamp {
        self.zone.instant(plus_days(date, 1), Time::midnight())
    }
}

/// The date `days` calendar days later, or earlier if negative; stops at the calendar's ends.
pub fn plus_days(date: Date, days: i32) -> Date {
    date.saturating_add(days.days())
}

/// Which day `date` is, counted from `day_zero`; negative before it.
pub fn day_of(day_zero: Date, date: Date) -> i32 {
    i32::try_from(day_zero.duration_until(date).as_hours() / 24).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{date, time};

    fn at(zone: &str, day: Date, hour: i8, minute: i8) -> String {
        Zone::new(zone).unwrap().instant(day, time(hour, minute, 0, 0)).to_string()
    }

    #[test]
    fn rule_2_days_are_calendar_days_across_both_clock_changes() {
        assert_eq!(plus_days(date(2026, 3, 28), 1), date(2026, 3, 29));
        assert_eq!(day_of(date(2026, 3, 6), date(2026, 6, 4)), 90);
        assert_eq!(day_of(date(2026, 3, 6), date(2026, 3, 5)), -1);
        // Berlin springs forward on 29 March and falls back on 25 October 2026; 09:30 stays 09:30.
        assert_eq!(at("Europe/Berlin", date(2026, 3, 28), 9, 30), "2026-03-28T08:30:00Z");
        assert_eq!(at("Europe/Berlin", date(2026, 3, 29), 9, 30), "2026-03-29T07:30:00Z");
        assert_eq!(at("Europe/Berlin", date(2026, 10, 25), 9, 30), "2026-10-25T08:30:00Z");
    }

    #[test]
    fn rule_2_a_time_that_does_not_exist_is_the_first_valid_one_after() {
        assert_eq!(at("Europe/Berlin", date(2026, 3, 29), 2, 30), "2026-03-29T01:00:00Z");
        // In Beirut midnight itself is skipped.
        assert_eq!(at("Asia/Beirut", date(2026, 3, 29), 0, 0), "2026-03-28T22:00:00Z");
    }

    #[test]
    fn rule_2_a_time_that_exists_twice_is_the_first() {
        assert_eq!(at("Europe/Berlin", date(2026, 10, 25), 2, 30), "2026-10-25T00:30:00Z");
    }

    #[test]
    fn a_wrong_zone_is_rejected() {
        assert!(Zone::new("Europe/Berlin").is_some());
        for bad in ["CEST", "Europe/Belrin", "europe/berlin", "", "+02:00"] {
            assert!(Zone::new(bad).is_none(), "{bad}");
        }
    }
}
