//! Connections of a server that has stopped answering.
//!
//! A pool asks a connection that is given back for a last answer, and waits for it as long as the operating
//! system does: its place would be taken until then, also when another server has long taken over.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::{Connection as _, PgConnection};
use tokio::time::Instant;

/// For how long connections are doubted after the last question without an answer.
const DOUBTED: Duration = Duration::from_mins(1);

/// How long a doubted connection may take for its answer.
const ANSWER: Duration = Duration::from_secs(2);

/// When the server last gave no answer. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Silence(Arc<Mutex<Option<Instant>>>);

impl Silence {
    /// Somebody got no answer just now.
    pub(super) fn met(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn lasts(&self) -> bool {
        let met = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        met.is_some_and(|at| at.elapsed() < DOUBTED)
    }

    /// Whether a connection that is given back can be used again; an error closes it at once.
    pub(super) async fn survived_by(&self, connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
        if !self.lasts() {
            return Ok(true);
        }
        match tokio::time::timeout(ANSWER, connection.ping()).await {
            Ok(answer) => answer.map(|()| true),
            Err(_) => Err(sqlx::Error::PoolTimedOut),
        }
    }
}
