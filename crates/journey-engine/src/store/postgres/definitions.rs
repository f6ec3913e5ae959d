//! Published journeys.

use afterglow_domain::{Tenant, Timestamp};
use afterglow_durable::Error;
use afterglow_durable::postgres::text;
use afterglow_journey::Published;
use sqlx::{PgConnection, Row};

use super::count;
use crate::store::broken;

pub(super) async fn in_use(
    connection: &mut PgConnection,
    tenants: &[Tenant],
) -> Result<Vec<(Tenant, String, u32)>, Error> {
    let rows: Vec<(String, String, i64)> = sqlx::query_as(
        "select tenant, journey, version from in_use where tenant = any($1) order by tenant, journey",
    )
    .bind(tenants.iter().map(Tenant::as_str).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    let row = |(tenant, journey, version): (String, String, i64)| {
        let tenant = Tenant::new(tenant).map_err(|error| broken("in_use.tenant", error))?;
        Ok((tenant, journey, count("in_use.version", version)?))
    };
    rows.into_iter().map(row).collect()
}

pub(crate) async fn load(
    connection: &mut PgConnection,
    tenant: &Tenant,
    journey: &str,
    version: u32,
) -> Result<Option<Published>, Error> {
    let row = sqlx::query(
        "select sha256, source, files from definition where tenant = $1 and journey = $2 and version = $3",
    )
    .bind(tenant.as_str())
    .bind(journey)
    .bind(i64::from(version))
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let files: &str = row.try_get("files")?;
    Ok(Some(Published {
        name: journey.to_owned(),
        version,
        sha256: digest(row.try_get("sha256")?)?,
        source: text::told(row.try_get("source")?),
        files: serde_json::from_str(files).map_err(|error| broken("definition.files", error))?,
    }))
}

fn digest(bytes: &[u8]) -> Result<[u8; 32], Error> {
    bytes.try_into().map_err(|_| broken("definition.sha256", "is not 32 bytes"))
}

pub(super) async fn newest(
    connection: &mut PgConnection,
    tenant: &Tenant,
    journey: &str,
) -> Result<Option<(u32, [u8; 32])>, Error> {
    let row: Option<(i64, Vec<u8>)> = sqlx::query_as(
        "select version, sha256 from definition where tenant = $1 and journey = $2
         order by version desc limit 1",
    )
    .bind(tenant.as_str())
    .bind(journey)
    .fetch_optional(connection)
    .await?;
    let newest =
        |(version, sha256): (i64, Vec<u8>)| Ok((count("definition.version", version)?, digest(&sha256)?));
    row.map(newest).transpose()
}

pub(super) async fn save(
    connection: &mut PgConnection,
    tenant: &Tenant,
    version: &Published,
    at: Timestamp,
) -> Result<(), Error> {
    let files = serde_json::to_string(&version.files).map_err(|error| broken("definition.files", error))?;
    sqlx::query(
        "insert into definition (tenant, journey, version, sha256, source, files, published_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(tenant.as_str())
    .bind(&version.name)
    .bind(i64::from(version.version))
    .bind(version.sha256.as_slice())
    .bind(text::stored(&version.source))
    // JSON writes a NUL as an escape.
    .bind(files)
    .bind(at.0)
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn use_journeys(
    connection: &mut PgConnection,
    tenant: &Tenant,
    journeys: &[(String, u32)],
) -> Result<(), Error> {
    sqlx::query("delete from in_use where tenant = $1")
        .bind(tenant.as_str())
        .execute(&mut *connection)
        .await?;
    let (names, versions): (Vec<&str>, Vec<i64>) =
        journeys.iter().map(|(journey, version)| (journey.as_str(), i64::from(*version))).unzip();
    sqlx::query(
        "insert into in_use (tenant, journey, version)
         select $1, new.journey, new.version from unnest($2::text[], $3::int8[]) as new(journey, version)",
    )
    .bind(tenant.as_str())
    .bind(names)
    .bind(versions)
    .execute(connection)
    .await?;
    Ok(())
}
