//! Two clocks, handed in as arguments: the wall's and the journey's.
//!
//! `wall` times everything technical: signatures, timeouts, claims, retries, rate limits, settling.
//! `journey` times everything promised: due moments, deadlines, lateness. Normally they are equal; in
//! a sandbox the journey's runs faster. Nothing outside `afterglow-service` reads the system's clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::time::Timestamp;

/// Tells the time. Implementations must be monotonic enough to never go back between two calls.
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The wall's and the journey's clock, and how the first maps to the second.
#[derive(Clone)]
pub struct Clocks {
    /// Signatures, timeouts, claims, retries, rate limits, settling.
    pub wall: Arc<dyn Clock>,
    /// Due moments, deadlines, lateness.
    pub journey: Arc<dyn Clock>,
    map: JourneyMap,
}

/// How instants of the wall map to instants of the journey: `journey = anchor + speed x (wall - base)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JourneyMap {
    /// The wall instant at which the map starts.
    pub wall_base: Timestamp,
    /// The journey instant at `wall_base`.
    pub journey_anchor: Timestamp,
    /// How many journey seconds pass in one wall second; 1 outside sandboxes.
    pub speed: u32,
}

impl JourneyMap {
    /// The map of a product that is not a sandbox.
    pub const IDENTITY: Self =
        Self { wall_base: Timestamp::EPOCH, journey_anchor: Timestamp::EPOCH, speed: 1 };

    /// The journey instant of a wall instant. Instants before the base map one to one, backwards from
    /// the anchor: a deal closed two days before the sandbox started is two days old in it.
    pub fn journey_of(&self, wall: Timestamp) -> Timestamp {
        let elapsed = wall.0.saturating_sub(self.wall_base.0);
        let speed = if elapsed < 0 { 1 } else { i64::from(self.speed) };
        Timestamp(self.journey_anchor.0.saturating_add(elapsed.saturating_mul(speed)))
    }

    /// How long on the wall until the journey's clock has moved by `by`; at least one microsecond.
    pub fn wall_duration(&self, by: Duration) -> Duration {
        (by / self.speed.max(1)).max(Duration::from_micros(1))
    }
}

impl Clocks {
    /// Both clocks the same.
    pub fn same(clock: Arc<dyn Clock>) -> Self {
        Self { wall: clock.clone(), journey: clock, map: JourneyMap::IDENTITY }
    }

    /// A journey clock that follows the wall's through a map.
    pub fn mapped(wall: Arc<dyn Clock>, map: JourneyMap) -> Self {
        Self { journey: Arc::new(Mapped { wall: wall.clone(), map }), wall, map }
    }

    /// The journey instant of a wall instant (CRM times pass through this).
    pub fn journey_of(&self, wall: Timestamp) -> Timestamp {
        self.map.journey_of(wall)
    }

    /// How long to sleep on the wall until the journey's clock has moved by `by`.
    pub fn wall_duration(&self, by: Duration) -> Duration {
        self.map.wall_duration(by)
    }

    /// How many journey seconds pass in one wall second.
    pub fn speed(&self) -> u32 {
        self.map.speed
    }
}

struct Mapped {
    wall: Arc<dyn Clock>,
    map: JourneyMap,
}

impl Clock for Mapped {
    fn now(&self) -> Timestamp {
        self.map.journey_of(self.wall.now())
    }
}

/// A clock that stands still until it is moved: for tests and simulations.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// A clock standing at `at`.
    pub fn new(at: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(at.0)))
    }

    /// Moves it forward.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX), Ordering::SeqCst);
    }

    /// Moves it to `at`, forwards or back: a jump is a fault worth testing.
    pub fn set(&self, at: Timestamp) {
        self.0.store(at.0, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sandbox_day_passes_in_a_second() {
        let wall = ManualClock::new(Timestamp(1_000_000_000));
        let map = JourneyMap { wall_base: wall.now(), journey_anchor: wall.now(), speed: 86_400 };
        let clocks = Clocks::mapped(Arc::new(wall.clone()), map);
        wall.advance(Duration::from_secs(1));
        assert_eq!(clocks.journey.now().since(map.journey_anchor), Duration::from_hours(24));
        assert_eq!(clocks.wall_duration(Duration::from_hours(24)), Duration::from_secs(1));
        let before = map.wall_base.minus(Duration::from_mins(1));
        assert_eq!(map.journey_anchor.since(clocks.journey_of(before)), Duration::from_mins(1));
    }
}
