//! The schema and its versions, per component: the shared pieces and the role's own tables. Which program
//! works on which version is [`Migration`]'s rule.

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
    /// The shared pieces, then the role's.
    fn components(&self) -> [Component; 2] {
        let of = |name, steps| Component { schema: self.name, name, steps };
        [of("core", CORE), of("role", self.migrations)]
    }

    /// Every step: those of the shared pieces, then the role's own.
    pub fn steps(&self) -> impl Iterator<Item = &'static Migration> {
        self.components().into_iter().flat_map(|component| component.steps)
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
    /// The newest version that this program knows.
    pub known: i64,
    /// Contracting steps, which were left to [`contract`].
    pub waiting: &'static [Migration],
}

const CORE: &[Migration] =
    &[Migration::new(1, include_str!("core_1.sql")), Migration::new(2, include_str!("core_2.sql"))];

/// Brings a role's schema up to date, whole or not at all; stops before a step that contracts. Two that run at
/// once wait for each other, and the second finds nothing to do. A schema that a newer program wrote is left as
/// it is, and refused if this program cannot work on it.
pub async fn migrate(server: &Server, schema: &Schema) -> Result<Vec<Migrated>, Error> {
    run(server, schema, Older::MayRun).await
}

/// The same with the steps that contract. Every program that runs must do without what they remove.
pub async fn contract(server: &Server, schema: &Schema) -> Result<Vec<Migrated>, Error> {
    run(server, schema, Older::AreGone).await
}

/// Programs of older versions.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Older {
    MayRun,
    AreGone,
}

async fn run(server: &Server, schema: &Schema, older: Older) -> Result<Vec<Migrated>, Error> {
    let mut connection = server.connect_to_migrate(schema.name).await?;
    let done = run_on(&mut connection, schema, older).await;
    // Only a courtesy to the server: what was to be kept is committed.
    let _closed = connection.close().await;
    done
}

async fn run_on(
    connection: &mut PgConnection,
    schema: &Schema,
    older: Older,
) -> Result<Vec<Migrated>, Error> {
    let mut tx = connection.begin().await?;
    sqlx::query("select pg_advisory_xact_lock(hashtext('afterglow migrate'), hashtext($1))")
        .bind(schema.name)
        .execute(&mut *tx)
        .await?;
    create_schema(&mut tx, schema).await?;
    let mut done = Vec::new();
    for component in schema.components() {
        let found = found(&mut tx, component.name).await?;
        let (due, waiting) = component.plan(found, older)?;
        if found.version > 0 && !due.is_empty() {
            hold_decisions(&mut tx).await?;
        }
        for step in due {
            sqlx::raw_sql(step.sql).execute(&mut *tx).await?;
        }
        let to = due.last().map_or(found.version, |step| step.version);
        if to <= component.known() {
            component.note(&mut tx, to).await?;
        }
        let (from, known) = (found.version, component.known());
        done.push(Migrated { component: component.name, from, to, known, waiting });
    }
    tx.commit().await?;
    Ok(done)
}

/// Waits for the decisions under way, and lets none begin before the end: one that has written one table and
/// comes to the next would otherwise wait for us, and we for it.
async fn hold_decisions(connection: &mut PgConnection) -> Result<(), Error> {
    sqlx::query("select from shard order by shard for no key update").execute(connection).await?;
    Ok(())
}

/// A schema that somebody made for us is used; making one needs a right that we may not have. The table of
/// versions has no version: what was added to it is added here.
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
            component     text        primary key,           -- core: the shared pieces; role: the role's own tables
            version       int8        not null,
            readable_from int8,                              -- the oldest version whose program works on it; null: only its own
            migrated_at   timestamptz not null default now() -- for people
        );
        -- Asked first: also `add column if not exists` would hold up the roles that start, to the end.
        do $$ begin
            if not exists (select from pg_attribute
                           where attrelid = 'schema_version'::regclass and attname = 'readable_from') then
                alter table schema_version add column readable_from int8;
            end if;
        end $$",
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What a schema says of a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Found {
    /// 0 where there is nothing yet.
    version: i64,
    /// The oldest version whose program works on it.
    readable_from: i64,
}

async fn found(connection: &mut PgConnection, component: &str) -> Result<Found, Error> {
    // As JSON, because no `migrate` may yet have given the table the column.
    let found: Option<(i64, i64)> = sqlx::query_as(
        "select version, coalesce((to_jsonb(schema_version) ->> 'readable_from')::int8, version)
         from schema_version where component = $1",
    )
    .bind(component)
    .fetch_optional(connection)
    .await?;
    let (version, readable_from) = found.unwrap_or((0, 0));
    Ok(Found { version, readable_from })
}

/// Refuses a schema on which this program does not work.
pub(super) async fn check(connection: &mut PgConnection, schema: &Schema) -> Result<(), Error> {
    let there: bool = sqlx::query_scalar("select to_regclass('schema_version') is not null")
        .fetch_one(&mut *connection)
        .await?;
    for component in schema.components() {
        let found = if there {
            found(connection, component.name).await?
        } else {
            Found { version: 0, readable_from: 0 }
        };
        component.check(found)?;
    }
    Ok(())
}

/// A part of a schema that has a version of its own.
#[derive(Clone, Copy)]
struct Component {
    schema: &'static str,
    name: &'static str,
    steps: &'static [Migration],
}

