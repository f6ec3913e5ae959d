//! How many requests a connection may send.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// A limiter for `per_10s` requests in 10 seconds. The burst is a tenth of that: a full burst after
/// quiet seconds, followed by the steady rate, stays within a vendor's rolling window of 110 %.
pub(crate) fn limiter(per_10s: NonZeroU32) -> DefaultDirectRateLimiter {
    let burst = NonZeroU32::new(per_10s.get() / 10).unwrap_or(NonZeroU32::MIN);
    let quota = Quota::with_period(Duration::from_secs(10) / per_10s.get())
        .expect("10 seconds divided by a u32 are at least 2 nanoseconds")
        .allow_burst(burst);
    RateLimiter::direct(quota)
}
