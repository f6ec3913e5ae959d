//! Replicas share one rate.

use std::num::NonZeroU32;
use std::sync::Arc;

use afterglow_rate::{Limiter, Rate, Turns};
use futures::future::join_all;

use super::*;

fn hundred_a_second() -> Rate {
    Rate::per_second(NonZeroU32::new(100).unwrap())
}

#[tokio::test]
async fn two_replicas_have_one_rate_together() {
    let database = Database::fresh().await;
    let (one, schema) = database.fresh_store(&CORE, CommitFaults::default()).await;
    let other = database.store(&schema, CommitFaults::default()).await;
    let limiters = [one, other].map(|store| {
        Limiter::shared("vendor".to_owned(), hundred_a_second(), Arc::new(store) as Arc<dyn Turns>)
    });
    let began = tokio::time::Instant::now();
    join_all(limiters.iter().flat_map(|limiter| (0..40).map(|_| limiter.turn()))).await;
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(780), "80 turns of ten milliseconds took {took:?}");
}

#[tokio::test]
async fn turns_that_were_taken_are_not_given_again_and_rates_are_told_apart() {
    let database = Database::fresh().await;
    let (store, _) = database.fresh_store(&CORE, CommitFaults::default()).await;
    let hour = Rate::new(NonZeroU32::MIN, Duration::from_hours(1));
    assert_eq!(store.take("a", hour, 1).await, Ok(Duration::ZERO));
    let second = store.take("a", hour, 3).await.unwrap();
    assert!(second > Duration::from_mins(59) && second <= Duration::from_hours(1), "{second:?}");
    assert!(store.take("a", hour, 1).await.unwrap() > Duration::from_mins(239));
    assert_eq!(store.take("b", hour, 1).await, Ok(Duration::ZERO));
    let burst = hour.with_burst(NonZeroU32::new(3).unwrap());
    assert_eq!(store.take("c", burst, 1).await, Ok(Duration::ZERO));
    assert_eq!(store.take("c", burst, 2).await, Ok(Duration::ZERO));
    assert!(store.take("c", burst, 1).await.unwrap() > Duration::from_mins(59));
}
