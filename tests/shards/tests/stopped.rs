//! A process is stopped, another goes on, the first wakes up.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod postgres {
    use std::process::Stdio;
    use std::time::Duration;

    use afterglow_domain::clock::ManualClock;
    use afterglow_durable::conformance::postgres::{Database, VARIABLE};
    use afterglow_durable::postgres::{Schema, Store};
    use afterglow_durable::relay::{Progress, relay_once};
    use afterglow_durable::store::CommitFaults;
    use afterglow_durable::{Store as _, Tx as _};
    use afterglow_events::{Append, AppendError, Position, Record};
    use afterglow_shards::{NOW, decide};
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
    use tokio::process::{Child, ChildStdout, Command};

    const CORE: Schema = Schema { name: "role", migrations: &[] };

    /// Longer than any of the server's timeouts, which are what ends the wait.
    const PATIENCE: Duration = Duration::from_mins(1);

    /// A process that holds something; it ends with this.
    struct Holder {
        child: Child,
        lines: Lines<BufReader<ChildStdout>>,
    }

    impl Holder {
        /// One that has begun and waits.
        async fn of(what: &str, database: &Database, schema: &Schema) -> Self {
            let url = database.url(&std::env::var(VARIABLE).unwrap());
            let mut child = Command::new(env!("CARGO_BIN_EXE_shard-holder"))
                .args([what, &url, schema.name])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .kill_on_drop(true)
                .spawn()
                .unwrap();
            let lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let mut holder = Self { child, lines };
            assert_eq!(holder.next_line().await, "holding");
            holder
        }

        async fn next_line(&mut self) -> String {
            let line = tokio::time::timeout(PATIENCE, self.lines.next_line()).await.unwrap();
            line.unwrap().unwrap()
        }

        async fn signal(&self, signal: &str) {
            let id = self.child.id().unwrap().to_string();
            assert!(Command::new("kill").args([signal, &id]).status().await.unwrap().success());
        }

        /// Lets it go on; what it says.
        async fn go_on(mut self) -> String {
            self.signal("-CONT").await;
            self.child.stdin.as_mut().unwrap().write_all(b"go\n").await.unwrap();
            self.next_line().await
        }
    }

    async fn store() -> (Database, Store, Schema) {
        let database = Database::fresh().await;
        let (store, schema) = database.fresh_store(&CORE, CommitFaults::default()).await;
        (database, store, schema)
    }

    #[tokio::test]
    async fn in_mid_transaction_the_successor_decides_and_the_first_commits_nothing() {
        let (database, store, schema) = store().await;
        let holder = Holder::of("decide", &database, &schema).await;
        holder.signal("-STOP").await;
        // Waits for the lock until the server ends the transaction that idles, and not longer.
        let (tx, first) = decide(&store).await.unwrap();
        assert!(first, "nothing of the stopped transaction is visible");
        tx.commit().await.unwrap();
        let told = holder.go_on().await;
        assert!(told.starts_with("failed: the store is not available"), "{told}");
        assert_eq!(store.outbox_read(9).await.unwrap().len(), 1, "one effect");
        let (_, first) = decide(&store).await.unwrap();
        assert!(!first, "doing it again is a no-op");
    }

    #[tokio::test]
    async fn one_that_was_only_slow_commits() {
        let (database, store, schema) = store().await;
        let holder = Holder::of("decide", &database, &schema).await;
        assert_eq!(holder.go_on().await, "committed, first: true");
        let (_, first) = decide(&store).await.unwrap();
        assert!(!first);
    }

    #[tokio::test]
    async fn a_relay_loses_what_it_took_and_its_successor_relays_it() {
        let (database, store, schema) = store().await;
        decide(&store).await.unwrap().0.commit().await.unwrap();
        let holder = Holder::of("relay", &database, &schema).await;
        assert!(store.outbox_take(9).await.unwrap().is_none(), "the first has it");
        holder.signal("-STOP").await;
        let (clock, log) = (ManualClock::new(NOW), Takes);
        let relayed =
            async { while relay_once("test", &store, &log, &clock).await.unwrap() == Progress::Nothing {} };
        tokio::time::timeout(PATIENCE, relayed).await.unwrap();
        assert_eq!(store.outbox_read(9).await.unwrap(), []);
        let told = holder.go_on().await;
        assert!(told.starts_with("failed: the store is not available"), "{told}");
    }

    #[tokio::test]
    async fn a_relay_whose_log_is_slow_keeps_what_it_took() {
        let (database, store, schema) = store().await;
        decide(&store).await.unwrap().0.commit().await.unwrap();
        let holder = Holder::of("relay", &database, &schema).await;
        // Longer than the server lets a session idle without a heartbeat.
        let nobody_else = async {
            loop {
                assert!(store.outbox_take(9).await.unwrap().is_none());
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(13), nobody_else).await.unwrap_err();
        assert_eq!(holder.go_on().await, "relayed: All");
        assert_eq!(store.outbox_read(9).await.unwrap(), []);
    }

    /// A log that takes everything.
    struct Takes;

    impl Append for Takes {
        async fn append(&self, records: Vec<Record>) -> Vec<Result<Position, AppendError>> {
            records.iter().map(|_| Ok(Position { partition: 0, offset: 0 })).collect()
        }
    }
}
