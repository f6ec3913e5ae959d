//! Waiting for a condition, with a deadline.

use std::time::Duration;

use tokio::time::Instant;

/// How often a cheap condition is looked at: soon enough for a journey's day of a second.
pub const SOON: Duration = Duration::from_millis(40);
/// How often a condition is looked at that costs a look at the disk.
pub const SELDOM: Duration = Duration::from_millis(200);

/// The condition did not become true in time.
#[derive(Debug)]
pub struct TooLate;

/// Looks again after each `pause` until `look` gives something; once more after the deadline, so that a busy
/// machine is not mistaken for a broken product.
pub async fn until<T>(
    pause: Duration,
    patience: Duration,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> Result<T, TooLate> {
    let deadline = Instant::now() + patience;
    loop {
        let late = Instant::now() >= deadline;
        if let Some(found) = look().await {
            return Ok(found);
        }
        if late {
            return Err(TooLate);
        }
        tokio::time::sleep(pause).await;
    }
}
