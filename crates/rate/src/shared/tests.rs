//! Two replicas and a place that counts, on a clock of the test's own.

use std::num::NonZeroU32;
use std::sync::Mutex as Plain;

use futures::FutureExt as _;
use futures::future::{BoxFuture, join_all};

use super::*;
use crate::Limiter;

/// Turns in memory, as a database keeps them; without a start where none are given.
#[derive(Default)]
struct Place {
    next: Plain<Option<Instant>>,
    takes: AtomicU32,
    away: AtomicBool,
}

impl Turns for Place {
    fn take<'t>(&'t self, _: &'t str, rate: Rate, count: u32) -> BoxFuture<'t, Result<Duration, String>> {
        self.takes.fetch_add(1, Ordering::Relaxed);
        if self.away.load(Ordering::Relaxed) {
            return std::future::ready(Err("the place is away".to_owned())).boxed();
        }
        let now = Instant::now();
        let mut next = self.next.lock().unwrap();
        let first = next.map_or(now, |next| next.max(now));
        *next = Some(first + rate.interval() * count);
        std::future::ready(Ok((first - now).saturating_sub(rate.tolerance()))).boxed()
    }
}

fn ten_a_second() -> Rate {
    Rate::per_second(NonZeroU32::new(10).unwrap())
}

async fn turns(limiter: &Limiter, count: u32) -> Vec<Duration> {
    let began = Instant::now();
    let turn = || async {
        limiter.turn().await;
        began.elapsed()
    };
    join_all((0..count).map(|_| turn())).await
}

#[tokio::test(start_paused = true)]
async fn two_replicas_have_one_rate_together() {
    let place = Arc::new(Place::default());
    let replica = || Limiter::shared("vendor".to_owned(), ten_a_second(), place.clone());
    let (one, other) = (replica(), replica());
    let began = Instant::now();
    tokio::join!(turns(&one, 20), turns(&other, 20));
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(3_800) && took <= Duration::from_millis(4_100), "{took:?}");
    assert!(place.takes.load(Ordering::Relaxed) < 10, "turns are taken for all who wait");
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_nobody_used_in_time_is_over() {
    let place = Arc::new(Place::default());
    let limiter = Limiter::shared("vendor".to_owned(), ten_a_second(), place);
    // Nine give up while the first has its turn.
    let gave_up = tokio::time::timeout(Duration::from_millis(50), turns(&limiter, 10)).await;
    assert!(gave_up.is_err());
    sleep(Duration::from_mins(1)).await;
    let at = turns(&limiter, 10).await;
    assert!(at[9] >= Duration::from_millis(900), "no burst of what was saved up: {at:?}");
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_until_turns_are_given_again() {
    let place = Arc::new(Place::default());
    place.away.store(true, Ordering::Relaxed);
    let limiter = Limiter::shared("vendor".to_owned(), ten_a_second(), place.clone());
    let late = tokio::time::timeout(Duration::from_secs(5), limiter.turn()).await;
    assert!(late.is_err());
    place.away.store(false, Ordering::Relaxed);
    assert!(turns(&limiter, 1).await[0] <= AGAIN);
}

#[tokio::test(start_paused = true)]
async fn a_burst_comes_at_once_and_then_the_even_rate() {
    let place = Arc::new(Place::default());
    let rate = ten_a_second().with_burst(NonZeroU32::new(5).unwrap());
    let limiter = Limiter::shared("vendor".to_owned(), rate, place);
    sleep(Duration::from_secs(1)).await;
    let mut at = turns(&limiter, 10).await;
    at.sort();
    assert!(at[9] >= Duration::from_millis(400) && at[9] <= Duration::from_secs(1), "{at:?}");
}
