//! The file passes the suite; what only a file can do is tested here.

use afterglow_domain::Clock;
use afterglow_domain::clock::ManualClock;
use afterglow_events::{Consume, Received};
use bytes::Bytes;
use sqlx::{ConnectOptions, Connection};
use tempfile::TempDir;

use super::*;
use crate::conformance::{Subject, options};
use crate::memory::MemoryCheckpoints;
use crate::source::Source;
use crate::tail::TailStart;

struct OnDisk {
    log: EmbeddedLog,
    clock: ManualClock,
    folder: TempDir,
}

async fn subject() -> OnDisk {
    let folder = TempDir::new().unwrap();
    let (options, clock) = options();
    let log = EmbeddedLog::open(folder.path().join("log.db"), options).await.unwrap();
    OnDisk { log, clock, folder }
}

impl OnDisk {
    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("log.db")
    }

    fn options(&self) -> Options {
        Options { clock: Arc::new(self.clock.clone()), ..options().0 }
    }

    /// Opened as by another process: nothing is shared but the file.
    async fn another(&self) -> EmbeddedLog {
        EmbeddedLog::open(self.path(), self.options()).await.unwrap()
    }

    /// Runs a statement behind the log's back.
    async fn sql(&self, sql: &'static str) {
        let mut connection = write(&self.path()).connect().await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
}

fn write(path: &Path) -> sqlx::sqlite::SqliteConnectOptions {
    file::write_options(path)
}

impl Subject for OnDisk {
    type Log = EmbeddedLog;
    type Source = LogReader;

    fn log(&self) -> EmbeddedLog {
        self.log.clone()
    }

    fn source(&self) -> LogReader {
        self.log.reader()
    }

    fn clock(&self) -> &ManualClock {
        &self.clock
    }

    fn consumer(&self, group: &str, topics: &[Topic], checkpoints: MemoryCheckpoints) -> impl Consume {
        self.log.consumer(group, topics, checkpoints)
    }

    async fn prune(&self) -> u64 {
        self.log.prune(self.clock.now()).await.unwrap()
    }

    async fn reopen(self) -> Self {
        self.log.close().await;
        let log = self.another().await;
        Self { log, ..self }
    }
}

crate::log_conformance!(conforms, subject().await);

fn record(key: &str, bytes: usize) -> Record {
    let key = Bytes::copy_from_slice(key.as_bytes());
    Record { topic: Topic::Deals, key, headers: Vec::new(), value: Bytes::from(vec![7; bytes]) }
}

async fn append(log: &EmbeddedLog, record: Record) -> Result<Position, AppendError> {
    log.append(vec![record]).await.remove(0)
}

async fn refusal(subject: &OnDisk, options: Options) -> Error {
    subject.log.close().await;
    EmbeddedLog::open(subject.path(), options).await.err().unwrap()
}

#[tokio::test]
async fn another_number_of_partitions_is_refused() {
    let subject = subject().await;
    let error = refusal(&subject, Options { partitions: 8, ..subject.options() }).await;
    assert!(matches!(error, Error::Partitions { stored: 4, configured: 8, .. }), "{error}");
    for partitions in [0, 3, 128] {
        let error = refusal(&subject, Options { partitions, ..subject.options() }).await;
        assert_eq!(error, Error::PartitionCount { configured: partitions });
    }
}

#[tokio::test]
async fn a_newer_file_is_refused_by_writers_and_readers() {
    let subject = subject().await;
    subject.sql("PRAGMA user_version = 99").await;
    let error = refusal(&subject, subject.options()).await;
    assert!(matches!(error, Error::Newer { found: 99, known: 1, .. }), "{error}");
    let error = LogReader::open_read_only(subject.path()).await.err().unwrap();
    assert!(matches!(error, Error::Newer { .. }), "{error}");
}

#[tokio::test]
async fn a_reader_needs_a_log() {
    let folder = TempDir::new().unwrap();
    let missing = LogReader::open_read_only(folder.path().join("log.db")).await.err().unwrap();
    assert!(
        matches!(&missing, Error::Unavailable(text) if text.contains("log.db: it cannot be opened")),
        "{missing}"
    );
    std::fs::write(folder.path().join("log.db"), "").unwrap();
    let empty = LogReader::open_read_only(folder.path().join("log.db")).await.err().unwrap();
    assert!(matches!(&empty, Error::Unavailable(text) if text.contains("no log yet")), "{empty}");
    std::fs::write(folder.path().join("log.db"), "x".repeat(4096)).unwrap();
    let foreign = LogReader::open_read_only(folder.path().join("log.db")).await.err().unwrap();
    assert!(matches!(&foreign, Error::Unavailable(text) if text.contains("no log")), "{foreign}");
}