impl Component {
    /// This program's version.
    fn known(&self) -> i64 {
        self.steps.last().map_or(0, |step| step.version)
    }

    /// The steps that it has not had.
    fn missing(&self, found: Found) -> &'static [Migration] {
        &self.steps[self.steps.partition_point(|step| step.version <= found.version)..]
    }

    /// The steps to run now, and those that wait. Refuses where this program would not work afterwards.
    fn plan(
        &self,
        found: Found,
        older: Older,
    ) -> Result<(&'static [Migration], &'static [Migration]), Error> {
        self.refuse_unreadable(found)?;
        let missing = self.missing(found);
        if older == Older::AreGone || found.version == 0 {
            return Ok((missing, &[]));
        }
        let first = missing.iter().position(Migration::contracts).unwrap_or(missing.len());
        let (due, waiting) = missing.split_at(first);
        if waiting.iter().all(Migration::contracts) { Ok((due, waiting)) } else { Err(self.behind(found)) }
    }

    fn check(&self, found: Found) -> Result<(), Error> {
        self.refuse_unreadable(found)?;
        match self.plan(found, Older::MayRun)? {
            ([], _) => Ok(()),
            _ => Err(Error::Older { what: self.what(), found: found.version, known: self.known() }),
        }
    }

    fn refuse_unreadable(&self, found: Found) -> Result<(), Error> {
        let known = self.known();
        if found.version > known && found.readable_from > known {
            return Err(Error::Newer { what: self.what(), found: found.version, known });
        }
        Ok(())
    }

    /// A step that this program needs stands behind one that contracts.
    fn behind(&self, found: Found) -> Error {
        let (what, found, known) = (self.what(), found.version, self.known());
        Error::Uncontracted { what, found, known, readable_from: self.readable_from(known) }
    }

    /// From which program's version on the schema is readable at a version that this program knows.
    fn readable_from(&self, version: i64) -> i64 {
        let had = self.steps.iter().filter(|step| step.version <= version);
        had.filter_map(|step| step.readable_from).max().unwrap_or(1)
    }

    /// Writes down which version it has, and from where it is readable.
    async fn note(&self, connection: &mut PgConnection, version: i64) -> Result<(), Error> {
        sqlx::query(
            "insert into schema_version (component, version, readable_from) values ($1, $2, $3)
             on conflict (component) do update
             set version = excluded.version, readable_from = excluded.readable_from, migrated_at = now()
             where (schema_version.version, schema_version.readable_from)
                   is distinct from (excluded.version, excluded.readable_from)",
        )
        .bind(self.name)
        .bind(version)
        .bind(self.readable_from(version))
        .execute(connection)
        .await?;
        Ok(())
    }

    fn what(&self) -> String {
        format!("schema {} ({})", self.schema, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Version 3 drops what only programs before 2 need, version 4 builds on it.
    const STEPS: &[Migration] = &[
        Migration::new(1, "one"),
        Migration::new(2, "two"),
        Migration::contracting(3, "three", 2),
        Migration::new(4, "four"),
    ];

    /// The program of a version.
    fn program(version: usize) -> Component {
        Component { schema: "role", name: "role", steps: &STEPS[..version] }
    }

    /// A schema as the newest program notes it.
    fn schema(version: i64) -> Found {
        Found { version, readable_from: program(4).readable_from(version) }
    }

    fn works(known: usize, found: Found) -> bool {
        program(known).check(found).is_ok()
    }

    #[test]
    fn a_program_works_on_what_it_can_read_and_lacks_no_more_than_contractions() {
        let works_on = |known| [0, 1, 2, 3, 4].map(|version| works(known, schema(version)));
        assert_eq!(works_on(1), [false, true, true, false, false]);
        assert_eq!(works_on(2), [false, false, true, true, true]);
        assert_eq!(works_on(3), [false, false, true, true, true]);
        assert_eq!(works_on(4), [false, false, false, false, true]);
        let from_before = Found { version: 2, readable_from: 2 };
        assert!(!works(1, from_before), "a schema that says nothing is its own program's only");
    }

    #[test]
    fn a_migration_runs_what_expands_and_leaves_what_contracts() {
        let plan = |known: usize, found, older| {
            let (due, waiting) = program(known).plan(schema(found), older)?;
            Ok::<_, Error>([due.len(), waiting.len()])
        };
        assert_eq!(plan(3, 1, Older::MayRun).unwrap(), [1, 1]);
        assert_eq!(plan(3, 2, Older::MayRun).unwrap(), [0, 1]);
        assert_eq!(plan(3, 1, Older::AreGone).unwrap(), [2, 0]);
        assert_eq!(plan(4, 0, Older::MayRun).unwrap(), [4, 0], "a new schema has no older programs");
        assert_eq!(plan(2, 4, Older::AreGone).unwrap(), [0, 0], "newer and readable");
        assert!(matches!(plan(1, 4, Older::AreGone), Err(Error::Newer { found: 4, known: 1, .. })));
        assert_eq!(
            plan(4, 1, Older::MayRun).unwrap_err().to_string(),
            "schema role (role) has schema version 1, this program needs 4, which stands behind a step that \
             contracts: run `afterglow migrate --contract` when every program that runs knows version 2 or newer"
        );
        assert_eq!(plan(4, 1, Older::AreGone).unwrap(), [3, 0]);
    }
}
