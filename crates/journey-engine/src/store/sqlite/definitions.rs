//! Published journeys.

use afterglow_domain::{Tenant, Timestamp};
use afterglow_durable::Error;
use afterglow_journey::Published;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};

use crate::store::broken;

pub(super) async fn in_use(
    connection: &mut SqliteConnection,
    tenants: &[Tenant],
) -> Result<Vec<(Tenant, String, u32)>, Error> {
    let mut query =
        QueryBuilder::<Sqlite>::new("select tenant, journey, version from in_use where tenant in (");
    let mut list = query.separated(", ");
    for tenant in tenants {
        list.push_bind(tenant.as_str());
    }
    query.push(") order by tenant, journey");
    let rows: Vec<(String, String, u32)> = query.build_query_as().fetch_all(connection).await?;
    let row = |(tenant, journey, version): (String, String, u32)| {
        Ok((Tenant::new(tenant).map_err(|error| broken("in_use.tenant", error))?, journey, version))
    };
    rows.into_iter().map(row).collect()
}

pub(crate) async fn load(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    journey: &str,
    version: u32,
) -> Result<Option<Published>, Error> {
    let row = sqlx::query(
        "select sha256, source, files from definition where tenant = ? and journey = ? and version = ?",
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
        source: row.try_get("source")?,
        files: serde_json::from_str(files).map_err(|error| broken("definition.files", error))?,
    }))
}

fn digest(bytes: &[u8]) -> Result<[u8; 32], Error> {
    bytes.try_into().map_err(|_| broken("definition.sha256", "is not 32 bytes"))
}

pub(super) async fn newest(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    journey: &str,
) -> Result<Option<(u32, [u8; 32])>, Error> {
    let newest = "select version, sha256 from definition where tenant = ? and journey = ? order by version desc limit 1";
    let row: Option<(u32, Vec<u8>)> =
        sqlx::query_as(newest).bind(tenant.as_str()).bind(journey).fetch_optional(connection).await?;
    row.map(|(version, sha256)| Ok((version, digest(&sha256)?))).transpose()
}

pub(super) async fn save(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    version: &Published,
    at: Timestamp,
) -> Result<(), Error> {
    let files = serde_json::to_string(&version.files).map_err(|error| broken("definition.files", error))?;
    sqlx::query(
        "insert into definition (tenant, journey, version, sha256, source, files, published_at)
         values (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(tenant.as_str())
    .bind(&version.name)
    .bind(i64::from(version.version))
    .bind(version.sha256.as_slice())
    .bind(&version.source)
    .bind(files)
    .bind(at.0)
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn use_journeys(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    journeys: &[(String, u32)],
) -> Result<(), Error> {
    sqlx::query("delete from in_use where tenant = ?")
        .bind(tenant.as_str())
        .execute(&mut *connection)
        .await?;
    for (journey, version) in journeys {
        sqlx::query("insert into in_use (tenant, journey, version) values (?, ?, ?)")
            .bind(tenant.as_str())
            .bind(journey)
            .bind(i64::from(*version))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
