//! Topics that are not as they should be, and what a look at the broker says.

use super::*;

#[tokio::test]
async fn missing_topics_and_other_partition_counts_are_named() {
    let broker = Broker::of_this_run(options().1);
    let log = KafkaLog::new(broker.settings.clone()).unwrap();
    broker.create_topic(Topic::Deals, 8, &[]).await;
    broker.create_topic(Topic::Signals, PARTITIONS, &[]).await;
    let told = log.check_topics().await.unwrap_err().to_string();
    let name = |topic| broker.settings.topic_name(topic);
    assert!(told.contains(&format!("{} has 8 partitions, not 4", name(Topic::Deals))), "{told}");
    assert!(told.contains(&format!("{} is missing", name(Topic::Journeys))), "{told}");
    assert!(!told.contains(&name(Topic::Signals)) && !told.contains('\n'), "{told}");
    assert!(matches!(log.reader().await.err(), Some(Error::Topics { .. })));
    broker.delete_topic(Topic::Deals).await;
    for topic in Topic::ALL.into_iter().filter(|topic| *topic != Topic::Signals) {
        broker.create_topic(topic, PARTITIONS, &[]).await;
    }
    assert_eq!(log.check_topics().await, Ok(()));
}

#[tokio::test]
async fn an_append_to_a_missing_topic_says_so() {
    let broker = Broker::of_this_run(options().1);
    let log = KafkaLog::new(broker.settings.clone()).unwrap();
    let told = append(&log, record(Topic::Deals, "a", "1")).await.unwrap_err();
    assert!(matches!(&told, AppendError::Unavailable(_)), "{told}");
    broker.create_topics(PARTITIONS, &[]).await;
    // The client asks for a topic that it knows as missing again by itself.
    let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
    while append(&log, record(Topic::Deals, "a", "2")).await.is_err() {
        assert!(tokio::time::Instant::now() < deadline, "the topic is there, and nothing is taken");
    }
}

#[tokio::test]
async fn a_group_waits_for_its_topic() {
    let broker = Broker::of_this_run(options().1);
    let log = KafkaLog::new(broker.settings.clone()).unwrap();
    let mut consumer = log.consumer("role", &[Topic::Deals], MemoryCheckpoints::new()).unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
    let told = loop {
        match consumer.poll(9, Duration::from_secs(1)).await {
            Err(error) => break error.to_string(),
            Ok(records) => assert!(records.is_empty()),
        }
        assert!(tokio::time::Instant::now() < deadline, "nobody says that the topic is missing");
    };
    let name = broker.settings.topic_name(Topic::Deals);
    assert!(told.contains(&name) && told.contains("`afterglow topics`"), "{told}");
    broker.create_topics(PARTITIONS, &[]).await;
    let mut appended = append(&log, record(Topic::Deals, "a", "1")).await;
    while appended.is_err() {
        assert!(tokio::time::Instant::now() < deadline);
        appended = append(&log, record(Topic::Deals, "a", "1")).await;
    }
    assert_eq!(ids(&first_records(&mut consumer).await), ["1"]);
}