#[tokio::test]
async fn another_process_appends_and_reads() {
    let subject = subject().await;
    let other = subject.another().await;
    let mut consumer = subject.log.consumer("role", &[Topic::Deals], MemoryCheckpoints::new());
    assert!(consumer.poll(9, Duration::ZERO).await.unwrap().is_empty());
    let reader = LogReader::open_read_only(subject.path()).await.unwrap();
    let mut tail = reader.tail(Topic::Deals, TailStart::Beginning).await.unwrap();
    for n in 0..3 {
        assert_eq!(append(&other, record("a", 1)).await.unwrap().offset, 2 * n);
        assert_eq!(append(&subject.log, record("a", 2)).await.unwrap().offset, 2 * n + 1);
    }
    assert_eq!(append(&other, record("a", 1)).await.unwrap().offset, 6);
    let mut records: Vec<Received> = Vec::new();
    while records.len() < 7 {
        records.extend(consumer.poll(9, Duration::from_mins(1)).await.unwrap());
    }
    assert!(records.iter().map(|received| received.offset).eq(0..7));
    let mut tailed = Vec::new();
    while tailed.len() < 7 {
        tailed.extend(tail.next(9, Duration::from_mins(1)).await.unwrap());
    }
    assert!(tailed.iter().map(|tailed| &tailed.received).eq(&records));
    other.close().await;
}

#[tokio::test]
async fn a_full_disk_is_said_and_healed() {
    let subject = subject().await;
    subject.log.close().await;
    let small = write(&subject.path()).pragma("max_page_count", "60");
    let log = EmbeddedLog::open_with(&subject.path(), small, subject.options()).await.unwrap();
    let mut written = 0;
    let error = loop {
        match append(&log, record("a", 10_000)).await {
            Ok(position) => assert_eq!(position.offset, written),
            Err(error) => break error,
        }
        written += 1;
    };
    assert!(matches!(&error, AppendError::Unavailable(text) if text.contains("the disk is full")), "{error}");
    assert!(!error.to_string().contains('\n'));
    assert!(written > 10);
    // What was accepted is there, and once there is room the next offset is the next one.
    assert_eq!(
        log.reader().ends(Topic::Deals).await.unwrap().iter().map(|(.., end)| end).sum::<i64>(),
        written
    );
    subject.clock.advance(Duration::from_hours(2));
    assert_eq!(log.prune(subject.clock.now()).await.unwrap(), u64::try_from(written).unwrap());
    assert_eq!(append(&log, record("a", 10_000)).await.unwrap().offset, written);
}

#[tokio::test]
async fn a_lock_held_elsewhere_is_said_and_waited_out() {
    let subject = subject().await;
    subject.log.close().await;
    let impatient = write(&subject.path()).busy_timeout(Duration::from_millis(1));
    let log = EmbeddedLog::open_with(&subject.path(), impatient, subject.options()).await.unwrap();
    let mut other = write(&subject.path()).connect().await.unwrap();
    let lock = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let error = append(&log, record("a", 1)).await.unwrap_err();
    assert!(matches!(&error, AppendError::Unavailable(text) if text.contains("another process")), "{error}");
    lock.rollback().await.unwrap();
    assert_eq!(append(&log, record("a", 1)).await.unwrap().offset, 0);
}

#[tokio::test]
async fn who_gives_up_before_the_writer_begins_leaves_nothing() {
    let subject = subject().await;
    let mut given_up = Box::pin(subject.log.append(vec![record("a", 1)]));
    // The writer runs on this thread, so it has not begun.
    assert!(futures::poll!(given_up.as_mut()).is_pending());
    drop(given_up);
    assert_eq!(append(&subject.log, record("a", 2)).await.unwrap().offset, 0);
    assert_eq!(subject.log.room.available_permits(), QUEUE_KIB_MAX as usize);
}

#[tokio::test]
async fn a_long_expiry_goes_in_slices() {
    let subject = subject().await;
    let records = |n: usize| (0..n).map(|n| record(&format!("k{n}"), 1)).collect();
    assert!(subject.log.append(records(2_500)).await.iter().all(Result::is_ok));
    subject.clock.advance(Duration::from_hours(1));
    assert_eq!(subject.log.prune(subject.clock.now()).await.unwrap(), 0);
    subject.clock.advance(Duration::from_micros(1));
    assert_eq!(subject.log.prune(subject.clock.now()).await.unwrap(), 2_500);
}

#[tokio::test]
async fn a_closed_log_takes_nothing_and_ends_its_upkeep() {
    let subject = subject().await;
    let queued = subject.log.append(vec![record("a", 1)]);
    let (queued, ()) = tokio::join!(queued, subject.log.close());
    assert!(queued[0].is_ok(), "what was queued is written");
    let error = append(&subject.log, record("a", 1)).await.unwrap_err();
    assert!(matches!(&error, AppendError::Unavailable(text) if text.contains("closed")), "{error}");
    subject.log.maintain().await;
    assert_eq!(
        subject.another().await.reader().bounds().await.unwrap().of(Topic::Deals, 0).map(|r| r.start),
        Some(0)
    );
}

#[tokio::test]
async fn large_records_are_read_in_small_steps() {
    let subject = subject().await;
    for n in 0..6 {
        assert_eq!(append(&subject.log, record("a", 400 * 1024)).await.unwrap().offset, n);
    }
    let partition = afterglow_domain::Shard::of("a").partition(4);
    let read = subject.log.reader().read(Topic::Deals, partition, 1, 100).await.unwrap();
    assert!(read.iter().map(|received| received.offset).eq(1..4), "three are more than a megabyte");
    let mut consumer = subject.log.consumer("role", &[Topic::Deals], MemoryCheckpoints::new());
    assert_eq!(consumer.poll(100, Duration::ZERO).await.unwrap().len(), 6);
}
