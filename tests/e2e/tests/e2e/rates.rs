//! A CRM that allows few requests: reads wait for their turn, and are slow instead of failing.

use std::collections::BTreeSet;

use afterglow_e2e::PATIENCE;
use afterglow_support::{Settings, World, customers, key_of};

/// Requests in ten seconds: eight deals, read side by side, would each be far from done after ten.
const RATE: u32 = 24;

/// So many deals are won at once.
const DEALS: u64 = 8;

/// How many requests the product has made to HubSpot, as it counts them itself.
async fn requests(world: &World) -> f64 {
    let url = format!("http://{}/metrics", world.admin);
    let metrics = world.http.get(url).send().await.unwrap().text().await.unwrap();
    let of_hubspot = |line: &&str| {
        line.starts_with("afterglow_crm_requests_total{") && line.contains("vendor=\"hubspot\"")
    };
    let count = |line: &str| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap();
    metrics.lines().filter(of_hubspot).map(count).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_low_rate_makes_reads_slow_and_none_of_them_fails() {
    let world = World::new(Settings { hubspot_rate: RATE, ..Settings::default() }).await;
    let _product = world.start().await;
    let began = world.now();
    let mut won = BTreeSet::new();
    for n in 1..=DEALS {
        let deal = customers::hubspot(n, world.now());
        won.insert(key_of(&deal).to_string());
        world.win(deal).await;
    }
    world
        .until_history("every deal was read", PATIENCE, |history| {
            let read = history.won().filter_map(|(_, event)| event.deal.as_ref()?.deal.clone());
            won.is_subset(&read.map(|deal| deal.deal).collect())
        })
        .await;
    let (took, requests) = (world.now().since(began).as_secs_f64(), requests(&world).await);
    let burst = f64::from(RATE / 10);
    let at_the_rate = (requests - burst) * 10.0 / f64::from(RATE);
    assert!(requests > 30.0, "{requests} requests prove nothing");
    assert!(took > at_the_rate * 0.8, "{requests} requests in {took} s are too fast");
    assert!(took < at_the_rate * 1.5 + 10.0, "{requests} requests in {took} s, {at_the_rate} would do");
    let log = world.log();
    assert!(!log.contains("AG2001"), "a read failed: {log:.4000}");
    assert!(at_the_rate > 10.0, "all reads together take longer than one that waits for nothing may");
}
