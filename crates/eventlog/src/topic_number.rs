//! The numbers under which topics are stored; part of the file format, so none ever changes.

use afterglow_events::Topic;

/// How many numbers there are; they run from 0 without gaps.
pub(crate) const COUNT: u16 = 7;

/// The number of a topic.
pub(crate) fn of(topic: Topic) -> u16 {
    match topic {
        Topic::Webhooks => 0,
        Topic::Deals => 1,
        Topic::Signals => 2,
        Topic::Touchpoints => 3,
        Topic::Deliveries => 4,
        Topic::Journeys => 5,
        Topic::DeadLetters => 6,
    }
}

/// The topic of a number; `None` where it is of a later version.
pub(crate) fn topic(number: i64) -> Option<Topic> {
    Topic::ALL.into_iter().find(|topic| i64::from(of(*topic)) == number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_has_one_number_below_the_count() {
        let mut numbers = Topic::ALL.map(of);
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..COUNT));
        assert!(Topic::ALL.into_iter().all(|known| topic(of(known).into()) == Some(known)));
        assert_eq!(topic(7), None);
    }
}
