//! A process that holds something on a PostgreSQL store and goes on when it is told to, so that a test can
//! stop it in between.
//!
//! `shard-holder decide|relay URL SCHEMA`: says `holding`, waits for a line, says what became of it.

use afterglow_domain::clock::ManualClock;
use afterglow_durable::postgres::{Schema, Store};
use afterglow_durable::relay::relay_once;
use afterglow_durable::{Error, Tx as _};
use afterglow_events::{Append, AppendError, Position, Record};
use afterglow_shards::{NOW, decide};
use tokio::io::{AsyncBufReadExt, BufReader, stdin};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [what, url, schema] = arguments.try_into().expect("shard-holder decide|relay URL SCHEMA");
    let server = url.parse().expect("an address of a database");
    let schema = Schema { name: schema.leak(), migrations: &[] };
    let store = Store::open(&server, &schema).await.expect("the store opens");
    let result = if what == "decide" { decide_and_wait(&store).await } else { relay(&store).await };
    match result {
        Ok(what) => say(&what),
        Err(error) => say(&format!("failed: {error}")),
    }
}

/// Takes in the record, and commits when told.
async fn decide_and_wait(store: &Store) -> Result<String, Error> {
    let (tx, first) = decide(store).await?;
    told_to_go_on().await;
    tx.commit().await?;
    Ok(format!("committed, first: {first}"))
}

/// Relays into a log that answers when told.
async fn relay(store: &Store) -> Result<String, Error> {
    let progress = relay_once("test", store, &Slow, &ManualClock::new(NOW)).await?;
    Ok(format!("relayed: {progress:?}"))
}

/// Takes everything once it is told to.
struct Slow;

impl Append for Slow {
    async fn append(&self, records: Vec<Record>) -> Vec<Result<Position, AppendError>> {
        told_to_go_on().await;
        records.iter().map(|_| Ok(Position { partition: 0, offset: 0 })).collect()
    }
}

async fn told_to_go_on() {
    say("holding");
    let mut line = String::new();
    BufReader::new(stdin()).read_line(&mut line).await.expect("a line");
}

#[expect(clippy::print_stdout, reason = "it is how the test hears of us")]
fn say(what: &str) {
    println!("{what}");
}
