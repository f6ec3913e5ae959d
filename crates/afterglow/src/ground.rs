//! What a role stands on: the log that all roles share, and a store of its own.
//!
//! The roles are wired once, over [`Ground`]; the embedded product and the processes of a scaled one differ
//! in what they hand in, and in nothing that a role does.

use std::future::Future;
use std::path::Path;

use afterglow_dispatcher::store::DispatcherTx;
use afterglow_durable::{Store, postgres, sqlite};
use afterglow_eventlog::{Error, LogReader, Source};
use afterglow_events::{Append, Consume, Topic};
use afterglow_ingest::store::ResolverTx;
use afterglow_journey_engine::EngineTx;
use afterglow_rate::{Limiter, Rate};

/// A log and the stores of the roles beside it.
pub(crate) trait Ground: Send + Sync + 'static {
    /// What is appended to.
    type Log: Append + Clone;
    /// A role's state.
    type Store: Store<Tx: ResolverTx + EngineTx + DispatcherTx>;
    /// A member of a role's consumer group.
    type Consumer: Consume;
    /// What reads the log by position.
    type Reader: Opens;

    /// How a command names this product, as a shell takes it: `--config /etc/afterglow.toml`.
    fn named(&self) -> String;

    /// The log.
    fn log(&self) -> &Self::Log;

    /// Reads the log by position, for whoever asks what it holds.
    fn reader(&self) -> Self::Reader;

    /// Opens a role's store; a refusal names the role's code and the remedy.
    fn store(&self, role: &RoleStore) -> impl Future<Output = anyhow::Result<Self::Store>> + Send;

    /// Gives the turns of a rate: to everybody who has a store of this role.
    fn limiter(&self, name: String, rate: Rate, store: &Self::Store) -> Limiter;

    /// Reads some topics as the group, behind the cursors in the store.
    fn consumer(
        &self,
        group: &str,
        topics: &[Topic],
        cursors: &Self::Store,
    ) -> anyhow::Result<Self::Consumer>;
}

/// A log that is read by position, and can be opened when somebody asks.
pub(crate) trait Opens: Clone + Send + Sync + 'static {
    /// The log.
    type Log: Source;

    /// Opens it, or gives the one that is open.
    fn open(&self) -> impl Future<Output = Result<Self::Log, Error>> + Send;
}

impl Opens for LogReader {
    type Log = Self;

    async fn open(&self) -> Result<Self, Error> {
        Ok(self.clone())
    }
}

/// An option that names a path, from whichever folder the command is called, as a shell takes it.
pub(crate) fn option(name: &str, path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let text = path.display().to_string();
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+:@%,=".contains(letter);
    if text.chars().all(plain) {
        format!("{name} {text}")
    } else {
        format!("{name} '{}'", text.replace('\'', r"'\''"))
    }
}

/// A role's state, wherever it is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RoleStore {
    /// The role's name, also its consumer group.
    pub(crate) role: &'static str,
    /// Its file in the data folder of the embedded product.
    pub(crate) file: &'static str,
    /// The steps of that file.
    pub(crate) migrations: &'static [sqlite::Migration],
    /// Its part of a shared database.
    #[cfg_attr(not(feature = "kafka"), expect(dead_code, reason = "only the scaled product has one"))]
    pub(crate) schema: postgres::Schema,
}

/// The ingest's.
pub(crate) const INGEST: RoleStore = RoleStore {
    role: afterglow_ingest::ROLE,
    file: "ingest.db",
    migrations: afterglow_ingest::store::MIGRATIONS,
    schema: afterglow_ingest::store::postgres::SCHEMA,
};

/// The journey engine's.
pub(crate) const ENGINE: RoleStore = RoleStore {
    role: afterglow_journey_engine::ROLE,
    file: "engine.db",
    migrations: afterglow_journey_engine::store::sqlite::MIGRATIONS,
    schema: afterglow_journey_engine::store::postgres::SCHEMA,
};

/// The dispatcher's.
pub(crate) const DISPATCHER: RoleStore = RoleStore {
    role: afterglow_dispatcher::ROLE,
    file: "dispatcher.db",
    migrations: afterglow_dispatcher::store::sqlite::MIGRATIONS,
    schema: afterglow_dispatcher::store::postgres::SCHEMA,
};

/// All of them.
pub(crate) const ROLES: [RoleStore; 3] = [INGEST, ENGINE, DISPATCHER];

#[cfg(test)]
mod tests;
