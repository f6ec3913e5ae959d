//! A broker that stops, hangs or is killed.

use afterglow_servers::Kafka;
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
        futures::future::join_all((2..200).map(refused)).await;
        200
    }

    /// Appends are taken again, by the same client, and what was refused did not pile up.
    async fn recovers(&self, refused: usize) {
        let deadline = Instant::now() + RECOVERY_MAX;
        while append(&self.log, record(Topic::Deals, "after", "after")).await.is_err() {
            assert!(Instant::now() < deadline, "the broker is back, and nothing is taken");
        }
        let reader = self.log.reader().await.unwrap();
        let mut records = Vec::new();
        for (partition, start, end) in reader.ends(Topic::Deals).await.unwrap() {
            let count = usize::try_from(end - start).unwrap();
            while records.iter().filter(|r: &&Received| r.partition == partition).count() < count {
                let from = records.iter().filter(|r: &&Received| r.partition == partition).count();
                let from = i64::try_from(from).unwrap();
                records.extend(reader.read(Topic::Deals, partition, from, count).await.unwrap());
            }
        }
        let strays = ids(&records).into_iter().filter(|id| id.starts_with("during")).count();
        assert!(strays * 20 <= refused, "{strays} of {refused} refused records were written all the same");
        assert!(ids(&records).contains(&"before"), "what was accepted is there");
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
    let deadline = Instant::now() + RECOVERY_MAX;
    while append(&outage.log, record(Topic::Deals, "after", "after")).await.is_err() {
        assert!(Instant::now() < deadline, "the broker goes on, and nothing is taken");
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
    let mut consumer = log.consumer("role", &[Topic::Deals], MemoryCheckpoints::new()).unwrap();
    let told = consumer.poll(9, Duration::ZERO).await.unwrap_err().to_string();
    assert!(told.contains(&port.to_string()), "{told}");
    drop(consumer);
    assert!(began.elapsed() < RECOVERY_MAX);
}
