//! A database of its own for each test, on the server that the environment names.

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{Connection, PgConnection};

use crate::postgres::{Schema, Server, Store, migrate};
use crate::store::CommitFaults;

/// Names the server: `postgres://user@host:port/database`. The user may create databases.
pub const VARIABLE: &str = "AFTERGLOW_TEST_POSTGRES";

/// Tells apart the databases and schemas of one test program.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// An empty database, dropped when this is.
#[derive(Debug)]
pub struct Database {
    all: Server,
    name: String,
}

impl Database {
    /// A new database. Fails where no server is named: a test that passes without one shows nothing.
    pub async fn fresh() -> Self {
        let Ok(url) = std::env::var(VARIABLE) else {
            panic!("{VARIABLE} is not set: `make test` starts a server, `make test-fast` leaves this out");
        };
        let all: Server = url.parse().unwrap();
        let number = NEXT.fetch_add(1, Ordering::SeqCst);
        let name = format!("afterglow_test_{}_{number}", std::process::id());
        run(&all, format!("drop database if exists {name} with (force)")).await;
        run(&all, format!("create database {name}")).await;
        Self { all, name }
    }

    /// Its address, for another process, made of the one in [`VARIABLE`].
    pub fn url(&self, all: &str) -> String {
        let (address, parameters) = all.split_once('?').unwrap_or((all, ""));
        let (server, _) = address.rsplit_once('/').unwrap();
        format!("{server}/{}?{parameters}", self.name)
    }

    /// Where it is.
    pub fn server(&self) -> Server {
        self.all.database(&self.name)
    }

    /// A role's store under another name than any before, empty: where a test needs many, this takes a
    /// tenth of a database's time. Gives the schema, too, to open it again.
    pub async fn fresh_store(&self, schema: &Schema, faults: CommitFaults) -> (Store, Schema) {
        let number = NEXT.fetch_add(1, Ordering::SeqCst);
        let schema = Schema { name: format!("{}_{number}", schema.name).leak(), ..*schema };
        (self.store(&schema, faults).await, schema)
    }

    /// A role's store in it, whose commits fail as `faults` says. Opening it again is what a restarted
    /// process does.
    pub async fn store(&self, schema: &Schema, faults: CommitFaults) -> Store {
        migrate(&self.server(), schema).await.unwrap();
        Store::open_with_faults(&self.server(), schema, faults).await.unwrap()
    }
}

/// What hangs on the table of shards in a role's schema, apart from its key. A foreign key would lock shards for
/// sharing, a unique index would make a mark's update a lock that excludes more, a trigger would run under it.
pub async fn referring_to_shards(store: &Store) -> Vec<String> {
    let found = sqlx::query_scalar(
        "select conname::text as name from pg_constraint where confrelid = 'shard'::regclass
         union all
         select indexrelid::regclass::text from pg_index
         where indrelid = 'shard'::regclass and (indisunique or indisexclusion) and not indisprimary
         union all
         select tgname::text from pg_trigger where tgrelid = 'shard'::regclass and not tgisinternal
         order by name",
    );
    found.fetch_all(store.readers()).await.expect("the catalogue answers")
}

/// Whether other connections to this database have a transaction open or hold a relay's lock.
const BUSY: &str = "select exists (
        select from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and xact_start is not null)
    or exists (
        select from pg_locks join pg_database on pg_database.oid = pg_locks.database
        where locktype = 'advisory' and datname = current_database())";

/// Waits until nobody does anything in a store's database. A transaction that was dropped is rolled back in
/// the background, and until then its shards are not free: whoever takes what is free would go on elsewhere,
/// which is right and differs from what another store does.
pub async fn quiet(store: &Store) {
    loop {
        let busy: Result<bool, _> = sqlx::query_scalar(BUSY).fetch_one(store.readers()).await;
        if !busy.expect("the server is healthy") {
            return;
        }
    }
}

async fn run(server: &Server, statement: String) {
    let mut connection = PgConnection::connect_with(&server.plain()).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

impl Drop for Database {
    fn drop(&mut self) {
        let (all, drop) = (self.all.clone(), format!("drop database {} with (force)", self.name));
        // A test's runtime may be shutting down; this one is only for the good-bye.
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map(|runtime| runtime.block_on(run(&all, drop)))
        });
        // A panic here would hide the test's own; the server is a test's anyway.
        let _dropped = thread.join();
    }
}
