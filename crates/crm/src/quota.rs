//! How many requests a connection may send, and what that means for its reads.
//!
//! Invariant: a read that waits for nothing but its own connection's rate ends within its time, however
//! low the rate is. So few deals are read at a time that their requests go out within ten seconds, and
//! where even one deal's do not, the time grows with the rate.

use std::num::NonZeroU32;
use std::time::Duration;

use afterglow_rate::Rate;

use crate::read::READ_BUDGET;

/// The time that a rate is given for.
const PERIOD: Duration = Duration::from_secs(10);
/// A read of a deal whose stages, owner and currency nobody asked for yet is eight or nine requests; the
/// rest is for retries and for deals with hundreds of contacts.
const READ_REQUESTS_MAX: u32 = 12;
/// Most reads find stages, owner and currency in the caches.
const READ_REQUESTS: u32 = 5;
/// So many replicas may read at the same time while they share a rate, without a read being given up because it
/// waits for those of the others; with more of them at a rate that is used up, some reads are repeated.
const REPLICAS: u32 = 4;
/// Eight reads at a time, of about five requests each, use up HubSpot's 100 in ten seconds.
const READS_MAX: u32 = 8;

/// How a connection's deals are read, as its rate allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How many deals are read at a time.
    pub reads_at_once: usize,
    /// How long a read takes, about, while so many are made.
    pub read_time: Duration,
    /// The longest one read may take, the wait for its turns included: a caller holds a claim meanwhile,
    /// and claims must not run out.
    pub read_time_max: Duration,
}

impl Pace {
    /// The pace of a connection that may send so many requests in ten seconds.
    pub fn of(requests_per_10s: NonZeroU32) -> Self {
        Self::among(1, requests_per_10s)
    }

    /// The same where replicas share those requests.
    pub fn shared(requests_per_10s: NonZeroU32) -> Self {
        Self::among(REPLICAS, requests_per_10s)
    }

    fn among(replicas: u32, requests_per_10s: NonZeroU32) -> Self {
        let rate = requests_per_10s.get();
        let reads = (rate / READ_REQUESTS_MAX).clamp(1, READS_MAX);
        // The last request of a read waits at most for every other one of all reads, of everybody.
        let turns = PERIOD * (replicas * reads * READ_REQUESTS_MAX) / rate;
        Self {
            reads_at_once: reads as usize,
            read_time: PERIOD * (reads * READ_REQUESTS) / rate,
            read_time_max: READ_BUDGET + turns,
        }
    }
}

/// The rate of a connection that may send so many requests in ten seconds. The burst is a tenth of that: a
/// full burst after quiet seconds, followed by the steady rate, stays within a vendor's rolling window of
/// 110 %.
pub fn rate(requests_per_10s: NonZeroU32) -> Rate {
    let burst = NonZeroU32::new(requests_per_10s.get() / 10).unwrap_or(NonZeroU32::MIN);
    Rate::new(requests_per_10s, PERIOD).with_burst(burst)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(rate: u32) -> (usize, u64) {
        let pace = Pace::of(NonZeroU32::new(rate).unwrap());
        (pace.reads_at_once, pace.read_time_max.as_secs())
    }

    #[test]
    fn a_low_rate_means_fewer_reads_and_then_longer_ones() {
        assert_eq!(pace(10_000), (8, 10));
        assert_eq!(pace(100), (8, 19));
        assert_eq!(pace(45), (3, 18));
        assert_eq!(pace(24), (2, 20));
        assert_eq!(pace(12), (1, 20));
        assert_eq!(pace(1), (1, 130));
    }

    #[test]
    fn a_shared_rate_leaves_time_for_the_reads_of_the_others() {
        let rate = NonZeroU32::new(100).unwrap();
        let (alone, shared) = (Pace::of(rate), Pace::shared(rate));
        assert_eq!(shared.reads_at_once, alone.reads_at_once);
        assert_eq!((alone.read_time_max.as_secs(), shared.read_time_max.as_secs()), (19, 48));
    }

    #[test]
    fn the_requests_of_all_reads_fit_into_their_time_at_any_rate() {
        for rate in 1..=10_000 {
            let pace = Pace::of(NonZeroU32::new(rate).unwrap());
            let requests = u32::try_from(pace.reads_at_once).unwrap() * READ_REQUESTS_MAX;
            assert!(PERIOD * requests / rate + READ_BUDGET <= pace.read_time_max, "{rate}");
        }
    }
}
