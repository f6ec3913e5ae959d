//! A log for tests: what is told is read in order, and again after a crash.

use std::collections::VecDeque;
use std::time::Duration;

use afterglow_domain::{Shard, Timestamp};
use afterglow_events::{Consume, ConsumeError, Cursor, Encoding, Event, Received};

/// Records in one partition per topic.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    records: Vec<Received>,
    next: usize,
    committed: usize,
}

impl Feed {
    pub(crate) fn push(&mut self, event: &Event, taken_at: Timestamp) {
        let record = event.to_record(Encoding::Protobuf);
        let partition = Shard::of(record.key_text()).partition(16);
        let offset = i64::try_from(self.records.len()).unwrap();
        self.records.push(Received { record, partition, offset, taken_at });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.committed == self.records.len()
    }

    /// Everything ever told, to be told again; the log takes it anew, or it would be too old to be used.
    pub(crate) fn replay(&mut self, taken_at: Timestamp) {
        self.records.iter_mut().for_each(|received| received.taken_at = taken_at);
        (self.next, self.committed) = (0, 0);
    }
}

impl Consume for Feed {
    async fn poll(&mut self, max: usize, _: Duration) -> Result<Vec<Received>, ConsumeError> {
        let page: VecDeque<Received> = self.records.iter().skip(self.next).take(max).cloned().collect();
        self.next += page.len();
        Ok(page.into())
    }

    async fn commit(&mut self, _: &[Cursor]) -> Result<(), ConsumeError> {
        self.committed = self.next;
        Ok(())
    }

    async fn rewind(&mut self) -> Result<(), ConsumeError> {
        self.next = self.committed;
        Ok(())
    }
}
