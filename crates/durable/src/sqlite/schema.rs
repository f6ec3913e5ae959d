//! The schema and its versions, per component: the shared pieces and the role's own tables.

use std::path::Path;

use sqlx::{Connection, SqliteConnection};

use crate::error::Error;
use crate::schema::Migration;

const CORE: &[Migration] =
    &[Migration::new(1, include_str!("core_1.sql")), Migration::new(2, include_str!("core_2.sql"))];

/// Brings both components up to date, each step in a transaction of its own.
pub(super) async fn migrate(
    connection: &mut SqliteConnection,
    path: &Path,
    role: &[Migration],
) -> Result<(), Error> {
    sqlx::raw_sql(
        "create table if not exists schema_version (component text primary key, version integer not null) without rowid",
    )
    .execute(&mut *connection)
    .await?;
    for (component, steps) in [("core", CORE), ("role", role)] {
        let found: i64 = sqlx::query_scalar("select version from schema_version where component = ?")
            .bind(component)
            .fetch_optional(&mut *connection)
            .await?
            .unwrap_or(0);
        let known = steps.last().map_or(0, |step| step.version);
        if found > known {
            return Err(Error::Newer { what: format!("{} ({component})", path.display()), found, known });
        }
        for step in steps.iter().filter(|step| step.version > found) {
            let mut tx = connection.begin().await?;
            sqlx::raw_sql(step.sql).execute(&mut *tx).await?;
            sqlx::query("insert or replace into schema_version (component, version) values (?, ?)")
                .bind(component)
                .bind(step.version)
                .execute(&mut *tx)
                .await?;
            tx.commit().await?;
        }
    }
    Ok(())
}
