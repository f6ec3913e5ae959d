//! The resolver's rows in SQLite.

use afterglow_domain::{ConnectionId, DealKey, DealRef, HomeKey, Tenant, Timestamp};
use afterglow_durable::Error;
use afterglow_durable::sqlite::{Migration, ROWS_PER_STATEMENT, Tx};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite};
use uuid::Uuid;

use super::{KnownDeal, Refresh, ResolverTx, STATE_VERSION, StageHint, State, broken, key};

/// The schema, for `durable::sqlite::Store::open`.
pub const MIGRATIONS: &[Migration] =
    &[Migration::new(1, include_str!("sqlite_1.sql")), Migration::new(2, include_str!("sqlite_2.sql"))];

impl ResolverTx for Tx {
    async fn load_refreshes(&mut self, ids: &[Uuid]) -> Result<Vec<Refresh>, Error> {
        self.load("select * from refresh where id in (", ids, refresh).await
    }

    async fn save_refreshes(&mut self, rows: &[Refresh]) -> Result<(), Error> {
        for chunk in rows.chunks(ROWS_PER_STATEMENT) {
            let mut query = QueryBuilder::<Sqlite>::new(
                "insert or replace into refresh (id, tenant, connection, deal, generation, due_at, claimed,
                 failures, rereads, stage, stage_at, since, traceparent, problem) ",
            );
            query.push_values(chunk, |mut values, row| {
                values
                    .push_bind(row.id().as_bytes().to_vec())
                    .push_bind(row.deal.tenant.as_str())
                    .push_bind(row.deal.connection.as_str())
                    .push_bind(row.deal.deal.as_str())
                    .push_bind(row.generation)
                    .push_bind(row.due.0)
                    .push_bind(row.claimed)
                    .push_bind(i64::from(row.failures))
                    .push_bind(i64::from(row.rereads))
                    .push_bind(row.stage.as_ref().map(|hint| hint.stage.as_str()))
                    .push_bind(row.stage.as_ref().map(|hint| hint.at.0))
                    .push_bind(row.since.0)
                    .push_bind(row.traceparent.as_deref())
                    .push_bind(row.problem.as_deref());
            });
            query.build().execute(self.connection()).await?;
        }
        Ok(())
    }

    async fn delete_refreshes(&mut self, ids: &[Uuid]) -> Result<(), Error> {
        for chunk in ids.chunks(ROWS_PER_STATEMENT) {
            let mut query = among("delete from refresh where id in (", chunk);
            query.build().execute(self.connection()).await?;
        }
        Ok(())
    }

    async fn load_deals(&mut self, ids: &[Uuid]) -> Result<Vec<KnownDeal>, Error> {
        self.load("select * from deal where id in (", ids, known_deal).await
    }

    async fn save_deals(&mut self, rows: &[KnownDeal]) -> Result<(), Error> {
        for chunk in rows.chunks(ROWS_PER_STATEMENT) {
            let mut query = QueryBuilder::<Sqlite>::new(
                "insert or replace into deal (id, tenant, connection, deal, home, state, rev, won_no, account,
                 account_name, modified_at, leaving_since, merged_into, read_at, state_version, snapshot) ",
            );
            query.push_values(chunk, |mut values, row| {
                let account = row.snapshot.account.as_ref();
                let blob = serde_json::to_vec(&row.snapshot).expect("a snapshot has text keys only");
                values
                    .push_bind(row.id().as_bytes().to_vec())
                    .push_bind(row.deal.tenant.as_str())
                    .push_bind(row.deal.connection.as_str())
                    .push_bind(row.deal.deal.as_str())
                    .push_bind(row.home.as_ref().map(HomeKey::as_str))
                    .push_bind(row.state.as_str())
                    .push_bind(row.rev)
                    .push_bind(i64::from(row.won_no))
                    .push_bind(account.map(|account| account.key.as_str()))
                    .push_bind(account.map_or_else(String::new, |account| account.name.to_lowercase()))
                    .push_bind(row.modified.0)
                    .push_bind(row.leaving_since.map(|at| at.0))
                    .push_bind(row.merged_into.as_ref().map(DealKey::as_str))
                    .push_bind(row.read_at.0)
                    .push_bind(STATE_VERSION)
                    .push_bind(blob);
            });
            query.build().execute(self.connection()).await?;
        }
        Ok(())
    }
}

