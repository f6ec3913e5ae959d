//! The schema and its versions, per component: the shared pieces and the role's own tables.

use sqlx::{Connection, PgConnection};

use super::Server;
use crate::error::Error;
use crate::schema::Migration;

/// A role's part of a database.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    /// The PostgreSQL schema that holds it: `ingest`, `engine`, `dispatcher`.
    pub name: &'static str,
    /// The steps of the role's own tables.
    pub migrations: &'static [Migration],
}

impl Schema {
    /// The shared pieces' steps, then the role's.
    fn components(&self) -> [(&'static str, &'static [Migration]); 2] {
        [("core", CORE), ("role", self.migrations)]
    }
}

/// What [`migrate`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// `core` for the shared pieces, `role` for the role's own tables.
    pub component: &'static str,
    /// The version found; 0 where there was none.
    pub from: i64,
    /// The version now.
    pub to: i64,
}

const CORE: &[Migration] = &[Migration { version: 1, sql: include_str!("core_1.sql") }];

/// Brings a role's schema up to date, whole or not at all. Two that run at once wait for each other, and the
/// second finds nothing to do. A schema that a newer program wrote is refused.
pub async fn migrate(server: &Server, schema: &Schema) -> Result<Vec<Migrated>, Error> {
    let mut connection = server.connect_to_migrate(schema.name).await?;
    let done = migrate_on(&mut connection, schema).await;
    // Only a courtesy to the server: what was to be kept is committed.
    let _closed = connection.close().await;
    done
}

async fn migrate_on(connection: &mut PgConnection, schema: &Schema) -> Result<Vec<Migrated>, Error> {
    let mut tx = connection.begin().await?;
    sqlx::query("select pg_advisory_xact_lock(hashtext('afterglow migrate'), hashtext($1))")
        .bind(schema.name)
        .execute(&mut *tx)
        .await?;
    create_schema(&mut tx, schema).await?;
    let mut done = Vec::new();
    for (component, steps) in schema.components() {
        let from = version_of(&mut tx, component).await?;
        let known = steps.last().map_or(0, |step| step.version);
        refuse_newer(schema, component, from, known)?;
        for step in steps.iter().filter(|step| step.version > from) {
            sqlx::raw_sql(step.sql).execute(&mut *tx).await?;
        }
        sqlx::query(
            "insert into schema_version (component, version) values ($1, $2)
             on conflict (component) do update set version = excluded.version, migrated_at = now()
             where schema_version.version <> excluded.version",
        )
        .bind(component)
        .bind(known)
        .execute(&mut *tx)
        .await?;
        done.push(Migrated { component, from, to: known });
    }
    tx.commit().await?;
    Ok(done)
}

/// A schema that somebody made for us is used; making one needs a right that we may not have.
async fn create_schema(connection: &mut PgConnection, schema: &Schema) -> Result<(), Error> {
    let there: bool = sqlx::query_scalar("select to_regnamespace($1) is not null")
        .bind(schema.name)
        .fetch_one(&mut *connection)
        .await?;
    if !there {
        let create = format!("create schema {}", schema.name);
        sqlx::raw_sql(sqlx::AssertSqlSafe(create)).execute(&mut *connection).await?;
    }
    sqlx::raw_sql(
        "create table if not exists schema_version (
            component   text        primary key,           -- core: the shared pieces; role: the role's own tables
            version     int8        not null,
            migrated_at timestamptz not null default now() -- for people
        )",
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn version_of(connection: &mut PgConnection, component: &str) -> Result<i64, Error> {
    let version = sqlx::query_scalar("select version from schema_version where component = $1")
        .bind(component)
        .fetch_optional(connection)
        .await?;
    Ok(version.unwrap_or(0))
}

/// Refuses a schema that is not exactly the one this program works with.
pub(super) async fn check(connection: &mut PgConnection, schema: &Schema) -> Result<(), Error> {
    let there: bool = sqlx::query_scalar("select to_regclass('schema_version') is not null")
        .fetch_one(&mut *connection)
        .await?;
    for (component, steps) in schema.components() {
        let found = if there { version_of(connection, component).await? } else { 0 };
        let known = steps.last().map_or(0, |step| step.version);
        refuse_newer(schema, component, found, known)?;
        if found < known {
            return Err(Error::Older { what: what(schema, component), found, known });
        }
    }
    Ok(())
}

fn refuse_newer(schema: &Schema, component: &str, found: i64, known: i64) -> Result<(), Error> {
    if found > known {
        return Err(Error::Newer { what: what(schema, component), found, known });
    }
    Ok(())
}

fn what(schema: &Schema, component: &str) -> String {
    format!("schema {} ({component})", schema.name)
}
