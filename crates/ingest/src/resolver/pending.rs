//! The refresh rows of one transaction, and what becomes of them and their timers.
//!
//! Invariant: a row has exactly one armed timer, and `row.due` is that timer's due time.

use std::collections::BTreeMap;

use afterglow_domain::{DealRef, Timestamp};
use afterglow_durable::{Error, Timeline, Writes};
use afterglow_trace::{Kind, Span};
use uuid::Uuid;

use crate::place;
use crate::store::{Refresh, ResolverTx, StageHint};

/// What a hint adds to what is known about a deal: that it must be looked at, and perhaps more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct News {
    /// The stage it names.
    pub(super) stage: Option<StageHint>,
    /// Its trace.
    pub(super) traceparent: Option<String>,
}

/// The older hint's trace is not the one that the reading will be part of: it says which one is.
fn joined(older: Option<&str>, newer: Option<&str>) {
    if afterglow_trace::enabled() && older.is_some() && newer.is_some() && older != newer {
        Span::within(older, Kind::Internal, "joined by a newer hint").link(newer);
    }
}

/// Rows as they were loaded, and as they are to be.
pub(super) struct Pending {
    before: BTreeMap<Uuid, Refresh>,
    after: BTreeMap<Uuid, Option<Refresh>>,
}

impl Pending {
    /// Loads the rows of these deals; those that have none may get one.
    pub(super) async fn load<T: ResolverTx>(tx: &mut T, ids: &[Uuid]) -> Result<Self, Error> {
        let rows = tx.load_refreshes(ids).await?;
        Ok(Self { before: rows.into_iter().map(|row| (row.id(), row)).collect(), after: BTreeMap::new() })
    }

    /// A row as it is to be.
    pub(super) fn get(&self, id: Uuid) -> Option<&Refresh> {
        match self.after.get(&id) {
            Some(after) => after.as_ref(),
            None => self.before.get(&id),
        }
    }

    /// Adds or replaces a row; its `due` is the wish, which [`Pending::store`] may have to move.
    pub(super) fn put(&mut self, row: Refresh) {
        self.after.insert(row.id(), Some(row));
    }

    /// Removes a row and its timer.
    pub(super) fn remove(&mut self, id: Uuid) {
        self.after.insert(id, None);
    }

    /// Takes a hint: the deal is due now, unless somebody is reading it or its reads fail.
    pub(super) fn heard(&mut self, deal: &DealRef, news: News, now: Timestamp) {
        let row = match self.get(place::row_id(deal)) {
            None => Refresh {
                deal: deal.clone(),
                generation: 1,
                due: now,
                claimed: false,
                failures: 0,
                rereads: 0,
                stage: news.stage,
                since: now,
                traceparent: news.traceparent,
                problem: None,
            },
            Some(row) => {
                joined(row.traceparent.as_deref(), news.traceparent.as_deref());
                let waits = row.claimed || row.failures > 0;
                let older = row.stage.clone();
                let stage = news.stage.into_iter().chain(older).max_by_key(|hint| hint.at);
                Refresh {
                    generation: row.generation + 1,
                    due: if waits { row.due } else { row.due.min(now) },
                    rereads: 0,
                    stage,
                    traceparent: news.traceparent.or_else(|| row.traceparent.clone()),
                    ..row.clone()
                }
            }
        };
        self.put(row);
    }

    /// Writes the rows; their timers go into `writes`, which the caller writes. Afterwards
    /// [`Pending::get`] gives them with the due times that were armed.
    pub(super) async fn store<T: ResolverTx>(
        &mut self,
        tx: &mut T,
        writes: &mut Writes,
    ) -> Result<(), Error> {
        let (mut saved, mut removed) = (Vec::new(), Vec::new());
        for (id, after) in &mut self.after {
            let before = self.before.get(id);
            let Some(row) = after else {
                writes.disarm.extend(before.map(Refresh::timer));
                removed.push(*id);
                continue;
            };
            if before.map(|before| before.due) != Some(row.due) {
                row.due = tx.armable(Timeline::Wall, row.shard(), row.due);
            }
            if before.map(|before| before.due) != Some(row.due) {
                writes.disarm.extend(before.map(Refresh::timer));
                writes.arm.push(row.timer());
            }
            saved.push(row.clone());
        }
        tx.save_refreshes(&saved).await?;
        tx.delete_refreshes(&removed).await
    }
}
