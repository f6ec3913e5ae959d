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
async fn topics_are_made_as_they_should_be_and_what_differs_is_said() {
    let broker = Broker::of_this_run(options().1);
    let log = KafkaLog::new(broker.settings.clone()).unwrap();
    let odd = [("retention.ms", "1000"), ("min.insync.replicas", "1"), ("max.message.bytes", "70000")];
    broker.create_topic(Topic::Signals, PARTITIONS, &odd).await;
    let made = log.create_topics(1).await.unwrap();
    assert_eq!(made.len(), Topic::ALL.len() - 1, "{made:?}");
    assert_eq!(log.create_topics(1).await.unwrap(), Vec::<String>::new(), "a second time changes nothing");
    broker.until_topics_are_there().await;
    let told: Vec<String> = log.topic_differences().await.unwrap().iter().map(ToString::to_string).collect();
    let name = broker.settings.topic_name(Topic::Signals);
    assert_eq!(
        told,
        [
            format!("{name}: retention.ms is 1000, it should be 2505600000"),
            format!("{name}: segment.ms is 604800000, it should be 43200000"),
            format!("{name}: message.timestamp.type is CreateTime, it should be LogAppendTime"),
            format!("{name}: max.message.bytes is 70000, it should be at least 655360"),
        ]
    );
}

/// A record of `a`'s that no codec makes smaller.
fn noise(bytes: usize) -> Record {
    let mut noise = 7_u32;
    let mut random = || {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        noise.to_be_bytes()[0]
    };
    let value = (0..bytes).map(|_| random()).collect::<Vec<u8>>().into();
    Record { value, ..record(Topic::Deals, "a", "large") }
}

#[tokio::test]
async fn what_differs_is_also_said_while_other_topics_are_missing() {
    let broker = Broker::of_this_run(options().1);
    let log = KafkaLog::new(broker.settings.clone()).unwrap();
    broker.create_topic(Topic::Signals, PARTITIONS, &[("retention.ms", "1000")]).await;
    assert!(matches!(log.check_topics().await, Err(Error::Topics { .. })));
    let name = broker.settings.topic_name(Topic::Signals);
    let differences = log.topic_differences().await.unwrap();
    assert!(differences.iter().all(|difference| difference.topic == name), "{differences:?}");
    assert_eq!(differences[0].property, "retention.ms");
    assert_eq!(log.topics_of_one_copy().await.unwrap(), [name]);
}

/// A record that fits us and not the topic is refused for good, and its neighbours are taken.
#[tokio::test]
async fn a_topic_that_takes_less_refuses_for_good() {
    let broker = Broker::of_this_run(options().1);
    broker.create_topics(PARTITIONS, &[("max.message.bytes", "300000")]).await;
    let log = KafkaLog::new(broker.settings.clone()).unwrap();
    let large = noise(400_000);
    let results =
        log.append(vec![large, record(Topic::Deals, "b", "small"), record(Topic::Deals, "a", "next")]).await;
    assert!(matches!(results[0], Err(AppendError::TooLarge { .. })), "{results:?}");
    assert!(results[1].is_ok(), "{results:?}");
    assert!(matches!(results[2], Err(AppendError::Unavailable(_))), "{results:?}");
}

/// A record that is refused ends a producer for good that may leave no gap: a stand-in for what a broker does to
/// one whose sequence it has lost, or that may not have an id.
#[tokio::test]
async fn a_producer_that_has_failed_for_good_is_replaced() {
    let broker = Broker::of_this_run(options().1);
    broker.create_topics(PARTITIONS, &[("max.message.bytes", "300000")]).await;
    let mut settings = broker.settings.clone();
    settings.properties.insert("enable.gapless.guarantee".to_owned(), "true".to_owned());
    let log = KafkaLog::of(settings).unwrap();
    let failed = log.producers.current();
    let small = (0..50).map(|n| record(Topic::Deals, &format!("small-{n}"), &n));
    let sent = small.chain([noise(400_000)]).collect::<Vec<_>>();
    let outcomes = log.append(sent).await;
    assert!(outcomes[50].is_err(), "{outcomes:?}");
    assert!(failed.failure().is_some(), "it has not failed");
    for n in 0..3 {
        append(&log, record(Topic::Deals, "after", &n)).await.unwrap();
    }
    assert!(!Arc::ptr_eq(&failed, &log.producers.current()));
    let awaited = Awaited { round: Round::of(1), place: 0, topic: Topic::Deals, bytes: 0 };
    let refused = failed.client.send(BaseRecord::<str, str, _>::with_opaque_to("t", Box::new(awaited)));
    assert!(refused.is_err(), "the failed one takes nothing");
    // Where the next one ends as well it is kept for a while, and whoever appends or looks is told.
    let next = log.producers.current();
    assert!(append(&log, noise(400_000)).await.is_err());
    let told = append(&log, record(Topic::Deals, "after", "3")).await.unwrap_err().to_string();
    assert!(told.contains("unable to satisfy gap-less guarantee"), "{told}");
    assert!(Arc::ptr_eq(&next, &log.producers.current()));
    let (tell, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let watch = log.watch(move |problem| drop(tell.send(problem.map(str::to_owned))));
    let (watch, heard) = (std::pin::pin!(watch), std::pin::pin!(heard.recv()));
    let futures::future::Either::Right((problem, _)) = futures::future::select(watch, heard).await;
    let problem = problem.flatten().unwrap();
    assert!(told.ends_with(&problem), "{problem}, and not {told}");
}

/// The producer knows sequences and leaders of a topic that is gone.
#[tokio::test]
async fn a_log_goes_on_in_a_topic_that_was_made_anew() {
    let (broker, log) = own_log().await;
    for n in 0..20 {
        append(&log, record(Topic::Deals, "a", &n)).await.unwrap();
    }
    broker.delete_topic(Topic::Deals).await;
    broker.create_topic(Topic::Deals, PARTITIONS, &[]).await;
    let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
    let first = loop {
        match append(&log, record(Topic::Deals, "a", "anew")).await {
            Ok(first) => break first,
            Err(_) => assert!(tokio::time::Instant::now() < deadline, "nothing is taken"),
        }
    };
    for n in 1..20 {
        let at = append(&log, record(Topic::Deals, "a", &n)).await.unwrap();
        assert_eq!(at, Position { offset: first.offset + n, ..first });
    }
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
    assert!(told.contains(&name) && told.contains("`afterglow topics --create`"), "{told}");
    broker.create_topics(PARTITIONS, &[]).await;
    let mut appended = append(&log, record(Topic::Deals, "a", "1")).await;
    while appended.is_err() {
        assert!(tokio::time::Instant::now() < deadline);
        appended = append(&log, record(Topic::Deals, "a", "1")).await;
    }
    assert_eq!(ids(&first_records(&mut consumer).await), ["1"]);
}
