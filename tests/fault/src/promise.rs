//! What every accepted deal was promised: the moments of `journey.yaml`.

/// The journey of the fault run.
pub const JOURNEY: &str = include_str!("journey.yaml");

/// A promised moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Its id in the journey.
    pub id: &'static str,
    /// What its gift is worth, in cents; `None` where it is a mail alone.
    pub gift_cents: Option<i64>,
}

/// The eleven moments, in order.
pub const MOMENTS: &[Moment] = &[
    gift("welcome", 2_500),
    mail("getting-started"),
    gift("first-week", 2_500),
    mail("how-is-it-going"),
    mail("value-1"),
    gift("first-month", 5_000),
    mail("value-2"),
    mail("next-step"),
    mail("value-3"),
    mail("looking-ahead"),
    gift("first-quarter", 7_500),
];

/// The owner's task about a gift that is paid for and whose mail may not have come: nobody was promised it,
/// and there is one for each such gift.
pub const NOT_HANDED_OVER: &str = "gift-not-handed-over";

const fn gift(id: &'static str, cents: i64) -> Moment {
    Moment { id, gift_cents: Some(cents) }
}

const fn mail(id: &'static str) -> Moment {
    Moment { id, gift_cents: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_journey() {
        let written: Vec<&str> = JOURNEY.lines().filter_map(|line| line.split("{id: ").nth(1)).collect();
        let ids: Vec<&str> = written.iter().map(|rest| rest.split(',').next().unwrap()).collect();
        assert_eq!(ids, MOMENTS.iter().map(|moment| moment.id).collect::<Vec<_>>());
        assert_eq!(JOURNEY.matches("gift: {").count(), MOMENTS.iter().filter_map(|m| m.gift_cents).count());
    }
}
