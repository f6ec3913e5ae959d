//! Whether the database has gone back behind what this process has stored in it: it was restored, or a server
//! that knew less has taken over.
//!
//! The cursors tell. A role that goes on would write a newer cursor over the gap, and what lies in it would be
//! read by nobody: then group and store agree again, and even the next start would find nothing.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use afterglow_events::{Cursor, Topic};

use crate::error::Error;

/// A group's place in a partition, and the offset that is next there.
type Places = HashMap<(String, &'static str, i32), i64>;

/// The cursors that this process has committed. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Committed(Arc<Memory>);

#[derive(Debug, Default)]
struct Memory {
    places: Mutex<Places>,
    /// Whether the log says it: the roles tell the first reason for which they stand still, and that may be
    /// another one, since a restore cuts their connections first.
    told: AtomicBool,
}

fn places(cursors: &[(String, Cursor)]) -> impl Iterator<Item = ((String, &'static str, i32), i64)> {
    let place = |(group, cursor): &(String, Cursor)| {
        ((group.clone(), cursor.topic.name(), i32::from(cursor.partition)), cursor.next_offset)
    };
    cursors.iter().map(place)
}

impl Committed {
    /// Refuses to write over what stood there before, if that is older than what this process has committed.
    pub(super) fn check(
        &self,
        written: &[(String, Cursor)],
        before: &[(String, String, i32, i64)],
    ) -> Result<(), Error> {
        let committed = self.places();
        for (place, _) in places(written) {
            let Some(ours) = committed.get(&place) else { continue };
            let (group, topic, partition) = &place;
            let same = |row: &&(String, String, i32, i64)| {
                (&row.0, row.1.as_str(), &row.2) == (group, *topic, partition)
            };
            let found = before.iter().find(same).map(|row| row.3);
            if found.is_none_or(|found| found < *ours) {
                let found = found.map_or("none".to_owned(), |found| found.to_string());
                let why = format!(
                    "the database has gone back: {group} had stored offset {ours} of {topic} partition {partition}, and there is {found}; was it restored? Nothing is decided until the role is started again, which says how to go on"
                );
                if !self.0.told.swap(true, Ordering::Relaxed) {
                    tracing::error!("{why}");
                }
                return Err(Error::Unavailable(why));
            }
        }
        Ok(())
    }

    /// These may be written anew from anywhere.
    pub(super) fn forget(&self, places: &[(String, Topic, u16)]) {
        let mut committed = self.places();
        for (group, topic, partition) in places {
            committed.remove(&(group.clone(), topic.name(), i32::from(*partition)));
        }
    }

    /// These are committed.
    pub(super) fn keep(&self, cursors: &[(String, Cursor)]) {
        let mut committed = self.places();
        for (place, next) in places(cursors) {
            let known = committed.entry(place).or_insert(next);
            *known = next.max(*known);
        }
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        // No code panics while it holds the lock, so a poisoned one is still whole.
        self.0.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
