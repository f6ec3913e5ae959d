//! Cursors in memory: the store of a role that has none.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use afterglow_domain::Timestamp;
use afterglow_events::{Checkpoints, ConsumeError, Cursor, Received, Topic};

type Key = (String, Topic, u16);

/// The cursors of any number of groups. Clones share them.
#[derive(Clone, Default)]
pub struct MemoryCheckpoints(Arc<Mutex<BTreeMap<Key, Cursor>>>);

impl MemoryCheckpoints {
    /// No cursors at all.
    pub fn new() -> Self {
        Self::default()
    }

    /// Remembers where a group stands.
    pub fn save(&self, group: &str, cursors: &[Cursor]) {
        let mut saved = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for cursor in cursors {
            saved.insert((group.to_owned(), cursor.topic, cursor.partition), cursor.clone());
        }
    }

    /// The cursors behind some records: per partition, behind the last one.
    pub fn behind(records: &[Received], at: Timestamp) -> Vec<Cursor> {
        let mut cursors = BTreeMap::new();
        for Received { record, partition, offset, .. } in records {
            let cursor = Cursor {
                topic: record.topic,
                partition: *partition,
                next_offset: offset + 1,
                last_event_id: record.header("ce_id").unwrap_or_default().to_owned(),
                at,
            };
            cursors.insert((record.topic, *partition), cursor);
        }
        cursors.into_values().collect()
    }
}

impl Checkpoints for MemoryCheckpoints {
    async fn cursors(&self, group: &str) -> Result<Vec<Cursor>, ConsumeError> {
        let saved = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(saved.iter().filter(|((of, ..), _)| of == group).map(|(_, cursor)| cursor.clone()).collect())
    }
}
