//! Finds out what a webhook means: reads the deal afresh, compares it with what is known, and says
//! what became of it.
//!
//! Two transactions with a read between them, because a read takes as long as the CRM likes:
//!
//! ```text
//! webhooks ──> hints::Hints      refresh row: generation + 1, due now            (transaction)
//! due rows ──> claim             the row is ours for a minute                    (transaction)
//!              crm::Reader       outside any transaction, bounded per connection
//!              settle            compare, emit, keep what is known; remove the
//!                                row if no hint came meanwhile                   (transaction)
//! ```
//!
//! Invariants: a hint ends only in a settled read or a dead letter; each event of a deal has the next
//! `rev`; a connection that is down, slow or out of requests delays no other. Rows of different deals
//! never meet in one decision, except in a merge, which locks both deals' shards and is alone in its
//! transaction. Deliberately absent: believing a hint (it only asks for a look, and for another one
//! where the CRM's answer is older than the hint).

pub mod compare;
pub mod emit;
mod fetch;
pub mod hints;
mod lanes;
mod pending;
mod settle;
pub mod snapshot;

use std::time::Duration;

use afterglow_crm::{Reader, Reading};
use afterglow_domain::{Clocks, ConnectionId, Tenant};
use afterglow_events::Encoding;
use jiff::tz::TimeZone;

pub use fetch::Claim;
use lanes::Lanes;

use crate::store::Refresh;

/// What the resolver needs to know. The defaults are the product's.
#[derive(Debug, Clone)]
pub struct Options {
    /// How payloads are written.
    pub encoding: Encoding,
    /// How long a claim holds at least. One of a connection whose rate makes reads long holds twice a
    /// read's time, so that only a dead fetcher loses it.
    pub claim: Duration,
    /// How long a deal must stay out of the won stage until that is published.
    pub settle: Duration,
    /// When to read again where the CRM's answer is older than the hint.
    pub rereads: Vec<Duration>,
    /// The first pause after a failed read; doubled with each further one.
    pub backoff_base: Duration,
    /// The longest pause after a failed read.
    pub backoff_cap: Duration,
    /// How long a connection with refused credentials is left alone.
    pub unauthorised_pause: Duration,
    /// After how many answers that cannot be understood a hint becomes a dead letter.
    pub invalid_attempts_max: u32,
    /// How many due hints one claim looks at.
    pub claim_rows_max: usize,
    /// Spreads retries; any number.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            encoding: Encoding::default(),
            claim: Duration::from_mins(1),
            settle: Duration::from_secs(30),
            rereads: vec![Duration::from_secs(10), Duration::from_mins(1), Duration::from_mins(10)],
            backoff_base: Duration::from_secs(2),
            backoff_cap: Duration::from_mins(15),
            unauthorised_pause: Duration::from_mins(5),
            invalid_attempts_max: 5,
            claim_rows_max: 200,
            seed: 0,
        }
    }
}

/// A connection whose deals are read.
#[derive(Debug)]
pub struct Connection<R> {
    /// Its id.
    pub id: ConnectionId,
    /// Whose customers these are.
    pub tenant: Tenant,
    /// The zone in which its dates are meant.
    pub zone: TimeZone,
    /// How its deals are read.
    pub reader: R,
}

/// The fetching half: claims, reads, settles.
pub struct Resolver<R> {
    options: Options,
    clocks: Clocks,
    lanes: Lanes<R>,
}

/// What a read of a claimed deal brought.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The claimed row, as it was claimed.
    pub claimed: Refresh,
    /// What the CRM answered.
    pub result: Result<Reading, afterglow_crm::Error>,
}

impl<R: Reader> Resolver<R> {
    /// A resolver of these connections.
    pub fn new(options: Options, clocks: Clocks, connections: Vec<Connection<R>>) -> Self {
        let lanes = Lanes::new(connections, options.claim);
        Self { options, clocks, lanes }
    }
}

#[cfg(test)]
mod tests;
