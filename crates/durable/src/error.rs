//! Why a transaction did not happen.

use afterglow_domain::Disposition;
use sqlx::error::DatabaseError;
use sqlx::postgres::PgDatabaseError;

/// A store's refusal. Nothing of the transaction is visible afterwards, except where a COMMIT's answer
/// was lost: doing it again is then a no-op, by the dedupe mark.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store cannot do it now: disk full, locked, connection gone.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// This transaction will fail again: a constraint, a value that does not decode.
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
    /// The schema is older than this program.
    #[error("{what} has schema version {found}, this program needs {known}: run `afterglow migrate`")]
    Older {
        /// Which schema.
        what: String,
        /// The version found; 0 where there is none.
        found: i64,
        /// The version needed.
        known: i64,
    },
    /// The schema is older than this program, and what it needs waits for older programs to be gone.
    #[error(
        "{what} has schema version {found}, this program needs {known}, which stands behind a step that \
         contracts: run `afterglow migrate --contract` when every program that runs knows version \
         {readable_from} or newer"
    )]
    Uncontracted {
        /// Which schema.
        what: String,
        /// The version found.
        found: i64,
        /// The version needed.
        known: i64,
        /// The oldest version whose program works on it afterwards.
        readable_from: i64,
    },
}

impl Error {
    /// Retry what the world may cure, park what it cannot.
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::Unavailable(_) => Disposition::Retry,
            Self::Refused(_) | Self::Newer { .. } | Self::Older { .. } | Self::Uncontracted { .. } => {
                Disposition::Park
            }
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(inner) if permanent(&**inner) => Self::Refused(error.to_string()),
            sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::Encode(_)
            | sqlx::Error::RowNotFound
            | sqlx::Error::TypeNotFound { .. } => Self::Refused(error.to_string()),
            // A missing column among them: a schema that does not fit is not the transaction's fault.
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

/// Whether the same statement meets the same refusal again.
fn permanent(error: &(dyn DatabaseError + 'static)) -> bool {
    let code = error.code().unwrap_or_default();
    if error.try_downcast_ref::<PgDatabaseError>().is_some() {
        !passes_on_postgres(&code)
    } else {
        permanent_on_sqlite(code.parse().unwrap_or(0))
    }
}

/// SQLite result codes (primary) that the same statement meets again: ERROR, TOOBIG, CONSTRAINT,
/// MISMATCH, RANGE. Busy, locked, full, read-only and I/O errors may pass.
fn permanent_on_sqlite(code: u32) -> bool {
    matches!(code & 0xff, 1 | 18 | 19 | 20 | 25)
}

/// PostgreSQL's codes of what may pass: the connection (08), a server that is full, out of memory or of
/// connections (53), stopping or cancelling (57), failing disks (58), a deadlock or a serialisation failure
/// (40), a lock not granted in time (55P03), a transaction that idled or lasted too long (25P03, 25P04),
/// and a server that has become a standby (25006). Neither is a schema that does not fit any record's fault:
/// a column (42703) or a table (42P01) that is not there, a result that has changed since its statement was
/// prepared (0A000).
fn passes_on_postgres(code: &str) -> bool {
    matches!(code.get(..2), Some("08" | "40" | "53" | "57" | "58"))
        || matches!(code, "55P03" | "25P03" | "25P04" | "25006" | "42703" | "42P01" | "0A000")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postgres_codes_pass_or_are_permanent() {
        for code in ["08006", "40P01", "40001", "53100", "55P03", "57P01", "57014", "25P03", "25006"] {
            assert!(passes_on_postgres(code), "{code}");
        }
        for code in ["23505", "22021", "42601", "25P02", "28P01", "XX000", ""] {
            assert!(!passes_on_postgres(code), "{code}");
        }
    }

    #[test]
    fn a_schema_that_does_not_fit_is_no_records_fault() {
        for code in ["42703", "42P01", "0A000"] {
            assert!(passes_on_postgres(code), "{code}");
        }
        let missing = Error::from(sqlx::Error::ColumnNotFound("name".to_owned()));
        assert_eq!(missing.disposition(), Disposition::Retry, "{missing}");
    }

    #[test]
    fn sqlite_codes_pass_or_are_permanent() {
        assert!([1, 19, 2067].into_iter().all(permanent_on_sqlite));
        assert!(![5, 6, 10, 13].into_iter().any(permanent_on_sqlite));
    }
}
