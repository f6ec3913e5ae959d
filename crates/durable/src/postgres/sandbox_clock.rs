//! Where a sandbox's journey clock is anchored: one row on the database's clock, in a schema that belongs to
//! no role.
//!
//! All processes of a sandbox have one journey in common, so its anchor is where they all look, and its
//! times are the database's: machines whose clocks differ still agree on the journey's day. Unlike the
//! embedded product's file the row is not written ahead: the journey goes on while no process runs.
//!
//! Invariant: a database is a sandbox from its first migration on, or never.

use afterglow_domain::Timestamp;
use sqlx::{Connection, PgConnection};

use super::Server;
use crate::error::Error;

/// The schema of the row.
const SCHEMA: &str = "sandbox";

const TABLE: &str = "
create schema if not exists sandbox;
create table if not exists sandbox.clock (
    one            boolean primary key default true check (one), -- there is one row
    wall_base      int8    not null, -- microseconds UTC on the database's clock: where the map begins
    journey_anchor int8    not null, -- microseconds UTC: the journey's time at wall_base
    speed          int8    not null  -- journey seconds in a second of the wall
)";

/// Begins the journey's clock, or lets it go on from where it is at another speed.
const ANCHOR: &str = concat!(
    "insert into sandbox.clock (wall_base, journey_anchor, speed) select now, now, $1 from (select ",
    now!(),
    " as now) as clock_now
     on conflict (one) do update set
         wall_base = excluded.wall_base,
         journey_anchor = clock.journey_anchor + clock.speed * (excluded.wall_base - clock.wall_base),
         speed = excluded.speed
     where clock.speed <> excluded.speed"
);

const READ: &str = concat!("select wall_base, journey_anchor, speed, ", now!(), " as now from sandbox.clock");

/// The journey's clock of a sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SandboxClock {
    wall_base: i64,
    journey_anchor: i64,
    speed: i64,
    /// The database's clock when this was read.
    now: i64,
}

impl SandboxClock {
    /// Now on the database's clock.
    pub fn now(&self) -> Timestamp {
        Timestamp(self.now)
    }

    /// Where the map begins, on the database's clock.
    pub fn wall_base(&self) -> Timestamp {
        Timestamp(self.wall_base)
    }

    /// The journey's time there.
    pub fn journey_anchor(&self) -> Timestamp {
        Timestamp(self.journey_anchor)
    }
}

/// Makes the database a sandbox whose journey runs so many times as fast as the wall; one that is a sandbox
/// already goes on from where its journey is. A database that holds a real product is refused.
pub async fn anchor(server: &Server, speed: u32) -> Result<(), Error> {
    with_connection(server, async |connection| {
        let mut tx = connection.begin().await?;
        sqlx::query("select pg_advisory_xact_lock(hashtext('afterglow migrate'), hashtext($1))")
            .bind(SCHEMA)
            .execute(&mut *tx)
            .await?;
        if !exists(&mut tx).await? {
            refuse_real(&mut tx, server).await?;
            sqlx::raw_sql(TABLE).execute(&mut *tx).await?;
        }
        sqlx::query(ANCHOR).bind(i64::from(speed)).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    })
    .await
}

/// The clock of a sandbox whose journey runs so many times as fast as the wall. A database that is no
/// sandbox is refused, and one with another speed.
pub async fn read(server: &Server, speed: u32) -> Result<SandboxClock, Error> {
    let row: Option<(i64, i64, i64, i64)> = with_connection(server, async |connection| {
        if !exists(connection).await? {
            return Ok(None);
        }
        Ok(sqlx::query_as(READ).fetch_optional(connection).await?)
    })
    .await?;
    let clock = row.map(|(wall_base, journey_anchor, speed, now)| SandboxClock {
        wall_base,
        journey_anchor,
        speed,
        now,
    });
    let remedy = "run `afterglow migrate` with this configuration, and start every role again";
    match clock {
        Some(clock) if clock.speed == i64::from(speed) => Ok(clock),
        Some(SandboxClock { speed: found, .. }) => Err(Error::Refused(format!(
            "{server} holds a sandbox whose clock runs {found} times as fast as the wall, and clock.seconds_per_day asks for {speed} times: {remedy}"
        ))),
        None => Err(Error::Refused(format!("{server} holds no sandbox's clock: {remedy}"))),
    }
}

/// Times of a sandbox mean nothing to a product with real time: its database is refused.
pub async fn refuse(server: &Server) -> Result<(), Error> {
    if with_connection(server, async |connection| exists(connection).await).await? {
        return Err(Error::Refused(format!(
            "{server} holds a sandbox, and clock.seconds_per_day is not set: use another database for real customers"
        )));
    }
    Ok(())
}

async fn with_connection<T>(
    server: &Server,
    ask: impl AsyncFnOnce(&mut PgConnection) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut connection = server.connect_to_migrate(SCHEMA).await?;
    let answer = ask(&mut connection).await;
    // Only a courtesy to the server.
    let _closed = connection.close().await;
    answer
}

async fn exists(connection: &mut PgConnection) -> Result<bool, Error> {
    let found = sqlx::query_scalar("select to_regclass('sandbox.clock') is not null");
    Ok(found.fetch_one(connection).await?)
}

/// A schema with versions is a role's.
async fn refuse_real(connection: &mut PgConnection, server: &Server) -> Result<(), Error> {
    let role: Option<String> = sqlx::query_scalar(
        "select schemaname::text from pg_tables where tablename = 'schema_version' limit 1",
    )
    .fetch_optional(connection)
    .await?;
    let Some(role) = role else { return Ok(()) };
    Err(Error::Refused(format!(
        "{server} holds the schema {role} of a product with real time, and clock.seconds_per_day is set: use an empty database for a sandbox"
    )))
}
