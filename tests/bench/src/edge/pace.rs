//! When a connection sends its next request.
//!
//! Closed loop: as soon as the last one was answered, so a slow server is asked less. Open loop: at a fixed
//! rate, whatever the server does; a request's latency counts from when it was to be sent, so that one that
//! waited for a free connection has waited.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

/// Tells connections when to send.
pub(crate) enum Pace {
    /// At once, until this instant.
    Closed { until: Instant },
    /// When the timetable says so.
    Open(Timetable),
}

/// Requests at equal distances.
pub(crate) struct Timetable {
    /// One permit for each request whose time has come, and one for each connection at the end.
    come: Arc<Semaphore>,
    taken: Cell<u32>,
    count: u32,
    start: Instant,
    distance: Duration,
}

impl Pace {
    /// At a fixed rate for a time, shared by so many connections. A thread watches the clock: the runtime's
    /// timers are too coarse, they would add a millisecond.
    pub(crate) fn open(per_second: u32, time: Duration, connections: usize) -> anyhow::Result<Self> {
        let come = Arc::new(Semaphore::new(0));
        let count = u32::try_from(u128::from(per_second) * time.as_millis() / 1000)?;
        let (start, distance) = (Instant::now(), Duration::from_secs(1) / per_second.max(1));
        let permits = come.clone();
        std::thread::Builder::new().name("timetable".to_owned()).spawn(move || {
            for request in 0..count {
                let wait = (start + distance * request).saturating_duration_since(Instant::now());
                if !wait.is_zero() {
                    std::thread::sleep(wait);
                }
                permits.add_permits(1);
            }
            permits.add_permits(connections);
        })?;
        Ok(Self::Open(Timetable { come, taken: Cell::new(0), count, start, distance }))
    }

    /// When the request counts as sent, once it may be; `None` after the last one.
    pub(crate) async fn next(&self) -> Option<Instant> {
        match self {
            Self::Closed { until } => Some(Instant::now()).filter(|now| now < until),
            Self::Open(timetable) => timetable.next().await,
        }
    }
}

impl Timetable {
    async fn next(&self) -> Option<Instant> {
        self.come.acquire().await.ok()?.forget();
        let request = self.taken.get();
        self.taken.set(request + 1);
        (request < self.count).then(|| self.start + self.distance * request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_request_of_a_timetable_is_sent_once_and_each_connection_ends() {
        let pace = Pace::open(1000, Duration::from_millis(50), 2).unwrap();
        let mut due = Vec::new();
        while let Some(at) = pace.next().await {
            assert!(at <= Instant::now(), "none is early");
            due.push(at);
        }
        assert_eq!(due.len(), 50);
        assert!(due.windows(2).all(|pair| pair[1] - pair[0] == Duration::from_millis(1)));
        assert!(pace.next().await.is_none(), "the other connection");
    }
}
