//! Questions about parked letters, for commands that look at a role's store beside its processes.

use std::future::Future;

use afterglow_domain::EventId;

use crate::error::Error;
use crate::rows::ParkedLetter;

/// Which letters are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Letters {
    /// Those that wait for somebody.
    Open,
    /// Those that were put back, too.
    All,
}

/// The letters of a role, wherever they are kept. Each question is one short statement.
pub trait ReadLetters: Send + Sync {
    /// The newest letters, at most `max`.
    fn read_parked(
        &self,
        which: Letters,
        max: usize,
    ) -> impl Future<Output = Result<Vec<ParkedLetter>, Error>> + Send;

    /// One letter.
    fn read_letter(&self, id: EventId) -> impl Future<Output = Result<Option<ParkedLetter>, Error>> + Send;

    /// The ids of the open letters whose reason contains `reason`, oldest first: the order in which what they
    /// hold was written. At most `max`.
    fn read_open_ids(
        &self,
        reason: &str,
        max: usize,
    ) -> impl Future<Output = Result<Vec<EventId>, Error>> + Send;
}
