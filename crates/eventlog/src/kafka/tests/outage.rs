//! A broker that stops, hangs or is killed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use afterglow_servers::Kafka;
use futures::future::join_all;
use tempfile::TempDir;
use tokio::time::Instant;

use super::*;

/// How long an append may take to be refused: a webhook's sender gives up after five seconds.
const REFUSAL_MAX: Duration = Duration::from_secs(4);

/// How long a recovery may take on a loaded machine.
const RECOVERY_MAX: Duration = Duration::from_mins(1);

struct Outage {
    kafka: Kafka,
    log: KafkaLog,
    _folder: TempDir,
}

async fn outage() -> Outage {
    let folder = TempDir::new().unwrap();
    let kafka = Kafka::start(folder.path()).await.unwrap();
    let broker = Broker::at(&kafka.address(), options().1);
    broker.create_topics(PARTITIONS, &[]).await;
    let log = KafkaLog::new(broker.settings.clone()).unwrap();
    append(&log, record(Topic::Deals, "before", "before")).await.unwrap();
    Outage { kafka, log, _folder: folder }
}

impl Outage {
    /// Appends are refused in time, one after the other and many at once; how many there were.
    async fn refuses(&self) -> usize {
        let refused = |n: usize| async move {
            let began = Instant::now();
            let key = format!("during-{n}");
            let result = append(&self.log, record(Topic::Deals, &key, &key)).await;
            assert!(matches!(result, Err(AppendError::Unavailable(_))), "{result:?}");
            assert!(began.elapsed() < REFUSAL_MAX, "refused after {:?}", began.elapsed());
        };
        for n in 0..2 {
            refused(n).await;
        }
        join_all((2..200).map(refused)).await;
        200
    }

    /// Appends are taken again, by the same client, and what was refused did not pile up.
    async fn recovers(&self, refused: usize) {
        self.takes_again().await;
        let records = self.records().await;
        let strays = ids(&records).into_iter().filter(|id| id.starts_with("during")).count();
        assert!(strays * 20 <= refused, "{strays} of {refused} refused records were written all the same");
        assert!(ids(&records).contains(&"before"), "what was accepted is there");
    }

    /// Pauses the broker again and again, and kills it.
    async fn gives_hard_times(&mut self) {
        const PAUSES_MS: [u64; 4] = [300, 2_400, 2_600, 4_000];
        const BETWEEN: Duration = Duration::from_millis(300);
        for pause_ms in PAUSES_MS {
            tokio::time::sleep(BETWEEN).await;
            self.kafka.pause().await.unwrap();
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            self.kafka.resume().await.unwrap();
        }
        self.takes_again().await;
        self.kafka.kill().await.unwrap();
        self.kafka.start_again().await.unwrap();
        self.takes_again().await;
    }

    async fn takes_again(&self) {
        let deadline = Instant::now() + RECOVERY_MAX;
        while append(&self.log, record(Topic::Deals, "after", "after")).await.is_err() {
            assert!(Instant::now() < deadline, "the broker is back, and nothing is taken");
        }
    }

    /// All that the topic holds.
    async fn records(&self) -> Vec<Received> {
        let reader = self.log.reader().await.unwrap();
        let mut records = Vec::new();
        for (partition, mut from, end) in reader.ends(Topic::Deals).await.unwrap() {
            while from < end {
                let read = reader.read(Topic::Deals, partition, from, 500).await.unwrap();
                from = read.last().map_or(from, |last| last.offset + 1);
                records.extend(read);
            }
        }
        records
    }
}

#[tokio::test]
async fn a_killed_broker_refuses_in_time_and_comes_back() {
    let mut outage = outage().await;
    outage.kafka.kill().await.unwrap();
    let refused = outage.refuses().await;
    outage.kafka.start_again().await.unwrap();
    outage.recovers(refused).await;
}

#[tokio::test]
async fn a_stopped_broker_refuses_in_time_and_comes_back() {
    let mut outage = outage().await;
    outage.kafka.stop().await.unwrap();
    let refused = outage.refuses().await;
    outage.kafka.start_again().await.unwrap();
    outage.recovers(refused).await;
}

/// Its connections stay open and nobody answers. What is on its way then may be written: at most what one
/// connection holds.
#[tokio::test]
async fn a_hanging_broker_refuses_in_time_and_comes_back() {
    let mut outage = outage().await;
    outage.kafka.pause().await.unwrap();
    outage.refuses().await;
    outage.kafka.resume().await.unwrap();
    outage.takes_again().await;
}

/// Appends record after record of a key until it is over; gives the ids that were taken, and where.
async fn append_until(log: &KafkaLog, key: String, over: &AtomicBool) -> Vec<(String, Position)> {
    let mut taken = Vec::new();
    for number in 0.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let id = format!("{key}-{number}");
        if let Ok(position) = append(log, record(Topic::Deals, &key, &id)).await {
            taken.push((id, position));
        }
    }
    taken
}

