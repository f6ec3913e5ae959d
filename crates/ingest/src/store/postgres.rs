//! The resolver's rows in PostgreSQL.

use afterglow_domain::{DealKey, DealRef, HomeKey, Timestamp};
use afterglow_durable::Error;
use afterglow_durable::postgres::columns::{column, last_of_each};
use afterglow_durable::postgres::{Migration, Schema, Tx, text};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::{KnownDeal, Refresh, ResolverTx, STATE_VERSION, StageHint, State, broken, key};

/// The resolver's schema, for `durable::postgres::Store::open`.
pub const SCHEMA: Schema = Schema {
    name: "ingest",
    migrations: &[
        Migration::new(1, include_str!("postgres_1.sql")),
        Migration::new(2, include_str!("postgres_2.sql")),
    ],
};

impl ResolverTx for Tx {
    async fn load_refreshes(&mut self, ids: &[Uuid]) -> Result<Vec<Refresh>, Error> {
        let rows = sqlx::query(
            "select tenant, connection, deal, generation, due_at, claimed, failures, rereads, stage, stage_at,
             since, traceparent, problem from refresh where id = any($1)",
        )
        .bind(ids)
        .fetch_all(self.connection())
        .await?;
        rows.iter().map(refresh).collect()
    }

    async fn save_refreshes(&mut self, rows: &[Refresh]) -> Result<(), Error> {
        let rows = last_of_each(rows, Refresh::id);
        sqlx::query(
            "insert into refresh (id, tenant, connection, deal, generation, due_at, claimed, failures, rereads,
             stage, stage_at, since, traceparent, problem)
             select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::int8[], $6::int8[],
                                  $7::bool[], $8::int8[], $9::int8[], $10::text[], $11::int8[], $12::int8[],
                                  $13::text[], $14::text[])
             on conflict (id) do update set generation = excluded.generation, due_at = excluded.due_at,
             claimed = excluded.claimed, failures = excluded.failures, rereads = excluded.rereads,
             stage = excluded.stage, stage_at = excluded.stage_at, since = excluded.since,
             traceparent = excluded.traceparent, problem = excluded.problem",
        )
        .bind(column(&rows, Refresh::id))
        .bind(column(&rows, |row| row.deal.tenant.as_str()))
        .bind(column(&rows, |row| row.deal.connection.as_str()))
        .bind(column(&rows, |row| row.deal.deal.as_str()))
        .bind(column(&rows, |row| row.generation))
        .bind(column(&rows, |row| row.due.0))
        .bind(column(&rows, |row| row.claimed))
        .bind(column(&rows, |row| i64::from(row.failures)))
        .bind(column(&rows, |row| i64::from(row.rereads)))
        .bind(column(&rows, |row| row.stage.as_ref().map(|hint| text::stored(&hint.stage))))
        .bind(column(&rows, |row| row.stage.as_ref().map(|hint| hint.at.0)))
        .bind(column(&rows, |row| row.since.0))
        .bind(column(&rows, |row| row.traceparent.as_deref().map(text::stored)))
        .bind(column(&rows, |row| row.problem.as_deref().map(text::stored)))
        .execute(self.connection())
        .await?;
        Ok(())
    }

    async fn delete_refreshes(&mut self, ids: &[Uuid]) -> Result<(), Error> {
        sqlx::query("delete from refresh where id = any($1)").bind(ids).execute(self.connection()).await?;
        Ok(())
    }

    async fn load_deals(&mut self, ids: &[Uuid]) -> Result<Vec<KnownDeal>, Error> {
        let rows = sqlx::query(
            "select tenant, connection, deal, home, state, rev, won_no, modified_at, leaving_since, merged_into,
             read_at, state_version, snapshot from deal where id = any($1)",
        )
        .bind(ids)
        .fetch_all(self.connection())
        .await?;
        rows.iter().map(known_deal).collect()
    }

    async fn save_deals(&mut self, rows: &[KnownDeal]) -> Result<(), Error> {
        let rows = last_of_each(rows, KnownDeal::id);
        sqlx::query(
            "insert into deal (id, tenant, connection, deal, home, state, rev, won_no, account, account_name,
             modified_at, leaving_since, merged_into, read_at, state_version, snapshot)
             select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
                                  $7::int8[], $8::int4[], $9::text[], $10::text[], $11::int8[], $12::int8[],
                                  $13::text[], $14::int8[], $15::int4[], $16::bytea[])
             on conflict (id) do update set home = excluded.home, state = excluded.state, rev = excluded.rev,
             won_no = excluded.won_no, account = excluded.account, account_name = excluded.account_name,
             modified_at = excluded.modified_at, leaving_since = excluded.leaving_since,
             merged_into = excluded.merged_into, read_at = excluded.read_at,
             state_version = excluded.state_version, snapshot = excluded.snapshot",
        )
        .bind(column(&rows, KnownDeal::id))
        .bind(column(&rows, |row| row.deal.tenant.as_str()))
        .bind(column(&rows, |row| row.deal.connection.as_str()))
        .bind(column(&rows, |row| row.deal.deal.as_str()))
        .bind(column(&rows, |row| row.home.as_ref().map(HomeKey::as_str)))
        .bind(column(&rows, |row| row.state.as_str()))
        .bind(column(&rows, |row| row.rev))
        .bind(column(&rows, |row| row.won_no))
        .bind(column(&rows, |row| row.snapshot.account.as_ref().map(|account| account.key.as_str())))
        .bind(column(&rows, account_name))
        .bind(column(&rows, |row| row.modified.0))
        .bind(column(&rows, |row| row.leaving_since.map(|at| at.0)))
        .bind(column(&rows, |row| row.merged_into.as_ref().map(DealKey::as_str)))
        .bind(column(&rows, |row| row.read_at.0))
        .bind(column(&rows, |_| STATE_VERSION))
        .bind(column(&rows, |row| serde_json::to_vec(&row.snapshot).expect("a snapshot has text keys only")))
        .execute(self.connection())
        .await?;
        Ok(())
    }
}

