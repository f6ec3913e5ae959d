//! One database per test, not one server per test.

use anyhow::Context as _;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};
use uuid::Uuid;

/// A fresh, empty database on the server that `url` names: its URL.
///
/// It is a copy of `template0`, which nobody is ever connected to, so that tests that make theirs at the same
/// time do not get in each other's way. It goes with its server; on one that stays, it is the user's to drop.
pub async fn database(url: &str) -> anyhow::Result<String> {
    let name = fresh_name();
    run(url, format!("CREATE DATABASE {name} TEMPLATE template0")).await?;
    Ok(options(url)?.database(&name).to_url_lossy().to_string())
}

/// A copy of a database to which nobody is connected, as a backup is: its URL.
pub async fn copy(url: &str) -> anyhow::Result<String> {
    let name = fresh_name();
    run(&maintenance(url)?, format!("CREATE DATABASE {name} TEMPLATE {}", name_of(url)?)).await?;
    Ok(options(url)?.database(&name).to_url_lossy().to_string())
}

/// Makes a database what its copy is, whoever is connected to it.
pub async fn restore(url: &str, copy: &str) -> anyhow::Result<()> {
    let (server, name) = (maintenance(url)?, name_of(url)?);
    run(&server, format!("DROP DATABASE {name} WITH (FORCE)")).await?;
    run(&server, format!("CREATE DATABASE {name} TEMPLATE {}", name_of(copy)?)).await
}

fn fresh_name() -> String {
    format!("afterglow_test_{}", Uuid::new_v4().simple())
}

fn options(url: &str) -> anyhow::Result<PgConnectOptions> {
    url.parse().with_context(|| format!("{url} is no URL of PostgreSQL"))
}

fn name_of(url: &str) -> anyhow::Result<String> {
    let options = options(url)?;
    Ok(options.get_database().with_context(|| format!("{url} names no database"))?.to_owned())
}

/// The database that every server has, from where others are made.
fn maintenance(url: &str) -> anyhow::Result<String> {
    Ok(options(url)?.database("postgres").to_url_lossy().to_string())
}

async fn run(url: &str, statement: String) -> anyhow::Result<()> {
    let mut connection = options(url)?.connect().await.with_context(|| format!("{url} does not answer"))?;
    connection.execute(AssertSqlSafe(statement.clone())).await.with_context(|| statement)?;
    Ok(connection.close().await?)
}
