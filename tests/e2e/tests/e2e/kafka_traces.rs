//! Traces over three processes, Kafka and PostgreSQL.

use afterglow_e2e::{PATIENCE, STORY};
use afterglow_support::collector::Collector;
use afterglow_support::{Cluster, Settings, World, customers};

use crate::traces::{assert_impersonal, until_served, until_told};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_leads_back_to_its_webhook_over_three_processes() {
    let collector = Collector::start().await;
    let cluster = Some(Cluster::fresh().await);
    let settings = Settings { cluster, env: collector.env(), ..Settings::with_journey(STORY) };
    let world = World::new(settings).await;
    world.make_topics().await;
    world.migrate().await;
    let roles = [
        world.start_role("ingest").await,
        world.start_role("journey-engine").await,
        world.start_role("dispatcher").await,
    ];
    let deal = customers::hubspot(1, world.now());
    let address = customers::address(&deal).to_owned();
    world.win(deal).await;
    until_served(&world, &address).await;
    until_told(&world, &collector).await;
    let wanted = [
        ("afterglow-ingest", "afterglow_webhook_received_total"),
        ("afterglow-ingest", "afterglow_log_lag_records"),
        ("afterglow-ingest", "afterglow_log_assigned_partitions"),
        ("afterglow-journey-engine", "afterglow_database_oldest_snapshot_transactions"),
        ("afterglow-journey-engine", "afterglow_timers_fired_total"),
        ("afterglow-journey-engine", "afterglow_shard_lock_wait_seconds"),
        ("afterglow-dispatcher", "afterglow_dispatcher_calls_total"),
        ("afterglow-dispatcher", "afterglow_outbox_oldest_seconds"),
        ("afterglow-dispatcher", "afterglow_database_connections"),
    ];
    let come = async || {
        let metrics = collector.metrics();
        let there = |(service, metric): &(&str, &str)| {
            metrics.contains(&((*service).to_owned(), (*metric).to_owned()))
        };
        wanted.iter().all(there).then_some(())
    };
    world.until("the metrics of all roles have come", PATIENCE, come).await;
    for role in roles {
        assert_eq!(role.process.terminate().await, Some(0));
    }
    for (name, service) in [
        ("take delivery", "afterglow-ingest"),
        ("read deal", "afterglow-ingest"),
        ("fire timer", "afterglow-journey-engine"),
        ("order gift", "afterglow-dispatcher"),
        ("send mail", "afterglow-dispatcher"),
    ] {
        let spans = collector.spans();
        assert!(spans.iter().any(|seen| seen.span.name == name && seen.service == service), "{name}");
    }
    assert_impersonal(&collector, &address);
}
