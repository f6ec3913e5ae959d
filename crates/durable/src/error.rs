//! Why a transaction did not happen.

use afterglow_domain::Disposition;

/// A store's refusal. Nothing of the transaction is visible afterwards, except where a COMMIT's answer
/// was lost: doing it again is then a no-op, by the dedupe mark.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store cannot do it now: disk full, locked, connection gone.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// This transaction will fail again: a constraint, a row that does not decode.
    #[error("the store refuses this transaction: {0}")]
    Refused(String),
    /// The file or schema is newer than this program.
    #[error("{what} has schema version {found}, this program knows {known}: run the newer program")]
    Newer {
        /// Which file or schema.
        what: String,
        /// The version found.
        found: i64,
        /// The newest version known.
        known: i64,
    },
}

impl Error {
    /// Retry what the world may cure, park what it cannot.
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::Unavailable(_) => Disposition::Retry,
            Self::Refused(_) | Self::Newer { .. } => Disposition::Park,
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(inner) if permanent(inner.as_ref()) => Self::Refused(error.to_string()),
            sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::Encode(_)
            | sqlx::Error::RowNotFound
            | sqlx::Error::TypeNotFound { .. }
            | sqlx::Error::ColumnNotFound(_) => Self::Refused(error.to_string()),
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

/// SQLite result codes (primary) that the same statement meets again: ERROR, TOOBIG, CONSTRAINT,
/// MISMATCH, RANGE. Busy, locked, full, read-only and I/O errors may pass.
fn permanent(error: &dyn sqlx::error::DatabaseError) -> bool {
    let code = error.code().and_then(|code| code.parse::<u32>().ok()).unwrap_or(0);
    matches!(code & 0xff, 1 | 18 | 19 | 20 | 25)
}
