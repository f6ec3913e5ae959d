//! The shards that a transaction locks.

use afterglow_domain::Shard;

use crate::error::Error;
use crate::rows::Writes;

/// Shards in ascending order, the order in which they are locked, without repetition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ShardSet(Vec<Shard>);

impl ShardSet {
    /// The set of these shards.
    pub fn new(shards: impl IntoIterator<Item = Shard>) -> Self {
        let mut shards: Vec<Shard> = shards.into_iter().collect();
        shards.sort_unstable();
        shards.dedup();
        Self(shards)
    }

    /// The shards, ascending.
    pub fn iter(&self) -> impl Iterator<Item = Shard> + '_ {
        self.0.iter().copied()
    }

    /// Whether a row of this shard may be written under this lock.
    pub fn contains(&self, shard: Shard) -> bool {
        self.0.binary_search(&shard).is_ok()
    }

    /// Refuses to write what belongs to a shard that is not in here: its order and its low-water mark are
    /// only kept by those who hold it.
    pub(crate) fn check(&self, writes: &Writes) -> Result<(), Error> {
        let armed = writes.arm.iter().map(|timer| timer.shard);
        let published = writes.outbox.iter().map(|row| row.shard);
        match armed.chain(published).find(|shard| !self.contains(*shard)) {
            None => Ok(()),
            Some(shard) => {
                Err(Error::Refused(format!("shard {} is written and was not locked", shard.number())))
            }
        }
    }

    /// How many shards.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all are of one class. Only a transaction that found a shard late may span two, alone.
    pub fn one_class(&self) -> bool {
        self.0.windows(2).all(|pair| pair[0].class() == pair[1].class())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_sorted_and_knows_its_class() {
        let shard = |n| Shard::new(n).unwrap();
        let set = ShardSet::new([shard(9), shard(1), shard(9)]);
        assert_eq!(set.iter().map(Shard::number).collect::<Vec<_>>(), [1, 9]);
        assert!(set.one_class() && set.contains(shard(9)) && !set.contains(shard(2)));
        assert!(!ShardSet::new([shard(1), shard(2)]).one_class());
        assert!(ShardSet::default().one_class());
    }
}
