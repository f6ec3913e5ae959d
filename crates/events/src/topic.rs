//! The topics, their names and whose hands they are in.

use std::fmt;

/// One of the product's topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Authenticated raw deliveries; internal.
    Webhooks,
    /// What became of deals.
    Deals,
    /// What customers and other systems tell us.
    Signals,
    /// Moments that are due.
    Touchpoints,
    /// What became of touchpoints.
    Deliveries,
    /// What journeys do.
    Journeys,
    /// What could not be used.
    DeadLetters,
}

impl Topic {
    /// Every topic.
    pub const ALL: [Self; 7] = [
        Self::Webhooks,
        Self::Deals,
        Self::Signals,
        Self::Touchpoints,
        Self::Deliveries,
        Self::Journeys,
        Self::DeadLetters,
    ];

    /// The full name, as on Kafka.
    pub fn name(self) -> &'static str {
        match self {
            Self::Webhooks => "afterglow.webhooks.v1",
            Self::Deals => "afterglow.deals.v1",
            Self::Signals => "afterglow.signals.v1",
            Self::Touchpoints => "afterglow.touchpoints.v1",
            Self::Deliveries => "afterglow.deliveries.v1",
            Self::Journeys => "afterglow.journeys.v1",
            Self::DeadLetters => "afterglow.dead-letters.v1",
        }
    }

    /// The word between the dots, as people type it: `touchpoints`.
    pub fn short_name(self) -> &'static str {
        self.name().split('.').nth(1).expect("every name has three parts")
    }

    /// The topic of a full or short name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.name() == name || topic.short_name() == name)
    }

    /// Whether its records are keyed by home keys.
    pub fn keyed_by_home(self) -> bool {
        !matches!(self, Self::Webhooks | Self::DeadLetters)
    }

    /// Whether other services may read it.
    pub fn public(self) -> bool {
        self != Self::Webhooks
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_again() {
        for topic in Topic::ALL {
            assert_eq!(Topic::parse(topic.name()), Some(topic));
            assert_eq!(Topic::parse(topic.short_name()), Some(topic));
        }
        assert_eq!(Topic::parse("afterglow"), None);
    }
}
