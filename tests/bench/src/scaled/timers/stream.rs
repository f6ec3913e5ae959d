//! Deals that never end, as a log would give them: for firing beside a busy ingest.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use afterglow_domain::Tenant;
use afterglow_events::{Consume, ConsumeError, Cursor, Received};

use crate::customers::deal::Customer;

/// A consumer whose every poll is full.
pub(super) struct Deals {
    tenant: Tenant,
    next: usize,
    polled: usize,
    committed: Arc<AtomicUsize>,
}

impl Deals {
    /// Deals of this tenant from a number on; `committed` is told how many are decided.
    pub(super) fn from(tenant: Tenant, first: usize, committed: Arc<AtomicUsize>) -> Self {
        Self { tenant, next: first, polled: 0, committed }
    }
}

impl Consume for Deals {
    async fn poll(&mut self, max: usize, _wait: Duration) -> Result<Vec<Received>, ConsumeError> {
        let numbers = self.next..self.next + max;
        let won = |number| Ok(Customer::of_batch(&self.tenant, number).won()?.received);
        let records: anyhow::Result<Vec<Received>> = numbers.map(won).collect();
        let records = records.map_err(|error| ConsumeError::Unavailable(format!("{error:#}")))?;
        self.next += max;
        self.polled += max;
        Ok(records)
    }

    async fn commit(&mut self, _cursors: &[Cursor]) -> Result<(), ConsumeError> {
        self.committed.store(self.polled, Ordering::SeqCst);
        Ok(())
    }

    async fn rewind(&mut self) -> Result<(), ConsumeError> {
        Err(ConsumeError::Unavailable("a bench's stream does not go back".to_owned()))
    }
}