trait Load {
    async fn load<R>(
        &mut self,
        sql: &'static str,
        ids: &[Uuid],
        decode: fn(&SqliteRow) -> Result<R, Error>,
    ) -> Result<Vec<R>, Error>;
}

impl Load for Tx {
    async fn load<R>(
        &mut self,
        sql: &'static str,
        ids: &[Uuid],
        decode: fn(&SqliteRow) -> Result<R, Error>,
    ) -> Result<Vec<R>, Error> {
        let mut found = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(ROWS_PER_STATEMENT) {
            let rows = among(sql, chunk).build().fetch_all(self.connection()).await?;
            for row in &rows {
                found.push(decode(row)?);
            }
        }
        Ok(found)
    }
}

/// `sql` with the ids and the closing bracket.
fn among(sql: &'static str, ids: &[Uuid]) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new(sql);
    let mut list = query.separated(", ");
    for id in ids {
        list.push_bind(id.as_bytes().to_vec());
    }
    query.push(")");
    query
}

/// A row of `refresh`.
pub(crate) fn refresh(row: &SqliteRow) -> Result<Refresh, Error> {
    let stage: Option<String> = row.try_get("stage")?;
    let stage_at: Option<i64> = row.try_get("stage_at")?;
    Ok(Refresh {
        deal: deal_ref(row)?,
        generation: row.try_get("generation")?,
        due: Timestamp(row.try_get("due_at")?),
        claimed: row.try_get("claimed")?,
        failures: row.try_get("failures")?,
        rereads: row.try_get("rereads")?,
        stage: stage.zip(stage_at).map(|(stage, at)| StageHint { stage, at: Timestamp(at) }),
        since: Timestamp(row.try_get("since")?),
        traceparent: row.try_get("traceparent")?,
        problem: row.try_get("problem")?,
    })
}

/// A row of `deal`.
pub(crate) fn known_deal(row: &SqliteRow) -> Result<KnownDeal, Error> {
    let version: i32 = row.try_get("state_version")?;
    if version != STATE_VERSION {
        return Err(Error::Refused(format!(
            "deal.state_version is {version}, this program reads {STATE_VERSION}"
        )));
    }
    let state: String = row.try_get("state")?;
    let blob: Vec<u8> = row.try_get("snapshot")?;
    let home: Option<String> = row.try_get("home")?;
    let merged_into: Option<String> = row.try_get("merged_into")?;
    let leaving_since: Option<i64> = row.try_get("leaving_since")?;
    Ok(KnownDeal {
        deal: deal_ref(row)?,
        home: home.as_deref().map(|text| key("deal.home", text)).transpose()?,
        state: State::parse(&state).ok_or_else(|| broken("deal.state"))?,
        rev: row.try_get("rev")?,
        won_no: row.try_get("won_no")?,
        // The parser's own words may quote the blob, which is personal.
        snapshot: serde_json::from_slice(&blob).map_err(|_| broken("deal.snapshot"))?,
        modified: Timestamp(row.try_get("modified_at")?),
        leaving_since: leaving_since.map(Timestamp),
        merged_into: merged_into
            .as_deref()
            .map(|text| key::<DealKey>("deal.merged_into", text))
            .transpose()?,
        read_at: Timestamp(row.try_get("read_at")?),
    })
}

fn deal_ref(row: &SqliteRow) -> Result<DealRef, Error> {
    Ok(DealRef {
        tenant: key::<Tenant>("tenant", row.try_get("tenant")?)?,
        connection: key::<ConnectionId>("connection", row.try_get("connection")?)?,
        deal: key::<DealKey>("deal", row.try_get("deal")?)?,
    })
}
