//! How much of the scaled product is measured.

use std::time::Duration;

/// The amounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scale {
    /// How often each figure is measured, in turn with its reference.
    pub(crate) runs: usize,
    /// The edge's connections in a closed loop.
    pub(crate) connections: Vec<usize>,
    /// Requests per second at the edge in an open loop.
    pub(crate) rates: Vec<u32>,
    /// How long one run of the edge lasts.
    pub(crate) run_time: Duration,
    /// Timers that fire in one run.
    pub(crate) timers: usize,
    /// Further enrolments with a pending timer each, in the crowded database.
    pub(crate) pending: usize,
    /// Deals of one run from Kafka to Kafka.
    pub(crate) deals: usize,
    /// Engines beside each other.
    pub(crate) replicas: Vec<usize>,
    /// Timers that come due in a second while deals stream in.
    pub(crate) due_per_second: u32,
}

impl Scale {
    /// What a table is made of: about ten minutes on two cores.
    pub(crate) fn full() -> Self {
        Self {
            runs: 3,
            connections: vec![64, 256],
            rates: vec![500, 5_000],
            run_time: Duration::from_secs(4),
            timers: 10_000,
            pending: 1_000_000,
            deals: 20_000,
            replicas: vec![1, 2, 4],
            due_per_second: 1_500,
        }
    }

    /// What shows in seconds that the measurement works.
    pub(crate) fn quick() -> Self {
        Self {
            runs: 1,
            connections: vec![4],
            rates: vec![50],
            run_time: Duration::from_millis(200),
            timers: 60,
            pending: 2_000,
            deals: 200,
            replicas: vec![1, 2],
            due_per_second: 60,
        }
    }
}
