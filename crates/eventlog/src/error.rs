//! Why a log cannot be opened, read or followed.

use std::path::PathBuf;

use afterglow_domain::Disposition;
use afterglow_events::{ConsumeError, Topic};

/// Why a log cannot do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not now: full or read-only disk, a lock held elsewhere, I/O. The text names the file and what to do.
    #[error("{0}")]
    Unavailable(String),
    /// The file was written by a newer version of the program.
    #[error(
        "{}: the log has schema {found}, this program knows schemas up to {known}; start the version that wrote it, or a newer one",
        path.display()
    )]
    Newer {
        /// The log's file.
        path: PathBuf,
        /// The schema of the file.
        found: i64,
        /// The newest schema that this program reads.
        known: usize,
    },
    /// The configuration asks for another number of partitions than the log was made with.
    #[error(
        "{}: the log was made with {stored} partitions, the configuration says {configured}; set it to {stored} again, the number never changes in a log",
        path.display()
    )]
    Partitions {
        /// The log's file.
        path: PathBuf,
        /// What the file says.
        stored: u16,
        /// What the configuration says.
        configured: u16,
    },
    /// A setting that no log can have.
    #[error("the log cannot have {configured} partitions; use a power of two from 1 to 64")]
    PartitionCount {
        /// What the configuration says.
        configured: u16,
    },
    /// Topics on the broker are not as the configuration says.
    #[error(
        "Kafka's topics do not fit: {wrong}; make what is missing with `afterglow topics --create`, and use the number of partitions that the others have"
    )]
    Topics {
        /// Each with what is wrong.
        wrong: String,
    },
    /// The settings make no Kafka client.
    #[error("the settings for Kafka are refused: {0}")]
    Client(String),
    /// The Kafka library was built without something that it needs.
    #[error(
        "this build's Kafka library lacks {missing}; build with the features `ssl`, `zstd` and `libz` of rdkafka"
    )]
    Library {
        /// What it lacks.
        missing: String,
    },
    /// A tail cursor that this log never gave out.
    #[error("the cursor does not fit: {0}; start without one, or with one that this topic gave you")]
    Cursor(String),
    /// A tail cursor that points at records which retention has removed.
    #[error(
        "the cursor has expired: {topic} partition {partition} starts at offset {start} now, the cursor stands at {offset}; start without one"
    )]
    Expired {
        /// The topic.
        topic: Topic,
        /// The partition.
        partition: u16,
        /// Where the cursor stands.
        offset: i64,
        /// The first offset that is still there.
        start: i64,
    },
}

impl Error {
    /// The same trouble, with what it is about in front.
    #[cfg(feature = "kafka")]
    pub(crate) fn about(self, what: &str) -> Self {
        match self {
            Self::Unavailable(text) => Self::Unavailable(format!("{what}: {text}")),
            other => other,
        }
    }

    /// Whether trying again may help; of the rest, a person or the cursor's owner decides.
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::Unavailable(_) => Disposition::Retry,
            _ => Disposition::Park,
        }
    }
}

impl From<Error> for ConsumeError {
    fn from(error: Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}
