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
    let options: PgConnectOptions = url.parse().with_context(|| format!("{url} is no URL of PostgreSQL"))?;
    let name = format!("afterglow_test_{}", Uuid::new_v4().simple());
    let mut connection = options.connect().await.with_context(|| format!("{url} does not answer"))?;
    let create = format!("CREATE DATABASE {name} TEMPLATE template0");
    connection.execute(AssertSqlSafe(create)).await.with_context(|| format!("{name} cannot be made"))?;
    connection.close().await?;
    Ok(options.database(&name).to_url_lossy().to_string())
}
