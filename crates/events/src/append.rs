//! How events reach a log: implemented by the log, used by the edge and the relay.

use std::future::Future;

use afterglow_domain::Disposition;

use crate::record::Record;

/// Where a record stands in its topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The partition.
    pub partition: u16,
    /// The offset within the partition, from 0.
    pub offset: i64,
}

/// Why a record is not in the log.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// The log cannot take it now. It may be written nevertheless: identity protects the readers.
    #[error("the log did not take the record: {0}")]
    Unavailable(String),
    /// The log will never take it.
    #[error("the record of {bytes} bytes is larger than the log takes ({max})")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// What would fit.
        max: usize,
    },
}

impl AppendError {
    /// Retry what the log may take later, park what it never will.
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::Unavailable(_) => Disposition::Retry,
            Self::TooLarge { .. } => Disposition::Park,
        }
    }
}

/// Something that takes records and answers when they are durable.
pub trait Append: Send + Sync + 'static {
    /// Appends the records, in order per key, and answers once each is on disk or certainly refused:
    /// one result per record, in the records' order. After the first failure of a key no later
    /// record of that key is written by this call.
    fn append(&self, records: Vec<Record>)
    -> impl Future<Output = Vec<Result<Position, AppendError>>> + Send;
}
