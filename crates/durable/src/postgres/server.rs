//! The server, and the settings of a connection.
//!
//! They are not tuning: each bounds how long a process that was killed, stopped or cut off can hold shards.
//! Together a holder that does nothing any more blocks its shards for at most twelve seconds. They are set
//! on every connection and checked at start, because a pooler in between may drop them in silence.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use afterglow_domain::Timestamp;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};

use super::ServerClock;
use crate::error::Error;

/// The oldest version that is tested: 15.
const VERSION_NUM_MIN: u32 = 150_000;

/// Since this version a transaction's whole length can be bounded.
const VERSION_NUM_TRANSACTION_TIMEOUT: u32 = 170_000;

/// How long a turn may take, from the wait for its connection to its COMMIT: twice as long as one statement may
/// at the server, and well below the minute after which a loop counts as stuck.
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(20);

/// How long a connection may take to be made.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// What every connection is given, as the server says it back.
pub(super) const SETTINGS: &[(&str, &str)] = &[
    // The lock and what it guards are read by two statements; any other level would read stale rows.
    ("default_transaction_isolation", "read committed"),
    // A commit that answers is on the disk.
    ("synchronous_commit", "on"),
    // One wrongly costed plan would compile for longer than it runs, at every call.
    ("jit", "off"),
    // A plan that was made while a table was small is kept while it grows, and every question of ours goes by
    // a key: other ways to the rows are only ever mistaken.
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    // Longer than a stopped holder may idle, so that those who wait for it get the lock and no error.
    ("lock_timeout", "8s"),
    ("idle_in_transaction_session_timeout", "5s"),
    ("statement_timeout", "10s"),
    // A client that died during a statement is noticed.
    ("client_connection_check_interval", "2s"),
    // A host that vanished is noticed: idle, and while the server sends to it.
    ("tcp_keepalives_idle", "5"),
    ("tcp_keepalives_interval", "2"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "10000"),
];

/// What a relay's connection is given besides: its session is the lock, and a heartbeat every three seconds
/// shows that it lives.
pub(super) const RELAY_SETTINGS: &[(&str, &str)] = &[("idle_session_timeout", "10s")];

/// What a connection of a command that only looks is given besides: it writes nothing, and no question of
/// it keeps the server from tidying up for longer than five seconds.
pub(super) const READER_SETTINGS: &[(&str, &str)] =
    &[("default_transaction_read_only", "on"), ("statement_timeout", "5s")];

/// What a migration's connection is given instead: it waits for another one, and may rewrite a table.
const MIGRATION_SETTINGS: &[(&str, &str)] = &[("lock_timeout", "5min"), ("statement_timeout", "0")];

/// Where the database is and who asks. Prints without the password.
#[derive(Clone)]
pub struct Server {
    options: PgConnectOptions,
    clock: Option<Arc<ServerClock>>,
}

impl FromStr for Server {
    type Err = Error;

