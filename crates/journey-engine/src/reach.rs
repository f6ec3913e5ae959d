//! Which shards deciding on a deal's events touches beyond the event's own key.
//!
//! After a merge an enrolment stays on its home key and follows a deal that lives on another one. The
//! store knows that, but a transaction must lock its shards before it reads. So the first turn that
//! finds a shard missing remembers it here, drops everything, and is repeated with the union. This is a
//! memory aid only: what it forgets costs one more repetition.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use afterglow_domain::{DealRef, Shard};

/// How many deals are remembered; merges across home keys are rare.
const DEALS_MAX: usize = 10_000;

/// Shards beyond a deal's own key.
#[derive(Debug, Default)]
pub(crate) struct Reach(Mutex<BTreeMap<DealRef, BTreeSet<Shard>>>);

impl Reach {
    /// What is remembered of a deal.
    pub(crate) fn of(&self, deal: &DealRef) -> Vec<Shard> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(deal).map(|shards| shards.iter().copied().collect()).unwrap_or_default()
    }

    /// Remembers shards of a deal.
    pub(crate) fn learn(&self, deal: &DealRef, shards: impl IntoIterator<Item = Shard>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= DEALS_MAX {
            known.clear();
        }
        known.entry(deal.clone()).or_default().extend(shards);
    }
}
