//! How long the roles keep what they no longer need to decide.

use std::time::Duration;

use serde::Serialize;

use super::defaults;
use super::section::Section;

/// `[keep]`: what is forgotten, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Keep {
    /// How long after its end a touchpoint or a customer's journey keeps its details: texts, recipients,
    /// requests to vendors, gift links.
    pub details_days: u16,
    /// How long a dead letter is kept, counted from when it was parked.
    pub dead_letters_days: u16,
}

impl Keep {
    pub(super) fn read(section: &Section<'_>) -> Self {
        let range = defaults::DETAILS_DAYS_RANGE;
        let details_days = section.number("details_days", defaults::DETAILS_DAYS, &range);
        let range = defaults::DEAD_LETTERS_DAYS_RANGE;
        let dead_letters_days = section.number("dead_letters_days", defaults::DEAD_LETTERS_DAYS, &range);
        section.finish();
        Self { details_days, dead_letters_days }
    }

    /// How long details are kept.
    pub fn details(&self) -> Duration {
        days(self.details_days)
    }

    /// How long dead letters are kept.
    pub fn dead_letters(&self) -> Duration {
        days(self.dead_letters_days)
    }
}

fn days(count: u16) -> Duration {
    Duration::from_hours(24 * u64::from(count))
}
