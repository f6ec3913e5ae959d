//! The resolver's own rows: pending refreshes, and deals as they are known.
//!
//! The traits say what the resolver wants, set by set; each store says it in its own words. No
//! operation reads or writes a deal of a shard that the transaction does not hold.

mod memory;
pub mod postgres;
pub(crate) mod sqlite;

use std::fmt::Display;
use std::future::Future;
use std::str::FromStr;

use afterglow_crm::{Snapshot, Status};
use afterglow_domain::{DealKey, DealRef, HomeKey, Shard, Timestamp};
use afterglow_durable::{Error, Timeline, Timer, Tx};
use uuid::Uuid;

pub use memory::Tables;
pub use sqlite::MIGRATIONS;

use crate::place;

/// The form of the snapshot blob: JSON of `afterglow_crm::Snapshot`.
const STATE_VERSION: i32 = 1;

/// The key of a refresh's only timer.
const TIMER_KEY: i32 = 0;

/// A transaction with the resolver's rows. Ids are [`place::row_id`]s; an id without a row is no error.
pub trait ResolverTx: Tx {
    /// The pending refreshes of these ids.
    fn load_refreshes(&mut self, ids: &[Uuid]) -> impl Future<Output = Result<Vec<Refresh>, Error>> + Send;

    /// Adds or replaces refreshes.
    fn save_refreshes(&mut self, rows: &[Refresh]) -> impl Future<Output = Result<(), Error>> + Send;

    /// Removes refreshes.
    fn delete_refreshes(&mut self, ids: &[Uuid]) -> impl Future<Output = Result<(), Error>> + Send;

    /// The known deals of these ids.
    fn load_deals(&mut self, ids: &[Uuid]) -> impl Future<Output = Result<Vec<KnownDeal>, Error>> + Send;

    /// Adds or replaces known deals.
    fn save_deals(&mut self, rows: &[KnownDeal]) -> impl Future<Output = Result<(), Error>> + Send;
}

/// "This deal must be read again": all hints about it since it was last settled, as one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refresh {
    /// Which deal.
    pub deal: DealRef,
    /// Rises with every hint: a settlement that finds another one than it claimed reads once more.
    pub generation: i64,
    /// When to read; the due time of the row's armed timer. While claimed, when the claim ends.
    pub due: Timestamp,
    /// A fetcher is reading it, or died doing so.
    pub claimed: bool,
    /// Reads that failed since the last one that did not.
    pub failures: u32,
    /// Reads that disagreed with the hint since the last hint.
    pub rereads: u32,
    /// The newest stage that a hint named.
    pub stage: Option<StageHint>,
    /// When the first of these hints was heard, on the wall.
    pub since: Timestamp,
    /// The trace of the newest hint.
    pub traceparent: Option<String>,
    /// Why the last read failed.
    pub problem: Option<String>,
}

/// What a hint says of the deal's stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageHint {
    /// The CRM's own id of the stage.
    pub stage: String,
    /// When it is said to have happened.
    pub at: Timestamp,
}

impl Refresh {
    /// The row's id.
    pub fn id(&self) -> Uuid {
        place::row_id(&self.deal)
    }

    /// The row's shard.
    pub fn shard(&self) -> Shard {
        place::shard(&self.deal)
    }

    /// The row's armed timer.
    pub fn timer(&self) -> Timer {
        Timer {
            timeline: Timeline::Wall,
            shard: self.shard(),
            due: self.due,
            owner: self.id(),
            key: TIMER_KEY,
        }
    }
}

/// A deal as it is known: as published, or, while nothing was, as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownDeal {
    /// Which deal.
    pub deal: DealRef,
    /// Frozen when the first event was emitted; `None` until then.
    pub home: Option<HomeKey>,
    /// What it is.
    pub state: State,
    /// Rises with every emitted event; 0 while nothing was emitted.
    pub rev: i64,
    /// How often it was won; rises only after an emitted reopening, loss or deletion.
    pub won_no: i32,
    /// The snapshot published last, or read last where it needed no event. Without people while `rev`
    /// is 0: nobody needs them yet.
    pub snapshot: Snapshot,
    /// The newest modified time ever read: an older answer is a lagging replica's.
    pub modified: Timestamp,
    /// It was read as not won any more then (wall), and this is not published yet.
    pub leaving_since: Option<Timestamp>,
    /// The survivor of a merge, which answers in its place.
    pub merged_into: Option<DealKey>,
    /// When it was last read, on the wall.
    pub read_at: Timestamp,
}

impl KnownDeal {
    /// The row's id.
    pub fn id(&self) -> Uuid {
        place::row_id(&self.deal)
    }
}

/// What a deal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Being sold, or sold again.
    Open,
    /// Won.
    Won,
    /// Lost.
    Lost,
    /// Gone from the CRM.
    Deleted,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Open, Self::Won, Self::Lost, Self::Deleted];

    /// The word stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Won => "won",
            Self::Lost => "lost",
            Self::Deleted => "deleted",
        }
    }

    /// The state of a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

impl From<Status> for State {
    fn from(status: Status) -> Self {
        match status {
            Status::Open => Self::Open,
            Status::Won => Self::Won,
            Status::Lost => Self::Lost,
        }
    }
}

fn key<K: FromStr<Err: Display>>(column: &str, text: &str) -> Result<K, Error> {
    text.parse().map_err(|error| Error::Refused(format!("{column}: {error}")))
}

fn broken(column: &str) -> Error {
    Error::Refused(format!("{column} is not of its form"))
}

#[cfg(test)]
mod tests;
