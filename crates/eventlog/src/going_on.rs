//! Where a group's cursors and the log no longer fit, and how it goes on after a person has decided.
//!
//! A group that finds a misfit stops, because going on by itself would skip or repeat in silence. The answer
//! here never skips what is still in the log: a cursor whose last record stands where it stood stays, any other
//! goes back to the partition's beginning, and readers recognise what they have decided before.

use std::collections::BTreeSet;
use std::future::Future;

use afterglow_domain::Timestamp;
use afterglow_events::{Cursor, Topic};

use crate::bounds::Bounds;
use crate::error::Error;
use crate::source::Source;

/// What a log remembers of a group beside the cursors in its store.
pub trait Group: Sync {
    /// How many members it has now: while there is one, nobody else moves it.
    fn members(&self) -> usize;

    /// The offset at which the group begins with this cursor, `None` for the partition's beginning; or why
    /// cursor and group do not fit.
    fn start(&self, place: (Topic, u16), cursor: Option<&Cursor>) -> Result<Option<i64>, String>;

    /// Makes the log remember these cursors. Refused while the group has members.
    fn move_to(&self, cursors: Vec<Cursor>) -> impl Future<Output = Result<(), Error>> + Send;
}

/// The group of a log that remembers nothing of groups, and whose one reader does not run.
#[derive(Debug, Clone, Copy)]
pub struct Unremembered;

impl Group for Unremembered {
    fn members(&self) -> usize {
        0
    }

    fn start(&self, _: (Topic, u16), cursor: Option<&Cursor>) -> Result<Option<i64>, String> {
        Ok(cursor.map(|cursor| cursor.next_offset))
    }

    async fn move_to(&self, _: Vec<Cursor>) -> Result<(), Error> {
        Ok(())
    }
}

/// A partition at which a group stops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// The topic.
    pub topic: Topic,
    /// The partition.
    pub partition: u16,
    /// What does not fit.
    pub what: String,
    /// Where the store's cursor is; `None` where it has none.
    pub from: Option<i64>,
    /// The cursor with which it goes on; `None` where the log has no such partition any more.
    pub to: Option<Cursor>,
    /// How many records it reads then, some of them perhaps again.
    pub ahead: i64,
}

/// Every partition of these topics at which the group would stop, with the store's `cursors` as they are now.
pub async fn misfits<S: Source>(
    source: &S,
    group: &impl Group,
    (topics, cursors): (&[Topic], &[Cursor]),
    now: Timestamp,
) -> Result<Vec<Misfit>, Error> {
    let bounds = source.bounds().await?;
    let there = topics.iter().flat_map(|topic| (0..source.partitions()).map(|partition| (*topic, partition)));
    let known = cursors.iter().map(|cursor| (cursor.topic, cursor.partition));
    let places: BTreeSet<(Topic, u16)> =
        there.chain(known.filter(|(topic, _)| topics.contains(topic))).collect();
    let mut found = Vec::new();
    for place in places {
        let cursor = cursors.iter().find(|cursor| (cursor.topic, cursor.partition) == place);
        let what = match group.start(place, cursor) {
            Ok(start) => misfit(source, &bounds, place, (cursor, start)).await?,
            Err(what) => Some(what),
        };
        let Some(what) = what else { continue };
        let to = goes_on(source, &bounds, place, cursor, now).await?;
        let end = bounds.of(place.0, place.1).map_or(0, |range| range.end);
        let ahead = to.as_ref().map_or(0, |to| end - to.next_offset);
        let from = cursor.map(|cursor| cursor.next_offset);
        found.push(Misfit { topic: place.0, partition: place.1, what, from, to, ahead });
    }
    Ok(found)
}

/// Where a group goes on when a person has said so.
async fn goes_on<S: Source>(
    source: &S,
    bounds: &Bounds,
    (topic, partition): (Topic, u16),
    cursor: Option<&Cursor>,
    at: Timestamp,
) -> Result<Option<Cursor>, Error> {
    let Some(range) = bounds.of(topic, partition) else { return Ok(None) };
    if let Some(cursor) = cursor {
        let stays = misfit(source, bounds, (topic, partition), (Some(cursor), Some(cursor.next_offset)));
        if stays.await?.is_none() {
            return Ok(Some(cursor.clone()));
        }
    }
    let last_event_id = String::new();
    Ok(Some(Cursor { topic, partition, next_offset: range.start, last_event_id, at }))
}

/// Why a group cannot begin a partition at `start`, the beginning where there is none, with this cursor.
pub(crate) async fn misfit<S: Source>(
    source: &S,
    bounds: &Bounds,
    (topic, partition): (Topic, u16),
    (cursor, start): (Option<&Cursor>, Option<i64>),
) -> Result<Option<String>, Error> {
    let Some(range) = bounds.of(topic, partition) else {
        let at = start.unwrap_or_default();
        return Ok(Some(format!(
            "the checkpoint knows this partition at offset {at}, the log has none of that number"
        )));
    };
    let next = start.unwrap_or(range.start);
    if next > range.end {
        return Ok(Some(format!("we are at offset {next}, the log ends at {}", range.end)));
    }
    if next < range.start {
        return Ok(Some(format!("we are at offset {next}, the log starts at {}", range.start)));
    }
    // At the log's start the record before it is gone, or there never was one.
    let Some(cursor) = cursor.filter(|cursor| cursor.next_offset > range.start) else { return Ok(None) };
    let offset = cursor.next_offset - 1;
    let before = source.read(topic, partition, offset, 1).await?;
    let before = before.first().filter(|received| received.offset == offset);
    let found = before.and_then(|received| received.record.header("ce_id")).unwrap_or_default();
    let remembered = &cursor.last_event_id;
    Ok((found != remembered).then(|| {
        format!(
            "the checkpoint remembers event {remembered:?} at offset {offset}, the log has {found:?} there"
        )
    }))
}

#[cfg(test)]
mod tests;
