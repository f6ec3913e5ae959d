//! What the server says of our sessions.

use std::time::Duration;

use sqlx::{PgPool, Row};

use super::{Store, outbox};
use crate::error::Error;
use crate::standing::{OUTBOX_COUNT_MAX, Sessions, Standing, made_at};

impl Store {
    /// Our sessions are those that are named so by [`super::server`]; the oldest snapshot may be anybody's: a
    /// report or a dump holds up the clean-up just the same.
    pub(super) async fn stands(&self) -> Result<Standing, Error> {
        let row = sqlx::query(
            "select (select count(*) from (select from outbox limit $1) as first)::int4 as waiting,
                    extract(epoch from coalesce(max(clock_timestamp() - xact_start)
                        filter (where application_name like 'afterglow %'), interval '0'))::float8 as longest,
                    coalesce(max(age(backend_xmin)), 0)::int4 as snapshot
             from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
        )
        .bind(i64::from(OUTBOX_COUNT_MAX))
        .fetch_one(&self.pool)
        .await?;
        let (waiting, snapshot): (i32, i32) = (row.try_get("waiting")?, row.try_get("snapshot")?);
        let longest: f64 = row.try_get("longest")?;
        let oldest = if waiting > 0 { outbox::read(&self.pool, 1).await? } else { Vec::new() };
        Ok(Standing {
            outbox_rows: waiting.unsigned_abs(),
            outbox_since: oldest.first().and_then(|(_, row)| made_at(row)),
            server: Some(Sessions {
                used: [&self.pool, &self.relays].map(used).iter().sum(),
                open: self.pool.size() + self.relays.size(),
                longest_transaction: Duration::try_from_secs_f64(longest).unwrap_or_default(),
                oldest_snapshot_age: snapshot.unsigned_abs(),
            }),
        })
    }
}

fn used(pool: &PgPool) -> u32 {
    pool.size().saturating_sub(u32::try_from(pool.num_idle()).unwrap_or(u32::MAX))
}
