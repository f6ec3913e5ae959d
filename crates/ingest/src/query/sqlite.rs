//! The resolver's rows as people ask for them, in SQLite.

use afterglow_domain::Timestamp;
use afterglow_durable::Error;
use sqlx::{QueryBuilder, Sqlite, SqlitePool};
use uuid::Uuid;

use super::{Backlog, Rows, Which, rows_max};
use crate::store::sqlite::{known_deal, refresh};
use crate::store::{KnownDeal, Refresh};

/// The CRM's own id of a row's deal, which is indexed.
const OBJECT: &str = "replace(deal, rtrim(deal, replace(deal, ':', '')), '')";

pub(super) fn asking(which: &Which) -> QueryBuilder<Sqlite> {
    let (column, value) = which.of_known(OBJECT);
    let mut query = QueryBuilder::<Sqlite>::new(format!("select * from deal where {column} = "));
    query.push_bind(value).push(" order by read_at desc limit ").push_bind(rows_max());
    query
}

impl Rows for SqlitePool {
    async fn known(&self, which: &Which) -> Result<Vec<KnownDeal>, Error> {
        asking(which).build().fetch_all(self).await?.iter().map(known_deal).collect()
    }

    async fn pending(&self, id: Uuid) -> Result<Option<Refresh>, Error> {
        let row = sqlx::query("select * from refresh where id = ?")
            .bind(id.as_bytes().to_vec())
            .fetch_optional(self)
            .await?;
        row.as_ref().map(refresh).transpose()
    }

    async fn unread(&self, which: &Which) -> Result<Vec<Refresh>, Error> {
        let Some((column, value)) = which.of_unread(OBJECT) else { return Ok(Vec::new()) };
        let mut query = QueryBuilder::<Sqlite>::new(format!("select * from refresh where {column} = "));
        query.push_bind(value).push(" and id not in (select id from deal) order by due_at limit ");
        query.push_bind(rows_max());
        query.build().fetch_all(self).await?.iter().map(refresh).collect()
    }

    async fn backlog(&self) -> Result<Backlog, Error> {
        let sql = "select count(*), coalesce(sum(failures > 0), 0), min(since) from refresh";
        let (refreshes, failing, oldest): (i64, i64, Option<i64>) =
            sqlx::query_as(sql).fetch_one(self).await?;
        Ok(Backlog { refreshes, failing, oldest: oldest.map(Timestamp) })
    }
}
