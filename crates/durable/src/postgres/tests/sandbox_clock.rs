//! A sandbox's clock is one for all its processes, and never a real product's.

use std::time::Duration;

use super::*;
use crate::postgres::sandbox_clock::{self, SandboxClock};

/// Where the journey is when the clock is read.
fn journey(clock: &SandboxClock, speed: u32) -> i64 {
    let elapsed = clock.now().since(clock.wall_base());
    clock.journey_anchor().plus(elapsed * speed).0
}

fn refused<T: std::fmt::Debug>(outcome: Result<T, Error>, saying: &str) {
    let told = outcome.unwrap_err();
    assert!(matches!(told, Error::Refused(_)) && told.to_string().contains(saying), "{told}");
}

#[tokio::test]
async fn the_journey_goes_on_from_where_it_is_at_any_speed() {
    let database = Database::fresh().await;
    let server = database.server();
    refused(sandbox_clock::read(&server, 86_400).await, "holds no sandbox's clock: run `afterglow migrate`");
    sandbox_clock::anchor(&server, 86_400).await.unwrap();
    let first = sandbox_clock::read(&server, 86_400).await.unwrap();
    assert_eq!(first.wall_base(), first.journey_anchor());
    sandbox_clock::anchor(&server, 86_400).await.unwrap();
    let same = sandbox_clock::read(&server, 86_400).await.unwrap();
    assert_eq!((same.wall_base(), same.journey_anchor()), (first.wall_base(), first.journey_anchor()));
    assert!(same.now() > first.now());

    sandbox_clock::anchor(&server, 24).await.unwrap();
    refused(sandbox_clock::read(&server, 86_400).await, "runs 24 times as fast");
    let slower = sandbox_clock::read(&server, 24).await.unwrap();
    assert!(journey(&slower, 24) >= journey(&same, 86_400), "{slower:?} after {same:?}");
    let day = Duration::from_hours(24);
    assert!(slower.journey_anchor().since(slower.wall_base()) < day * 60, "{slower:?}");
}

#[tokio::test]
async fn anchors_at_once_are_one() {
    let database = Database::fresh().await;
    let server = database.server();
    let done = futures::future::join_all((0..4).map(|_| sandbox_clock::anchor(&server, 86_400))).await;
    assert!(done.iter().all(Result::is_ok), "{done:?}");
    sandbox_clock::read(&server, 86_400).await.unwrap();
}

#[tokio::test]
async fn a_real_product_and_a_sandbox_never_share_a_database() {
    let database = Database::fresh().await;
    let server = database.server();
    sandbox_clock::refuse(&server).await.unwrap();
    let schema = Schema { name: "engine", ..CORE };
    migrate(&server, &schema).await.unwrap();
    refused(sandbox_clock::anchor(&server, 86_400).await, "the schema engine of a product with real time");

    let database = Database::fresh().await;
    let server = database.server();
    sandbox_clock::anchor(&server, 86_400).await.unwrap();
    migrate(&server, &schema).await.unwrap();
    sandbox_clock::anchor(&server, 86_400).await.unwrap();
    refused(sandbox_clock::refuse(&server).await, "use another database for real customers");
}
