//! Leaving, where several dispatchers share the work of listening.

use std::time::Duration;

use afterglow_e2e::PATIENCE;
use afterglow_eventlog::kafka::{KafkaLog, Settings};
use afterglow_events::Topic;
use afterglow_sandbox::crm::Deal;
use afterglow_service::clock::SystemClock;
use afterglow_support::{Cluster, PARTITIONS, Role, World, customers};

use crate::consent::link;
use crate::kafka::{until_served, world};
use crate::kafka_outage::wired;

/// So many that their signals are in more partitions than one of two dispatchers has.
const CUSTOMERS: u64 = 8;

/// How old knowledge may be, in seconds.
const LAG_MAX: f64 = 60.0;

/// In what time a mail that may go has long gone.
const LONG_GONE: Duration = Duration::from_secs(5);

/// So many customers from number `first` on, half of them in each CRM.
fn customers(world: &World, first: u64) -> Vec<Deal> {
    (first..first + CUSTOMERS).map(|n| customers::in_turn(n, world.now())).collect()
}

/// By how many seconds the role is behind, as this process says.
async fn lag(world: &World, dispatcher: &Role) -> f64 {
    let url = format!("http://{}/metrics", dispatcher.admin);
    let metrics = world.http.get(&url).send().await.unwrap().text().await.unwrap();
    let line =
        metrics.lines().find_map(|line| line.strip_prefix("afterglow_dispatcher_signals_lag_seconds "));
    line.expect("it is measured").parse().unwrap()
}

/// One dispatcher reaches its database no more and stays in the group: what its partitions hold, nobody knows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_one_dispatcher_hears_nothing_no_other_mails() {
    let direct = Cluster::fresh().await;
    let (wire, wired) = wired(&direct).await;
    let mut settings = Settings::of(&direct.brokers, PARTITIONS, SystemClock::shared());
    settings.topic_prefix.clone_from(&direct.topic_prefix);
    let world = world(direct).await;
    world.make_topics().await;
    world.migrate().await;
    let mut far = world.launch_role_with("dispatcher", [("AFTERGLOW__STORE__URL", wired)]);
    let _ingest = world.start_role("ingest").await;
    let _engine = world.start_role("journey-engine").await;
    let near = world.start_role("dispatcher").await;
    world.until_ready(&mut far).await;
    let deals = customers(&world, 1);
    for deal in &deals {
        world.win(deal.clone()).await;
    }
    for deal in &deals {
        until_served(&world, customers::address(deal)).await;
    }

    wire.cut();
    for deal in &deals {
        let mails = world.mails_to(customers::address(deal));
        let link = link(mails[0].list_unsubscribe.as_deref());
        let acted = world.http.post(&link).body("List-Unsubscribe=One-Click").send().await.unwrap();
        assert_eq!(acted.status(), 200);
    }
    let reader = KafkaLog::new(settings).unwrap().reader().await.unwrap();
    let signals = reader.ends(Topic::Signals).await.unwrap();
    let spread = signals.iter().filter(|(_, _, end)| *end > 0).count();
    assert!(spread > usize::from(PARTITIONS / 2), "{signals:?}");
    let old = async || (lag(&world, &near).await > LAG_MAX).then_some(());
    world.until("what is known of wishes is too old", PATIENCE, old).await;
    // Of these, too, the other dispatcher has some, and can do nothing with them.
    let late = customers(&world, 1 + CUSTOMERS);
    for deal in &late {
        world.win(deal.clone()).await;
    }
    let waits = async || world.log().contains("mails wait").then_some(());
    world.until("the dispatcher that hears says that mails wait", PATIENCE, waits).await;
    tokio::time::sleep(LONG_GONE).await;
    for deal in &late {
        assert!(world.mails_to(customers::address(deal)).is_empty());
    }

    wire.mend();
    for deal in &late {
        until_served(&world, customers::address(deal)).await;
    }
    let goes_on = async || world.log().contains("mails go on").then_some(());
    world.until("the dispatcher that hears says that mails go on", PATIENCE, goes_on).await;
}
