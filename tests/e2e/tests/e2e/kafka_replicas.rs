//! A whole journey with two replicas of each role, behind what would be a load balancer.

use afterglow_e2e::{PATIENCE, STORY, STORY_SUBJECTS, kept};
use afterglow_support::{Cluster, Settings, World, customers, key_of};

use crate::kafka::assert_log_is_impersonal;

const MOMENTS: [&str; 4] = ["welcome", "getting-started", "first-month", "value-1"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_of_each_role_share_every_journey_and_nothing_comes_twice() {
    // Everything that our own parts may say.
    let level = "info,afterglow=trace,afterglow_ingest=trace,afterglow_journey_engine=trace,\
        afterglow_dispatcher=trace,afterglow_crm=trace,afterglow_providers=trace,afterglow_durable=trace,\
        afterglow_eventlog=debug";
    let settings = Settings {
        cluster: Some(Cluster::fresh().await),
        env: vec![("AFTERGLOW__TELEMETRY__LEVEL", level.to_owned())],
        ..Settings::with_journey(STORY)
    };
    let world = World::new(settings).await;
    world.make_topics().await;
    world.migrate().await;
    let edges = [world.edge, world.other_edge()];
    let mut replicas = Vec::new();
    for edge in edges {
        replicas
            .extend(["ingest", "journey-engine", "dispatcher"].map(|role| world.launch_role_at(role, edge)));
    }
    for replica in &mut replicas {
        world.until_ready(replica).await;
    }
    let deals = [1, 2, 3, 4].map(|n| customers::in_turn(n, world.now()));
    for (deal, edge) in deals.iter().zip(edges.iter().cycle()) {
        world.sandbox.crm.put(deal.clone(), world.now());
        let told = world.post_to(*edge, &world.sign(&world.webhook(&deal.id))).await.unwrap();
        assert!(told.is_success(), "{}: {}", told.status, told.body);
    }
    let keys = deals.each_ref().map(key_of);
    let ended = |history: &afterglow_support::History| {
        keys.iter().all(|key| history.closed_of(key).count() >= MOMENTS.len())
    };
    let history = world.until_history("every promise has ended", PATIENCE, ended).await;
    for (deal, key) in deals.iter().zip(&keys) {
        assert_eq!(history.due_of(key).count(), MOMENTS.len());
        assert_eq!(kept(&history, key), MOMENTS);
        let address = customers::address(deal);
        let gifts: Vec<i64> = world.gifts_for(address).iter().map(|gift| gift.amount.minor).collect();
        assert_eq!(gifts, [2_500, 5_000]);
        let letters = world.mails_to(address);
        let subjects: Vec<&str> = letters.iter().map(|letter| letter.subject.as_str()).collect();
        assert_eq!(subjects, STORY_SUBJECTS);
    }
    for replica in replicas {
        assert_eq!(replica.process.terminate().await, Some(0));
    }
    assert_log_is_impersonal(&world, &deals.map(|deal| customers::address(&deal).to_owned()));
}