/// The account's name in small letters, as it is looked up.
fn account_name(row: &KnownDeal) -> String {
    let account = row.snapshot.account.as_ref();
    account.map_or_else(String::new, |account| text::stored(&account.name.to_lowercase()).into_owned())
}

/// A count that fits.
fn count(column: &str, number: i64) -> Result<u32, Error> {
    u32::try_from(number).map_err(|_| broken(column))
}

/// A row of `refresh`.
pub(crate) fn refresh(row: &PgRow) -> Result<Refresh, Error> {
    let stage: Option<String> = row.try_get("stage")?;
    let stage_at: Option<i64> = row.try_get("stage_at")?;
    let [traceparent, problem]: [Option<String>; 2] = [row.try_get("traceparent")?, row.try_get("problem")?];
    Ok(Refresh {
        deal: deal_ref(row)?,
        generation: row.try_get("generation")?,
        due: Timestamp(row.try_get("due_at")?),
        claimed: row.try_get("claimed")?,
        failures: count("refresh.failures", row.try_get("failures")?)?,
        rereads: count("refresh.rereads", row.try_get("rereads")?)?,
        stage: stage
            .zip(stage_at)
            .map(|(stage, at)| StageHint { stage: text::told(stage), at: Timestamp(at) }),
        since: Timestamp(row.try_get("since")?),
        traceparent: traceparent.map(text::told),
        problem: problem.map(text::told),
    })
}

/// A row of `deal`.
pub(crate) fn known_deal(row: &PgRow) -> Result<KnownDeal, Error> {
    let version: i32 = row.try_get("state_version")?;
    if version != STATE_VERSION {
        return Err(Error::Refused(format!(
            "deal.state_version is {version}, this program reads {STATE_VERSION}"
        )));
    }
    let blob: &[u8] = row.try_get("snapshot")?;
    let home: Option<&str> = row.try_get("home")?;
    let merged_into: Option<&str> = row.try_get("merged_into")?;
    let leaving_since: Option<i64> = row.try_get("leaving_since")?;
    Ok(KnownDeal {
        deal: deal_ref(row)?,
        home: home.map(|text| key("deal.home", text)).transpose()?,
        state: State::parse(row.try_get("state")?).ok_or_else(|| broken("deal.state"))?,
        rev: row.try_get("rev")?,
        won_no: row.try_get("won_no")?,
        // The parser's own words may quote the blob, which is personal.
        snapshot: serde_json::from_slice(blob).map_err(|_| broken("deal.snapshot"))?,
        modified: Timestamp(row.try_get("modified_at")?),
        leaving_since: leaving_since.map(Timestamp),
        merged_into: merged_into.map(|text| key("deal.merged_into", text)).transpose()?,
        read_at: Timestamp(row.try_get("read_at")?),
    })
}

fn deal_ref(row: &PgRow) -> Result<DealRef, Error> {
    Ok(DealRef {
        tenant: key("tenant", row.try_get("tenant")?)?,
        connection: key("connection", row.try_get("connection")?)?,
        deal: key("deal", row.try_get("deal")?)?,
    })
}
