//! Reading a deal as it stands now: the trait both CRM clients implement, and how it fails.
//!
//! A read retries quickly and a few times only, all within its connection's [`Pace`]; waiting longer is
//! the caller's durable work. Error texts name vendor and status, never what a body said of a person.

use std::time::Duration;

use afterglow_domain::{Crm, DealKey, Disposition};

use crate::quota::Pace;
use crate::snapshot::Snapshot;

/// The longest one [`Reader::read`] may take, its quick retries included, besides the time in which it
/// waits for its connection's rate.
pub const READ_BUDGET: Duration = Duration::from_secs(10);

/// What the CRM answers for a deal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// This is the deal now.
    Found(Box<Snapshot>),
    /// The CRM has no such deal any more, or hides it from us.
    Gone,
}

/// Reads deals of one connection.
pub trait Reader: Send + Sync {
    /// The deal as it stands now.
    fn read(&self, deal: &DealKey) -> impl Future<Output = Result<Reading, Error>> + Send;

    /// How many deals may be read at a time, and how long a read may take.
    fn pace(&self) -> Pace;
}

/// Why a deal could not be read; one variant per thing a caller does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Too many requests: every read of this connection waits.
    #[error(
        "{vendor} allows no more requests for now; asking again in {} s. Lower the connection's rate if this recurs",
        retry_after.as_secs()
    )]
    RateLimited {
        /// Which CRM.
        vendor: Crm,
        /// How long to leave the connection alone.
        retry_after: Duration,
    },
    /// The connection's credentials are not accepted (after one fresh token): it is broken until a
    /// person repairs it.
    #[error("{vendor} refuses the connection's credentials (status {status}): {remedy}")]
    Unauthorised {
        /// Which CRM.
        vendor: Crm,
        /// Its HTTP status.
        status: u16,
        /// What a person has to do.
        remedy: &'static str,
    },
    /// The CRM is in trouble, or cannot be reached.
    #[error("{vendor} is not available ({what})")]
    Unavailable {
        /// Which CRM.
        vendor: Crm,
        /// Its HTTP status; `None` where no answer came.
        status: Option<u16>,
        /// Status or failure in words.
        what: String,
    },
    /// The answer is not understood: asking again changes nothing.
    #[error("{vendor} answered what cannot be used: {what}")]
    Invalid {
        /// Which CRM.
        vendor: Crm,
        /// What is wrong, and the remedy if there is one.
        what: String,
    },
}

impl Error {
    /// What a loop does with the hint that led to this read. A broken connection is a retry too,
    /// since its hints must not be lost; [`Error::pause`] keeps it from looping.
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::RateLimited { .. } | Self::Unauthorised { .. } | Self::Unavailable { .. } => {
                Disposition::Retry
            }
            Self::Invalid { .. } => Disposition::Park,
        }
    }

    /// The least time before the connection is asked again.
    pub fn pause(&self) -> Duration {
        match self {
            Self::RateLimited { retry_after, .. } => *retry_after,
            // Only a person helps; a quarter of an hour notices the repair soon enough.
            Self::Unauthorised { .. } => Duration::from_mins(15),
            Self::Unavailable { .. } => Duration::from_secs(5),
            Self::Invalid { .. } => Duration::ZERO,
        }
    }
}
