//! The system's clock, read here and nowhere else, and the clocks that a configuration asks for.

mod anchor;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use afterglow_domain::clock::JourneyMap;
use afterglow_domain::{Clock, Clocks, Timestamp};

pub use anchor::{Error, SandboxAnchor};

use crate::config::ClockSettings;

/// The system's clock. When the system sets it back it stands still until the time is reached again.
#[derive(Debug, Default)]
pub struct SystemClock {
    latest: AtomicI64,
}

impl SystemClock {
    /// The clock, shared.
    pub fn shared() -> Arc<dyn Clock> {
        Arc::new(Self::default())
    }

    fn not_before(&self, read: i64) -> Timestamp {
        Timestamp(self.latest.fetch_max(read, Ordering::SeqCst).max(read))
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the system's clock")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.not_before(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}

/// The clocks that the configuration asks for. In a sandbox the second value remembers where the
/// journey's clock stood: run [`SandboxAnchor::keep`] and, last of all, [`SandboxAnchor::stop`].
pub fn clocks(
    settings: &ClockSettings,
    data_dir: &Path,
    wall: Arc<dyn Clock>,
) -> Result<(Clocks, Option<SandboxAnchor>), Error> {
    if settings.seconds_per_day.is_none() {
        SandboxAnchor::refuse_leftover(data_dir)?;
        return Ok((Clocks::same(wall), None));
    }
    let wall_base = wall.now();
    let (anchor, journey_anchor) = SandboxAnchor::open(data_dir, wall_base, settings.speed())?;
    let map = JourneyMap { wall_base, journey_anchor, speed: settings.speed() };
    Ok((Clocks::mapped(wall, map), Some(anchor)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_set_back_stands_still() {
        let clock = SystemClock::default();
        assert_eq!(clock.not_before(100), Timestamp(100));
        assert_eq!(clock.not_before(40), Timestamp(100));
        assert_eq!(clock.not_before(101), Timestamp(101));
        let first = clock.now();
        assert!(clock.now() >= first && first > Timestamp(1_700_000_000_000_000));
    }
}
