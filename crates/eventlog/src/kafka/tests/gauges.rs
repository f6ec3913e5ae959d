//! What a member tells operators: how far behind it is, whose partitioner wrote, what was assigned.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use rdkafka::config::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use super::*;

/// How long the next statistics may take: they come every five seconds.
const STATISTICS: Duration = Duration::from_secs(30);

/// The recorder of this process: the tests share it, so each has series of its own by its group.
fn recorder() -> &'static PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER.get_or_init(|| PrometheusBuilder::new().install_recorder().unwrap())
}

/// The values of the lines that have all of these parts, added up.
fn sum(parts: &[&str]) -> f64 {
    let text = recorder().render();
    let lines = text.lines().filter(|line| parts.iter().all(|part| line.contains(part)));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// Polls, which decides nothing, until the sum of a metric is as wanted.
async fn until_told(consumer: &mut KafkaConsumer, parts: &[&str], wanted: f64) {
    let deadline = tokio::time::Instant::now() + STATISTICS;
    while (sum(parts) - wanted).abs() > 0.5 {
        assert!(tokio::time::Instant::now() < deadline, "{parts:?}: {} and not {wanted}", sum(parts));
        consumer.poll(100, Duration::from_millis(200)).await.unwrap();
    }
}

#[tokio::test]
async fn a_member_tells_its_lag_its_partitions_and_foreign_records() {
    recorder();
    let (broker, log) = own_log().await;
    for n in 0..6 {
        append(&log, record(Topic::Journeys, &format!("acme/ext:lag:{n}"), &n)).await.unwrap();
    }
    let key = "acme/ext:lag:foreign";
    let elsewhere = i32::from((Shard::of(key).partition(PARTITIONS) + 1) % PARTITIONS);
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &broker.settings.brokers);
    let stranger: BaseProducer = config.create().unwrap();
    let name = broker.settings.topic_name(Topic::Journeys);
    stranger.send(BaseRecord::to(&name).key(key).payload("x").partition(elsewhere)).unwrap();
    stranger.flush(Duration::from_secs(30)).unwrap();

    let store = MemoryCheckpoints::new();
    let mut consumer = log.consumer("lagging", &[Topic::Journeys], store.clone()).unwrap();
    let mut found = Vec::new();
    while found.len() < 7 {
        found.extend(first_records(&mut consumer).await);
    }
    let lag = ["afterglow_log_lag_records", "group=\"lagging\""];
    until_told(&mut consumer, &lag, 7.0).await;
    assert!(sum(&["afterglow_log_foreign_partition_total", "topic=\"journeys\""]) >= 1.0);
    assert!(sum(&["afterglow_log_rebalances_total", "group=\"lagging\"", "assigned"]) >= 1.0);
    let assigned = sum(&["afterglow_log_assigned_partitions", "group=\"lagging\""]);
    assert!((assigned - f64::from(PARTITIONS)).abs() < 0.5, "{assigned}");

    decide(&mut consumer, &store, &found).await;
    until_told(&mut consumer, &lag, 0.0).await;
}

/// The broker's answer is what counts: a caller that has stopped waiting changes nothing of what is durable.
#[tokio::test]
async fn what_is_durable_is_counted_once_whoever_waits() {
    recorder();
    let (_broker, log) = own_log().await;
    // No other test of this process writes dead letters.
    let topic = "topic=\"dead-letters\"";
    append(&log, record(Topic::DeadLetters, "acme/1", "waited")).await.unwrap();
    let unheard = append(&log, record(Topic::DeadLetters, "acme/2", "unheard"));
    assert!(futures::poll!(Box::pin(unheard)).is_pending());
    log.close().await.unwrap();
    for (name, wanted) in [("afterglow_log_sent_total", 2.0), ("afterglow_log_sent_bytes_total", 48.0)] {
        let counted = sum(&[name, topic]);
        assert!((counted - wanted).abs() < 0.5, "{name}: {counted}");
    }
}
