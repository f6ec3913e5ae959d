//! Looks at the resolver's rows without touching them: for `afterglow explain`, lists and checks.
//!
//! Each query is one short statement on a read-only pool of either store: see [`Rows`].

mod postgres;
mod sqlite;

use std::future::Future;

use afterglow_domain::{AccountKey, DealKey, HomeKey, Timestamp};
use afterglow_durable::Error;
use uuid::Uuid;

use crate::store::{KnownDeal, Refresh};

/// How many deals are worth reading. An answer holds one more where there are more.
pub const DEALS_MAX: usize = 100;

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

/// Finds the resolver's rows for a person.
pub trait Rows: Send + Sync {
    /// The known ones of the deals meant, newest look first, [`DEALS_MAX`] and one at most. Each way to ask
    /// finds its rows by an index of its own.
    fn known(&self, which: &Which) -> impl Future<Output = Result<Vec<KnownDeal>, Error>> + Send;

    /// The look that a deal waits for, by its row's id.
    fn pending(&self, id: Uuid) -> impl Future<Output = Result<Option<Refresh>, Error>> + Send;

    /// The looks at deals of which nothing is known yet, by the deal's key or the CRM's own id, the next one
    /// first, [`DEALS_MAX`] and one at most: before a deal was read it has no account and no home. What is
    /// pending is little, so it is searched without an index of its own.
    fn unread(&self, which: &Which) -> impl Future<Output = Result<Vec<Refresh>, Error>> + Send;

    /// The resolver's backlog.
    fn backlog(&self) -> impl Future<Output = Result<Backlog, Error>> + Send;
}

/// The deals meant, newest look first, [`DEALS_MAX`] and one at most.
pub async fn deals(rows: &impl Rows, which: &Which) -> Result<Vec<DealView>, Error> {
    let known = rows.known(which).await?;
    let mut views = Vec::with_capacity(known.len());
    for known in known {
        let pending = rows.pending(known.id()).await?;
        views.push(DealView { known, pending });
    }
    Ok(views)
}

impl Which {
    /// The column by which known deals are found, and its value; `object` is what the store calls the CRM's
    /// own id.
    fn of_known(&self, object: &'static str) -> (&'static str, String) {
        match self {
            Self::Home(home) => ("home", home.to_string()),
            Self::Account(account) => ("account", account.to_string()),
            Self::AccountName(name) => ("account_name", lookup(name)),
            Self::Deal(deal) => ("deal", deal.to_string()),
            Self::Object(id) => (object, id.clone()),
        }
    }

    /// The same of deals that were not read yet, where these have what is asked for.
    fn of_unread(&self, object: &'static str) -> Option<(&'static str, &str)> {
        match self {
            Self::Home(home) => Some(("tenant || '/' || deal", home.as_str())),
            Self::Deal(deal) => Some(("deal", deal.as_str())),
            Self::Object(id) => Some((object, id)),
            Self::Account(_) | Self::AccountName(_) => None,
        }
    }
}

/// As many rows as an answer holds.
fn rows_max() -> i64 {
    i64::try_from(DEALS_MAX).unwrap_or(i64::MAX).saturating_add(1)
}

/// An account's name as it is looked up.
fn lookup(name: &str) -> String {
    name.trim().to_lowercase()
}

#[cfg(test)]
mod tests;
