//! Where a sandbox's journey clock stood: a small file in the data folder.
//!
//! The journey's clock stands still while no process runs and never goes back. It is therefore
//! written *ahead*: the file always names an instant that the clock has not passed. A clean stop
//! writes the exact instant; after a kill the clock goes on from the reserved one, at most
//! [`RESERVED`] of wall time further on. A crash of the machine itself may lose the newest files:
//! a sandbox is not worth an fsync four times a second.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use afterglow_domain::{Clocks, Timestamp};

/// The file in the data folder.
const FILE: &str = "sandbox-clock";
/// How often the file is written.
const EVERY: Duration = Duration::from_millis(250);
/// How far ahead on the wall the file reserves: four turns, so that a slow disk is no jump back.
const RESERVED: Duration = Duration::from_secs(1);

/// The anchor cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system refused.
    #[error("the sandbox clock's file {path} cannot be {what}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// `read` or `written`.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The file is not what this program writes.
    #[error("the sandbox clock's file {0} holds no time; remove the data folder to start a new sandbox")]
    Unreadable(PathBuf),
    /// A data folder of a sandbox is opened by a product with real time.
    #[error(
        "{0} says that this data folder belongs to a sandbox, and clock.seconds_per_day is not set; \
         use another data_dir for real customers"
    )]
    Leftover(PathBuf),
}

/// The file that remembers where the journey's clock stood.
#[derive(Debug, Clone)]
pub struct SandboxAnchor {
    path: PathBuf,
    ahead: Duration,
}

impl SandboxAnchor {
    /// Opens the anchor of a data folder; a new one starts at `fresh`. Gives the journey's time.
    pub fn open(data_dir: &Path, fresh: Timestamp, speed: u32) -> Result<(Self, Timestamp), Error> {
        let anchor = Self { path: data_dir.join(FILE), ahead: RESERVED * speed };
        let journey = match std::fs::read_to_string(&anchor.path) {
            Ok(text) => text.trim().parse().map_err(|_| Error::Unreadable(anchor.path.clone()))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => fresh,
            Err(source) => return Err(anchor.failed("read", source)),
        };
        anchor.write(journey.plus(anchor.ahead))?;
        Ok((anchor, journey))
    }

    /// Times of a sandbox mean nothing to a product with real time: its data folder is refused.
    pub(super) fn refuse_leftover(data_dir: &Path) -> Result<(), Error> {
        let path = data_dir.join(FILE);
        if path.exists() { Err(Error::Leftover(path)) } else { Ok(()) }
    }

    /// Keeps the file ahead of the clock, without end: a background task of
    /// [`Tasks`](crate::lifecycle::Tasks). After the last task call [`SandboxAnchor::stop`].
    pub async fn keep(self, clocks: Clocks) -> Result<(), Error> {
        let mut turn = tokio::time::interval(EVERY);
        let mut failing = false;
        loop {
            turn.tick().await;
            match self.write(clocks.journey.now().plus(self.ahead)) {
                Ok(()) => failing = false,
                // A full disk must not end the process: the edge answers for it. Said once.
                Err(error) if !failing => {
                    failing = true;
                    tracing::warn!(%error, "the sandbox's clock is not kept; trying again");
                }
                Err(_) => {}
            }
        }
    }

    /// Writes the exact time at which the journey's clock stops; nothing may run afterwards.
    pub fn stop(&self, clocks: &Clocks) -> Result<(), Error> {
        self.write(clocks.journey.now())
    }

    /// To a new file first, renamed over the old one: there is always one whole file.
    fn write(&self, journey: Timestamp) -> Result<(), Error> {
        let fresh = self.path.with_extension("new");
        std::fs::write(&fresh, format!("{journey}\n"))
            .and_then(|()| std::fs::rename(&fresh, &self.path))
            .map_err(|source| self.failed("written", source))
    }

    fn failed(&self, what: &'static str, source: io::Error) -> Error {
        Error::Io { path: self.path.clone(), what, source }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use afterglow_domain::clock::{JourneyMap, ManualClock};

    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    fn start(folder: &Path, wall: &ManualClock) -> (SandboxAnchor, Clocks) {
        use afterglow_domain::Clock;
        let (anchor, journey_anchor) = SandboxAnchor::open(folder, wall.now(), 86_400).unwrap();
        let map = JourneyMap { wall_base: wall.now(), journey_anchor, speed: 86_400 };
        (anchor, Clocks::mapped(Arc::new(wall.clone()), map))
    }

    #[test]
    fn the_journey_stands_still_between_two_runs() {
        let folder = tempfile::tempdir().unwrap();
        let wall = ManualClock::new(Timestamp::from_millis(1_800_000_000_000));
        let (anchor, clocks) = start(folder.path(), &wall);
        wall.advance(Duration::from_secs(30));
        let stopped = clocks.journey.now();
        anchor.stop(&clocks).unwrap();
        wall.advance(Duration::from_hours(2));
        assert_eq!(start(folder.path(), &wall).1.journey.now(), stopped);
    }

    #[tokio::test]
    async fn after_a_kill_the_journey_never_goes_back() {
        let folder = tempfile::tempdir().unwrap();
        let wall = ManualClock::new(Timestamp::from_millis(1_800_000_000_000));
        let (anchor, clocks) = start(folder.path(), &wall);
        wall.advance(Duration::from_secs(5));
        let keeping = anchor.keep(clocks.clone());
        tokio::time::timeout(EVERY / 5, keeping).await.expect_err("it keeps on until it is killed");
        let seen = clocks.journey.now();
        let resumed = start(folder.path(), &wall).1.journey.now();
        assert!(resumed >= seen && resumed.since(seen) <= DAY, "{seen} then {resumed}");
    }

    #[test]
    fn a_sandbox_folder_is_refused_in_real_time() {
        let folder = tempfile::tempdir().unwrap();
        SandboxAnchor::refuse_leftover(folder.path()).unwrap();
        start(folder.path(), &ManualClock::new(Timestamp::EPOCH));
        assert!(matches!(SandboxAnchor::refuse_leftover(folder.path()), Err(Error::Leftover(_))));
        std::fs::write(folder.path().join(FILE), "noon").unwrap();
        assert!(matches!(SandboxAnchor::open(folder.path(), Timestamp::EPOCH, 1), Err(Error::Unreadable(_))));
    }
}
