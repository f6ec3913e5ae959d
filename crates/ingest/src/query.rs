//! Looks at the resolver's rows without touching them: for `afterglow explain`, lists and checks.
//!
//! Each query is one short statement on a read-only pool.

use afterglow_domain::{AccountKey, DealKey, HomeKey, Timestamp};
use afterglow_durable::Error;
use sqlx::SqlitePool;
use sqlx::{QueryBuilder, Sqlite};

use crate::store::{KnownDeal, Refresh, sqlite};

/// How many deals are worth reading. An answer holds one more where there are more.
pub const DEALS_MAX: usize = 100;

/// The CRM's own id of a row's deal, which is indexed.
const OBJECT: &str = "replace(deal, rtrim(deal, replace(deal, ':', '')), '')";

/// Which deals are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// Those of a home key.
    Home(HomeKey),
    /// Those whose account is this one now, of any tenant.
    Account(AccountKey),
    /// Those whose account's name is this, whatever the case of its letters.
    AccountName(String),
    /// A deal by its key.
    Deal(DealKey),
    /// A deal by the CRM's own id.
    Object(String),
}

/// A deal as it is known, and what is pending about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DealView {
    /// What is known.
    pub known: KnownDeal,
    /// The look that it waits for, if any.
    pub pending: Option<Refresh>,
}

/// The deals meant, newest look first, [`DEALS_MAX`] and one at most.
pub async fn deals(readers: &SqlitePool, which: &Which) -> Result<Vec<DealView>, Error> {
    let mut query = asking(which);
    let rows = query.build().fetch_all(readers).await?;
    let known = rows.iter().map(sqlite::known_deal).collect::<Result<Vec<_>, _>>()?;
    let mut views = Vec::with_capacity(known.len());
    for known in known {
        let pending = sqlx::query("select * from refresh where id = ?")
            .bind(known.id().as_bytes().to_vec())
            .fetch_optional(readers)
            .await?;
        views.push(DealView { known, pending: pending.as_ref().map(sqlite::refresh).transpose()? });
    }
    Ok(views)
}

/// Each way to ask finds its rows by an index of its own.
fn asking(which: &Which) -> QueryBuilder<Sqlite> {
    let (column, value) = match which {
        Which::Home(home) => ("home", home.to_string()),
        Which::Account(account) => ("account", account.to_string()),
        Which::AccountName(name) => ("account_name", name.trim().to_lowercase()),
        Which::Deal(deal) => ("deal", deal.to_string()),
        Which::Object(id) => (OBJECT, id.clone()),
    };
    let mut query = QueryBuilder::<Sqlite>::new(format!("select * from deal where {column} = "));
    query.push_bind(value).push(format!(" order by read_at desc limit {}", DEALS_MAX + 1));
    query
}

/// The looks at deals of which nothing is known yet, by the deal's key or the CRM's own id, the next one
/// first, [`DEALS_MAX`] and one at most: before a deal was read it has no account and no home. What is
/// pending is little, so it is searched without an index of its own.
pub async fn unread(readers: &SqlitePool, which: &Which) -> Result<Vec<Refresh>, Error> {
    let (column, value) = match which {
        Which::Deal(deal) => ("deal", deal.as_str()),
        Which::Object(id) => (OBJECT, id.as_str()),
        Which::Home(home) => ("tenant || '/' || deal", home.as_str()),
        Which::Account(_) | Which::AccountName(_) => return Ok(Vec::new()),
    };
    let mut query = QueryBuilder::<Sqlite>::new(format!("select * from refresh where {column} = "));
    query.push_bind(value).push(" and id not in (select id from deal) order by due_at limit ");
    query.push_bind(i64::try_from(DEALS_MAX).unwrap_or(i64::MAX) + 1);
    query.build().fetch_all(readers).await?.iter().map(sqlite::refresh).collect()
}

/// What the resolver has before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backlog {
    /// How many looks are pending.
    pub refreshes: i64,
    /// How many of them failed at least once.
    pub failing: i64,
    /// When the oldest of their hints was heard.
    pub oldest: Option<Timestamp>,
}

/// The resolver's backlog.
pub async fn backlog(readers: &SqlitePool) -> Result<Backlog, Error> {
    let sql = "select count(*), coalesce(sum(failures > 0), 0), min(since) from refresh";
    let (refreshes, failing, oldest): (i64, i64, Option<i64>) =
        sqlx::query_as(sql).fetch_one(readers).await?;
    Ok(Backlog { refreshes, failing, oldest: oldest.map(Timestamp) })
}

#[cfg(test)]
mod tests;
