//! The real servers: they come back after SIGKILL, and go when their owner is gone.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::TcpStream;
use std::process::Stdio;
use std::time::Duration;

use afterglow_servers::{Kafka, Postgres, named};
use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};

/// How long a whole start may take on a loaded machine.
const START: Duration = Duration::from_mins(2);

fn listens(address: &str) -> bool {
    TcpStream::connect(address).is_ok()
}

async fn count(url: &str) -> i64 {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::query_scalar("SELECT count(*) FROM gift").fetch_one(&mut connection).await.unwrap()
}

#[tokio::test]
async fn kafka_comes_back_on_its_port() {
    let folder = TempDir::new().unwrap();
    let mut kafka = Kafka::start(folder.path()).await.unwrap();
    let address = kafka.address();
    assert!(listens(&address));
    kafka.kill().await.unwrap();
    assert!(!listens(&address));
    kafka.start_again().await.unwrap();
    assert_eq!(kafka.address(), address);
    kafka.stop().await.unwrap();
    assert!(!listens(&address));
    drop(kafka);
    let mut again = Kafka::start(folder.path()).await.unwrap();
    assert!(listens(&again.address()), "whoever owns the folder next goes on with it");
    again.stop().await.unwrap();
}

#[tokio::test]
async fn postgres_keeps_what_was_committed() {
    let folder = TempDir::new().unwrap();
    let mut postgres = Postgres::start(folder.path()).await.unwrap();
    let url = postgres.database().await.unwrap();
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let sql = "CREATE TABLE gift (id int); INSERT INTO gift VALUES (1), (2)";
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    postgres.kill().await.unwrap();
    assert!(PgConnection::connect(&url).await.is_err());
    postgres.start_again().await.unwrap();
    assert_eq!(count(&url).await, 2);
    postgres.stop().await.unwrap();
    postgres.start_again().await.unwrap();
    assert_eq!(count(&url).await, 2);
    // Killed, and the folder's next owner goes on with it, on another port.
    let database = url.rsplit('/').next().unwrap().to_owned();
    drop(postgres);
    let again = Postgres::start(folder.path()).await.unwrap();
    assert_eq!(count(&again.address().replace("/postgres", &format!("/{database}"))).await, 2);
}

/// The tests of this run use the servers of this run.
#[tokio::test]
async fn postgres_gives_each_test_a_database() {
    let url = named::postgres();
    let (one, other) = tokio::join!(
        afterglow_servers::postgres::database(&url),
        afterglow_servers::postgres::database(&url)
    );
    assert_ne!(one.unwrap(), other.unwrap());
}

#[tokio::test]
async fn kafka_and_postgres_go_when_with_servers_is_killed() {
    // Who is killed leaves its folder behind.
    let folder = tempfile::tempdir().unwrap();
    let mut owner = Command::new(env!("CARGO_BIN_EXE_with-servers"))
        .args(["sh", "-c", "echo $$ $AFTERGLOW_TEST_KAFKA $AFTERGLOW_TEST_POSTGRES; exec sleep 1000"])
        .env_remove(named::KAFKA)
        .env_remove(named::POSTGRES)
        .env("TMPDIR", folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(owner.stdout.take().unwrap()).lines();
    let line = timeout(START, lines.next_line()).await.unwrap().unwrap().unwrap();
    let [command, kafka, postgres] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
    let postgres = postgres.split(['@', '/']).nth(3).unwrap();
    assert!(listens(kafka) && listens(postgres), "{line}");
    owner.kill().await.unwrap();
    let deadline = Instant::now() + START;
    while listens(kafka) || listens(postgres) {
        assert!(Instant::now() < deadline, "a server outlived its owner");
        sleep(Duration::from_millis(50)).await;
    }
    // What it ran is nobody's now, and ours to end.
    assert!(Command::new("kill").arg(command).status().await.unwrap().success());
}

#[tokio::test]
async fn with_kafka_and_postgres_named_nothing_is_started() {
    let run = Command::new(env!("CARGO_BIN_EXE_with-servers"))
        .args(["sh", "-c", "echo $AFTERGLOW_TEST_KAFKA $AFTERGLOW_TEST_POSTGRES; exit 7"])
        .env(named::KAFKA, "kafka.example:9092")
        .env(named::POSTGRES, "postgres://db.example/x")
        .output()
        .await
        .unwrap();
    assert_eq!(run.status.code(), Some(7));
    assert_eq!(String::from_utf8_lossy(&run.stdout), "kafka.example:9092 postgres://db.example/x\n");
}