    fn from_str(url: &str) -> Result<Self, Error> {
        let form = "write postgres://user:password@host:5432/database";
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(Error::Refused(format!("the database's address has another form: {form}")));
        }
        let parsed = url.parse::<PgConnectOptions>();
        let options =
            parsed.map_err(|error| Error::Refused(format!("the database's address: {error}: {form}")))?;
        Ok(Self { options, clock: None })
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let database = self.options.get_database().unwrap_or_else(|| self.options.get_username());
        write!(f, "PostgreSQL at {}:{}/{database}", self.options.get_host(), self.options.get_port())
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Server {
    /// Another database of the same server.
    #[must_use]
    pub fn database(&self, name: &str) -> Self {
        Self { options: self.options.clone().database(name), clock: self.clock.clone() }
    }

    /// The same server, whose clock this one follows with everything that is locked there.
    #[must_use]
    pub fn followed_by(self, clock: Arc<ServerClock>) -> Self {
        Self { clock: Some(clock), ..self }
    }

    pub(super) fn clock(&self) -> Option<Arc<ServerClock>> {
        self.clock.clone()
    }

    /// Options without anything of ours, for what is done to a database and not in it.
    #[cfg(any(test, feature = "conformance"))]
    pub(crate) fn plain(&self) -> PgConnectOptions {
        self.options.clone()
    }

    /// Options of a connection that works in a role's schema.
    pub(super) fn of_role(&self, schema: &str) -> PgConnectOptions {
        let name = format!("afterglow {schema}");
        let options = self.options.clone().application_name(&name).options([("search_path", schema)]);
        options.options(SETTINGS.iter().copied())
    }

    pub(super) fn of_relay(&self, schema: &str) -> PgConnectOptions {
        let name = format!("afterglow {schema} relay");
        self.of_role(schema).application_name(&name).options(RELAY_SETTINGS.iter().copied())
    }

    pub(super) fn of_reader(&self, schema: &str) -> PgConnectOptions {
        let name = format!("afterglow {schema} look");
        self.of_role(schema).application_name(&name).options(READER_SETTINGS.iter().copied())
    }

    /// A connection that migrates, outside any pool.
    pub(super) async fn connect_to_migrate(&self, schema: &str) -> Result<PgConnection, Error> {
        let name = format!("afterglow {schema} migrate");
        let options = self.of_role(schema).application_name(&name);
        let options = options.options(MIGRATION_SETTINGS.iter().copied());
        match tokio::time::timeout(CONNECT_MAX, PgConnection::connect_with(&options)).await {
            Ok(connected) => Ok(connected?),
            Err(_) => Err(Error::Unavailable(format!("{self} gives no answer"))),
        }
    }
}

/// What a new connection is told that only newer servers understand.
pub(super) async fn greet(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    if version_num(connection).await? >= VERSION_NUM_TRANSACTION_TIMEOUT {
        sqlx::raw_sql("set transaction_timeout = '30s'").execute(connection).await?;
    }
    Ok(())
}

async fn version_num(connection: &mut PgConnection) -> Result<u32, sqlx::Error> {
    let known = connection.server_version_num();
    if let Some(version) = known {
        return Ok(version);
    }
    let text: String =
        sqlx::query_scalar("select current_setting('server_version_num')").fetch_one(connection).await?;
    Ok(text.parse().unwrap_or(0))
}

/// The server's clock.
pub(super) async fn now(connection: &mut PgConnection) -> Result<Timestamp, Error> {
    let now = sqlx::query_scalar(concat!("select ", now!()));
    Ok(Timestamp(now.fetch_one(connection).await?))
}

/// Refuses a server that is too old, and a connection that has other settings than it was given.
pub(super) async fn check(
    connection: &mut PgConnection,
    server: &Server,
    settings: &[(&str, &str)],
) -> Result<(), Error> {
    let version = version_num(connection).await?;
    if version < VERSION_NUM_MIN {
        let (found, needed) = (version / 10_000, VERSION_NUM_MIN / 10_000);
        return Err(Error::Refused(format!(
            "{server} has version {found}: Afterglow needs version {needed} or newer"
        )));
    }
    let names: Vec<&str> = settings.iter().map(|(name, _)| *name).collect();
    // On a Unix socket there are no TCP settings: the kernel knows at once when the other side is gone.
    let found: Vec<(String, Option<String>)> = sqlx::query_as(
        "select name, current_setting(name, true) from unnest($1::text[]) as s(name)
         where inet_server_addr() is not null or name not like 'tcp%'",
    )
    .bind(names)
    .fetch_all(connection)
    .await?;
    let differ = differing(settings, &found);
    if differ.is_empty() {
        return Ok(());
    }
    Err(Error::Refused(format!(
        "{server} does not keep this connection's settings ({}): connect to the server itself, not through a pooler",
        differ.join(", ")
    )))
}

fn differing(wanted: &[(&str, &str)], found: &[(String, Option<String>)]) -> Vec<String> {
    let differs = |(name, found): &(String, Option<String>)| {
        let wanted = wanted.iter().find(|(wanted, _)| wanted == name).map(|(_, value)| *value)?;
        let found = found.as_deref().unwrap_or("unknown");
        (found != wanted).then(|| format!("{name} is {found} and must be {wanted}"))
    };
    found.iter().filter_map(differs).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_prints_without_its_password() {
        let server: Server = "postgres://ann:secret@db.example:6432/glow".parse().unwrap();
        assert_eq!(
            format!("{server} {server:?}"),
            "PostgreSQL at db.example:6432/glow PostgreSQL at db.example:6432/glow"
        );
        let wrong = "mysql://ann:secret@db".parse::<Server>().unwrap_err().to_string();
        assert!(wrong.contains("write postgres://") && !wrong.contains("secret"), "{wrong}");
    }

    #[test]
    fn each_setting_that_differs_is_named() {
        let found = [
            ("jit".to_owned(), Some("on".to_owned())),
            ("lock_timeout".to_owned(), Some("8s".to_owned())),
            ("idle_session_timeout".to_owned(), None),
        ];
        let wanted = [("jit", "off"), ("lock_timeout", "8s"), ("idle_session_timeout", "10s")];
        assert_eq!(
            differing(&wanted, &found),
            ["jit is on and must be off", "idle_session_timeout is unknown and must be 10s"]
        );
    }
}
