//! Forgets what is old enough, a small transaction at a time, between the role's other work.
//!
//! What recognises a repetition is never forgotten: a touchpoint, an enrolment, a deal keep their row for
//! ever and lose only its details. Marks of the inbox and dead letters go whole.
//! Deliberately absent: giving the space back to the disk. The files use it again.

use std::future::Future;
use std::time::Duration;

use afterglow_domain::Timestamp;

use crate::error::Error;
use crate::metric;

/// How often the janitor looks: what may stay for weeks may stay an hour more.
const EVERY: Duration = Duration::from_hours(1);

/// How many rows without bulk go in one transaction.
pub const ROWS_MAX: usize = 1000;

/// How many rows lose their details in one transaction: they are read and written, with kilobytes each.
pub const DETAILS_MAX: usize = 100;

/// Recognised events.
pub const INBOX_MARKS: &str = "inbox_marks";
/// Parked letters.
pub const DEAD_LETTERS: &str = "dead_letters";
/// What is in a row beyond that which recognises.
pub const DETAILS: &str = "details";

/// Something to forget regularly.
#[derive(Debug, Clone, Copy)]
pub struct Chore {
    /// Whose.
    pub role: &'static str,
    /// What, as the metric and the log say it.
    pub what: &'static str,
    /// How long it is kept.
    pub keep: Duration,
}

impl Chore {
    /// Forgets for ever; `step` forgets some of what is older than the instant it is given, in one
    /// transaction, and says how much. `now` is the wall's clock.
    pub async fn run<F, Fut>(self, now: impl Fn() -> Timestamp, step: F)
    where
        F: Fn(Timestamp) -> Fut,
        Fut: Future<Output = Result<usize, Error>>,
    {
        loop {
            self.round(now(), &step).await;
            tokio::time::sleep(EVERY).await;
        }
    }

    /// One round: steps until one finds nothing. How much was forgotten.
    pub async fn round<F, Fut>(self, now: Timestamp, step: F) -> usize
    where
        F: Fn(Timestamp) -> Fut,
        Fut: Future<Output = Result<usize, Error>>,
    {
        let Self { role, what, keep } = self;
        let (before, mut count) = (now.minus(keep), 0);
        loop {
            match step(before).await {
                Ok(0) => break,
                Ok(some) => {
                    metrics::counter!(metric::FORGOTTEN, "role" => role, "what" => what)
                        .increment(some as u64);
                    count += some;
                }
                Err(error) => {
                    tracing::warn!(role, what, %error, "janitor: could not forget; next try in an hour");
                    break;
                }
            }
        }
        if count > 0 {
            tracing::info!(role, what, count, %before, "janitor: forgot what is older");
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    const CHORE: Chore = Chore { role: "test", what: DETAILS, keep: Duration::from_secs(30) };

    #[tokio::test]
    async fn a_round_steps_until_nothing_is_left_and_stops_at_trouble() {
        let trouble = || Error::Unavailable("full".to_owned());
        let script = RefCell::new(vec![Ok(0), Ok(3), Ok(100), Err(trouble()), Ok(7)]);
        let asked = RefCell::new(Vec::new());
        let step = |before: Timestamp| {
            asked.borrow_mut().push(before);
            std::future::ready(script.borrow_mut().pop().unwrap())
        };
        let now = Timestamp(100_000_000);
        assert_eq!(CHORE.round(now, step).await, 7);
        assert_eq!(CHORE.round(now, step).await, 103);
        assert_eq!(*asked.borrow(), [Timestamp(70_000_000); 5]);
    }
}
