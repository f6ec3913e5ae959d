//! The engine on a real PostgreSQL server.

use afterglow_domain::{Shard, Tenant, Timestamp};
use afterglow_durable::conformance::postgres::Database;
use afterglow_durable::postgres::Store;
use afterglow_durable::store::CommitFaults;
use afterglow_durable::{Timeline, Timer};
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::{Inspect, World};
use crate::rows::AccountLink;
use crate::store::memory::Tables;
use crate::store::postgres::{
    DEAL_COLUMNS, ENROLMENT_COLUMNS, OBLIGATION_COLUMNS, SCHEMA, deal_row, enrolment_row, obligation_row,
};

/// A world in a schema of its own.
pub(crate) async fn world_on(database: &Database, faults: CommitFaults) -> World<Store> {
    World::new(database.fresh_store(&SCHEMA, faults).await.0).await
}

impl Inspect for Store {
    async fn look(&self) -> (Tables, Vec<Timer>) {
        let mut tables = Tables::default();
        let all = async |query: String| {
            sqlx::query(sqlx::AssertSqlSafe(query)).fetch_all(self.readers()).await.unwrap()
        };
        for row in all(format!("select {DEAL_COLUMNS} from deal")).await {
            let row = deal_row(&row).unwrap();
            tables.deals.insert(row.deal.clone(), row);
        }
        for row in all(format!("select {ENROLMENT_COLUMNS} from enrolment")).await {
            let row = enrolment_row(&row).unwrap();
            tables.enrolments.insert(row.id, row);
        }
        for row in all(format!("select {OBLIGATION_COLUMNS} from obligation where outcome is not null")).await
        {
            let row = obligation_row(&row).unwrap();
            tables.obligations.insert((row.enrolment, row.moment.clone(), row.occurrence), row);
        }
        for row in all("select * from account_link".to_owned()).await {
            let account = row.get::<String, _>("account").parse().unwrap();
            let home = row.get::<String, _>("home").parse().unwrap();
            tables.links.insert(AccountLink { tenant: tenant(&row), account, home });
        }
        for row in all("select * from in_use".to_owned()).await {
            tables.in_use.insert((tenant(&row), row.get("journey")), version(&row));
        }
        for row in all("select * from definition".to_owned()).await {
            let published = afterglow_journey::Published {
                name: row.get("journey"),
                version: version(&row),
                sha256: row.get::<Vec<u8>, _>("sha256").try_into().unwrap(),
                source: row.get("source"),
                files: serde_json::from_str(row.get("files")).unwrap(),
            };
            let key = (tenant(&row), published.name.clone(), published.version);
            tables.definitions.insert(key, published);
        }
        let timers = all("select * from timer order by timeline, shard, due_at, owner, key".to_owned()).await;
        (tables, timers.iter().map(timer).collect())
    }
}

fn tenant(row: &PgRow) -> Tenant {
    Tenant::new(row.get::<String, _>("tenant")).unwrap()
}

fn version(row: &PgRow) -> u32 {
    row.get::<i64, _>("version").try_into().unwrap()
}

fn timer(row: &PgRow) -> Timer {
    Timer {
        timeline: if row.get::<i16, _>("timeline") == 0 { Timeline::Wall } else { Timeline::Journey },
        shard: Shard::new(row.get::<i16, _>("shard").try_into().unwrap()).unwrap(),
        due: Timestamp(row.get("due_at")),
        owner: row.get("owner"),
        key: row.get("key"),
    }
}
