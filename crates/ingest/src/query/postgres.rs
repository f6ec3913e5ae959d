//! The resolver's rows as people ask for them, in PostgreSQL.

use afterglow_domain::Timestamp;
use afterglow_durable::Error;
use afterglow_durable::postgres::text;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgPool;
use uuid::Uuid;

use super::{Backlog, Rows, Which, rows_max};
use crate::store::postgres::{known_deal, refresh};
use crate::store::{KnownDeal, Refresh};

/// The CRM's own id of a row's deal, which is indexed.
const OBJECT: &str = "split_part(deal, ':', -1)";

/// The question, and what is `$1` in it; `$2` is the number of rows.
pub(super) fn asking(which: &Which) -> (String, String) {
    let (column, value) = which.of_known(OBJECT);
    let question = format!("select * from deal where {column} = $1 order by read_at desc limit $2");
    (question, text::stored(&value).into_owned())
}

impl Rows for PgPool {
    async fn known(&self, which: &Which) -> Result<Vec<KnownDeal>, Error> {
        let (question, value) = asking(which);
        // The text is made of constants only.
        let query = sqlx::query(AssertSqlSafe(question)).bind(value).bind(rows_max());
        query.fetch_all(self).await?.iter().map(known_deal).collect()
    }

    async fn pending(&self, id: Uuid) -> Result<Option<Refresh>, Error> {
        let row = sqlx::query("select * from refresh where id = $1").bind(id).fetch_optional(self).await?;
        row.as_ref().map(refresh).transpose()
    }

    async fn unread(&self, which: &Which) -> Result<Vec<Refresh>, Error> {
        let Some((column, value)) = which.of_unread(OBJECT) else { return Ok(Vec::new()) };
        // The text is made of constants only.
        let question = AssertSqlSafe(format!(
            "select * from refresh where {column} = $1
             and not exists (select 1 from deal where deal.id = refresh.id) order by due_at limit $2"
        ));
        let rows = sqlx::query(question).bind(text::stored(value)).bind(rows_max()).fetch_all(self).await?;
        rows.iter().map(refresh).collect()
    }

    async fn backlog(&self) -> Result<Backlog, Error> {
        let (refreshes, failing, oldest): (i64, i64, Option<i64>) =
            sqlx::query_as("select count(*), count(*) filter (where failures > 0), min(since) from refresh")
                .fetch_one(self)
                .await?;
        Ok(Backlog { refreshes, failing, oldest: oldest.map(Timestamp) })
    }
}
