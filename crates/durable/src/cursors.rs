//! A role's store as the place where a log's consumer finds its cursors.

use afterglow_events::{Checkpoints, ConsumeError, Cursor};

use crate::answer::answered;
use crate::store::Store;

/// The cursors of a store.
#[derive(Debug, Clone)]
pub struct StoredCursors<S>(pub S);

impl<S: Store> Checkpoints for StoredCursors<S> {
    async fn cursors(&self, group: &str) -> Result<Vec<Cursor>, ConsumeError> {
        let cursors = answered(&self.0, self.0.cursors(group)).await;
        cursors.map_err(|error| ConsumeError::Unavailable(error.to_string()))
    }
}
