//! Whether what a relay takes is in the order of the commits: the guard of the shards' lock.
//!
//! A relay takes the oldest events first. One that is older than what was taken of its shard before, and that
//! was not there then, became visible out of order: a shard was written without its lock.

use std::collections::{BTreeMap, BTreeSet};

use afterglow_domain::Shard;

use crate::rows::OutboxRow;

/// What one relay has seen of each shard.
#[derive(Debug, Default)]
pub(super) struct Order {
    taken_to: BTreeMap<Shard, i64>,
    /// Taken and not settled: these come again.
    left: BTreeSet<(Shard, i64)>,
}

impl Order {
    /// How many of these came too late.
    pub(super) fn take(&mut self, rows: &[(i64, OutboxRow)]) -> u64 {
        let mut late = 0;
        for (seq, row) in rows {
            let to = self.taken_to.entry(row.shard).or_insert(*seq);
            if *seq < *to && !self.left.contains(&(row.shard, *seq)) {
                late += 1;
            }
            *to = (*to).max(*seq);
        }
        // What another relay settled meanwhile comes no more.
        let shards: BTreeSet<Shard> = rows.iter().map(|(_, row)| row.shard).collect();
        self.left.retain(|(shard, _)| !shards.contains(shard));
        self.left.extend(rows.iter().map(|(seq, row)| (row.shard, *seq)));
        late
    }

    /// These do not come again.
    pub(super) fn settled(&mut self, shard: Shard, seq: i64) {
        self.left.remove(&(shard, seq));
    }
}

#[cfg(test)]
mod tests {
    use afterglow_events::{Record, Topic};
    use bytes::Bytes;

    use super::*;

    fn rows(seqs: &[(u8, i64)]) -> Vec<(i64, OutboxRow)> {
        let (key, value) = (Bytes::new(), Bytes::new());
        let record = Record { topic: Topic::Deals, key, headers: Vec::new(), value };
        let row = |(shard, seq): &(u8, i64)| {
            (*seq, OutboxRow { shard: Shard::new(*shard).unwrap(), record: record.clone() })
        };
        seqs.iter().map(row).collect()
    }

    #[test]
    fn only_what_was_not_there_before_is_late() {
        let mut order = Order::default();
        assert_eq!(order.take(&rows(&[(1, 10), (2, 11), (1, 12)])), 0);
        for (shard, seq) in [(2, 11), (1, 12)] {
            order.settled(Shard::new(shard).unwrap(), seq);
        }
        assert_eq!(
            order.take(&rows(&[(1, 10), (1, 13)])),
            0,
            "10 comes again, since the log did not take it"
        );
        assert_eq!(order.take(&rows(&[(2, 9), (1, 14), (3, 1)])), 1, "9 was not there when 11 was taken");
        assert_eq!(order.take(&rows(&[(1, 11)])), 1);
    }
}
