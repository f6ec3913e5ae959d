//! The settings of a log that keeps its own records.

use std::sync::Arc;
use std::time::Duration;

use afterglow_domain::Clock;
use afterglow_domain::shard::SHARDS;

use crate::error::Error;

/// How a log is made.
#[derive(Clone)]
pub struct Options {
    /// Partitions of each topic: a power of two from 1 to 64, fixed once the log exists.
    pub partitions: u16,
    /// How long records are kept, counted from `taken_at`.
    pub retention: Duration,
    /// The wall's clock; it stamps `taken_at`.
    pub clock: Arc<dyn Clock>,
}

impl Options {
    /// Refuses what no log can have.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.partitions.is_power_of_two() && self.partitions <= u16::from(SHARDS) {
            return Ok(());
        }
        Err(Error::PartitionCount { configured: self.partitions })
    }
}
