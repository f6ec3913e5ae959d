//! Looks at the resolver's rows without touching them: for `afterglow explain`, lists and checks.
//!
//! Each query is one short statement on a read-only pool.

use afterglow_domain::{AccountKey, DealKey, HomeKey, Timestamp};
use afterglow_durable::Error;
use sqlx::SqlitePool;
use sqlx::{QueryBuilder, Sqlite};

use crate::store::{KnownDeal, Refresh, sqlite};

/// The most deals that one question is answered with: what a person can read.
pub const DEALS_MAX: i64 = 200;

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

/// The deals meant, newest look first, at most [`DEALS_MAX`].
pub async fn deals(readers: &SqlitePool, which: &Which) -> Result<Vec<DealView>, Error> {
    let mut query = QueryBuilder::<Sqlite>::new("select * from deal where ");
    match which {
        Which::Home(home) => query.push("home = ").push_bind(home.as_str().to_owned()),
        Which::Account(account) => query.push("account = ").push_bind(account.as_str().to_owned()),
        Which::AccountName(name) => query.push("account_name = ").push_bind(name.trim().to_lowercase()),
        Which::Deal(deal) => query.push("deal = ").push_bind(deal.as_str().to_owned()),
        // Keys are in ASCII; an id with a wildcard in it is none.
        Which::Object(id) if id.bytes().all(|b| b.is_ascii_alphanumeric()) => {
            query.push("deal like ").push_bind(format!("%:{id}"))
        }
        Which::Object(_) => return Ok(Vec::new()),
    };
    query.push(" order by read_at desc limit ").push_bind(DEALS_MAX);
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

/// Looks that are pending, the next one first, at most `max`: also of deals that are not known yet.
pub async fn pending(readers: &SqlitePool, max: usize) -> Result<Vec<Refresh>, Error> {
    let rows = sqlx::query("select * from refresh order by due_at limit ?")
        .bind(i64::try_from(max).unwrap_or(i64::MAX))
        .fetch_all(readers)
        .await?;
    rows.iter().map(sqlite::refresh).collect()
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
