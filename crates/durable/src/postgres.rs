//! The store that many processes share: one PostgreSQL schema per role.
//!
//! Any process may decide anything: what makes a decision the only one is the lock on its shard's row.
//! The rules, each of them measured and each guarded by a test:
//!
//! - A writing transaction is READ COMMITTED, and its first statement locks its shards, ascending, `FOR NO
//!   KEY UPDATE`. That is a statement of its own: one that locked and read would read what was there before
//!   it had waited, without an error.
//! - No foreign key points at `shard`, and the outbox's numbers are not cached: per shard their order is the
//!   order of the commits.
//! - Nothing is written for a shard that is not locked.
//! - A process that is killed frees its locks at once; one that is stopped or has vanished does so after the
//!   times in [`server`]. Its next statement then fails, COMMIT included, and nothing of it is visible.
//!
//! Deliberately absent: leases, epochs, LISTEN/NOTIFY, savepoints, and transactions of another isolation.

/// Now on the database's clock, in microseconds UTC: a text to `concat!` statements from.
macro_rules! now {
    () => {
        "(extract(epoch from clock_timestamp()) * 1000000)::int8"
    };
}

mod classes;
pub mod columns;
mod core;
mod letters;
mod lock;
mod outbox;
mod rates;
pub mod sandbox_clock;
mod schema;
pub mod server;
mod server_clock;
mod silence;
mod standing;
pub mod text;
mod timers;
mod tx;
mod went_back;

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgPool, PgPoolOptions};

use crate::changed::Changed;
use crate::error::Error;
pub use crate::schema::Migration;
use crate::store::CommitFaults;
use classes::Classes;
use lock::Asking;
use silence::Silence;
use went_back::Committed;

pub use outbox::Outgoing;
pub use schema::{Migrated, Schema, contract, migrate};
pub use server::Server;
pub use server_clock::ServerClock;
pub use tx::Tx;

/// How many connections a role's process has at most: its consumers and timer loops hold one each while
/// they decide, its calls one each for moments, and a query now and then. PostgreSQL's own limit is 100 for
/// everybody.
const CONNECTIONS_MAX: u32 = 10;

/// Relays have connections of their own, whose session is the lock: one at work and one that takes its
/// place after a failure.
const RELAY_CONNECTIONS_MAX: u32 = 2;

/// How many connections a command that looks has: it asks one question after another.
const READERS_MAX: u32 = 2;

/// How long to wait for a connection before saying that the database is away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection that idled longer is asked whether it still works before it is used.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);

/// A role's store in its schema.
#[derive(Clone)]
pub struct Store {
    /// The schema's name, which is the role's in metrics.
    role: &'static str,
    pool: PgPool,
    relays: PgPool,
    silence: Silence,
    committed: Committed,
    changed: Arc<Changed>,
    classes: Arc<Classes>,
    faults: CommitFaults,
    /// Follows the server's clock, for a process that asked for it.
    clock: Option<Arc<ServerClock>>,
    /// How [`crate::Store::begin`] asks for its shards: for all of them, except in one test.
    asking: Asking,
}

impl Store {
    /// Connects, and refuses a server whose settings differ and a schema that this program does not work on.
    pub async fn open(server: &Server, schema: &Schema) -> Result<Self, Error> {
        Self::open_with_faults(server, schema, CommitFaults::default()).await
    }

    /// The same with commits that fail as `faults` says; for tests.
    pub async fn open_with_faults(
        server: &Server,
        schema: &Schema,
        faults: CommitFaults,
    ) -> Result<Self, Error> {
        let silence = Silence::default();
        let pool = pool(CONNECTIONS_MAX, &silence).connect_with(server.of_role(schema.name)).await?;
        let relays = pool_of_relays(server, schema, &silence);
        server::check(&mut *pool.acquire().await?, server, server::SETTINGS).await?;
        server::check(&mut *relays.acquire().await?, server, server::RELAY_SETTINGS).await?;
        schema::check(&mut *pool.acquire().await?, schema).await?;
        if let Some(clock) = server.clock() {
            let asked = clock.asking();
            clock.heard(server::now(&mut *pool.acquire().await?).await?, asked);
        }
        Ok(Self {
            role: schema.name,
            pool,
            relays,
            silence,
            committed: Committed::default(),
            changed: Arc::default(),
            classes: Arc::default(),
            faults,
            clock: server.clock(),
            asking: Asking::All,
        })
    }

    /// Connections for questions; nothing is written through them.
    pub fn readers(&self) -> &PgPool {
        &self.pool
    }

    /// Gives the connections back; what still uses one ends first.
    pub async fn close(&self) {
        self.relays.close().await;
        self.pool.close().await;
    }
}

/// Connections that can only read, in a role's schema.
pub type Readers = PgPool;

/// Opens a role's schema for reading only, beside its running processes: each question is one statement of
/// at most five seconds. Refuses a schema that this program does not work on.
pub async fn open_read_only(server: &Server, schema: &Schema) -> Result<Readers, Error> {
    let readers = pool(READERS_MAX, &Silence::default()).connect_with(server.of_reader(schema.name)).await?;
    server::check(&mut *readers.acquire().await?, server, server::READER_SETTINGS).await?;
    schema::check(&mut *readers.acquire().await?, schema).await?;
    Ok(readers)
}

fn pool_of_relays(server: &Server, schema: &Schema, silence: &Silence) -> PgPool {
    pool(RELAY_CONNECTIONS_MAX, silence).connect_lazy_with(server.of_relay(schema.name))
}

fn pool(connections_max: u32, silence: &Silence) -> PgPoolOptions {
    let silence = silence.clone();
    PgPoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // Our own question below spares a round trip before each transaction of a busy loop.
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for < TRUSTED_IDLE {
                    return Ok(true);
                }
                Ok(sqlx::Connection::ping(connection).await.is_ok())
            })
        })
        .after_connect(|connection, _| Box::pin(server::greet(connection)))
        .after_release(move |connection, _| {
            let silence = silence.clone();
            Box::pin(async move { silence.survived_by(connection).await })
        })
}

#[cfg(test)]
mod tests;