/// A short pause lets batches wait for their answer, one of the timeout's length has the client give up what
/// the broker then writes all the same, and a kill cuts connections in the middle: whatever was taken stands
/// where its answer said.
#[tokio::test]
async fn what_was_taken_in_hard_times_stands_where_it_was_said_to() {
    let mut outage = outage().await;
    let (log, over) = (outage.log.clone(), AtomicBool::new(false));
    let appends = join_all((0..16).map(|n| append_until(&log, format!("hard-{n}"), &over)));
    let (taken, ()) = tokio::join!(appends, async {
        outage.gives_hard_times().await;
        over.store(true, Ordering::Relaxed);
    });
    let taken: Vec<_> = taken.into_iter().flatten().collect();
    let records = outage.records().await;
    let mut found = HashMap::new();
    for received in &records {
        found.insert((received.partition, received.offset), received.record.header("ce_id"));
    }
    assert!(taken.len() > 100, "only {} were taken", taken.len());
    for (id, Position { partition, offset }) in &taken {
        assert_eq!(found.get(&(*partition, *offset)), Some(&Some(id.as_str())));
    }
}

/// A reading group says that the broker is away, and goes on by itself when it is back.
#[tokio::test]
async fn a_group_waits_out_a_killed_broker() {
    let mut outage = outage().await;
    let mut consumer = outage.log.consumer("role", &[Topic::Deals], MemoryCheckpoints::new()).unwrap();
    assert_eq!(ids(&first_records(&mut consumer).await), ["before"]);
    outage.kafka.kill().await.unwrap();
    let deadline = Instant::now() + RECOVERY_MAX;
    let told = loop {
        match consumer.poll(9, Duration::from_millis(200)).await {
            Err(error) => break error.to_string(),
            Ok(records) => assert!(records.is_empty()),
        }
        assert!(Instant::now() < deadline, "nobody says that the broker is away");
    };
    assert!(told.contains(&outage.kafka.address()) && !told.contains('\n'), "{told}");
    outage.kafka.start_again().await.unwrap();
    while append(&outage.log, record(Topic::Deals, "after", "after")).await.is_err() {
        assert!(Instant::now() < deadline, "the broker is back, and nothing is taken");
    }
    loop {
        match consumer.poll(9, Duration::from_millis(200)).await {
            Ok(records) if ids(&records).contains(&"after") => break,
            _ => assert!(Instant::now() < deadline, "the group does not go on"),
        }
    }
}

#[tokio::test]
async fn without_a_broker_everything_says_so_and_nothing_hangs() {
    let port = afterglow_servers::ports::free();
    let broker = Settings::of(&format!("127.0.0.1:{port}"), PARTITIONS, Arc::new(options().1));
    let log = KafkaLog::new(broker).unwrap();
    let began = Instant::now();
    let appended = append(&log, record(Topic::Deals, "a", "1")).await;
    assert!(matches!(appended, Err(AppendError::Unavailable(_))), "{appended:?}");
    assert!(began.elapsed() < REFUSAL_MAX);
    let told = log.reader().await.err().unwrap();
    assert!(matches!(&told, Error::Unavailable(text) if text.contains(&port.to_string())), "{told}");
    assert!(told.to_string().contains("Connection refused"), "{told}");
    let mut consumer = log.consumer("role", &[Topic::Deals], MemoryCheckpoints::new()).unwrap();
    let told = consumer.poll(9, Duration::ZERO).await.unwrap_err().to_string();
    assert!(told.contains(&port.to_string()), "{told}");
    drop(consumer);
    assert!(began.elapsed() < RECOVERY_MAX);
}

/// Whoever is one too many hears so at once, and not when the others have been given up.
#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    let port = afterglow_servers::ports::free();
    let log =
        KafkaLog::new(Settings::of(&format!("127.0.0.1:{port}"), PARTITIONS, Arc::new(options().1))).unwrap();
    let many = (0..10_000).map(|n| record(Topic::Deals, &format!("many-{n}"), &n)).collect();
    let one_too_many = async {
        while log.producers.current().client.in_flight_count() < 10_000 {
            tokio::task::yield_now().await;
        }
        let began = Instant::now();
        let told = append(&log, record(Topic::Deals, "one too many", "1")).await.unwrap_err();
        (told.to_string(), began.elapsed())
    };
    let (refused, (told, after)) = tokio::join!(log.append(many), one_too_many);
    assert!(after < Duration::from_millis(500), "refused after {after:?}");
    assert!(told.contains("the queue to it is full"), "{told}");
    assert!(refused.len() == 10_000 && refused.iter().all(Result::is_err));
}

/// Only a member refuses this one, and nobody waits for threads that were never there.
#[tokio::test]
async fn a_member_that_cannot_be_made_is_refused_at_once() {
    let mut settings = Settings::of("127.0.0.1:9", PARTITIONS, Arc::new(options().1));
    settings.properties.insert("max.poll.interval.ms".to_owned(), "1000".to_owned());
    let began = Instant::now();
    let member = KafkaConsumer::start(&Arc::new(settings), "role", &[Topic::Deals], MemoryCheckpoints::new());
    let told = member.err().unwrap().to_string();
    assert!(told.contains("max.poll.interval.ms"), "{told}");
    assert!(began.elapsed() < REFUSAL_MAX, "refused after {:?}", began.elapsed());
}
