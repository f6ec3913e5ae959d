//! Which shard a key belongs to: the hash that Kafka's Java partitioner uses.
//!
//! `shard = (murmur2(key) & 0x7fffffff) % 64`, `partition = shard % P`. With P a power of two up to
//! 64, our producers, Kafka's default partitioner and librdkafka's `murmur2_random` agree on the
//! partition. A foreign partitioner stays correct, only slower.

use serde::{Deserialize, Serialize};

/// How many shards there are; fixed for ever, since rows store their shard.
pub const SHARDS: u8 = 64;

/// How many classes there are: a transaction locks shards of one class only, so at most eight.
pub const CLASSES: u8 = 8;

/// One of the 64 fixed slices of the key space; ownership of a decision is a lock on its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Shard(u8);

impl Shard {
    /// The shard of a record key.
    pub fn of(key: &str) -> Self {
        let hash = murmur2(key.as_bytes()) & 0x7fff_ffff;
        Self(u8::try_from(hash % u32::from(SHARDS)).expect("a remainder of 64 fits a byte"))
    }

    /// A shard by number; `None` from 64 on.
    pub fn new(number: u8) -> Option<Self> {
        (number < SHARDS).then_some(Self(number))
    }

    /// Every shard, ascending.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..SHARDS).map(Self)
    }

    /// The shard's number, below 64.
    pub fn number(self) -> u8 {
        self.0
    }

    /// The class, below 8: shards of different classes never meet in one transaction.
    pub fn class(self) -> u8 {
        self.0 % CLASSES
    }

    /// The partition for a topic of `partitions` partitions.
    pub fn partition(self, partitions: u16) -> u16 {
        u16::from(self.0) % partitions.max(1)
    }
}

/// MurmurHash2, 32 bit, with the seed and byte order of Kafka's `Utils.murmur2`.
pub fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    const SEED: u32 = 0x9747_b28c;
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mut hash = SEED ^ length;
    let mut chunks = data.chunks_exact(4);
    for chunk in &mut chunks {
        let mut k = u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
        k = k.wrapping_mul(M);
        k ^= k >> 24;
        k = k.wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ k;
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        for (index, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * index);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of `UtilsTest.testMurmur2` in Apache Kafka.
    #[test]
    fn agrees_with_kafka() {
        let vectors: [(&[u8], i32); 6] = [
            (b"21", -973_932_308),
            (b"foobar", -790_332_482),
            (b"a-little-bit-long-string", -985_981_536),
            (b"a-little-bit-longer-string", -1_486_304_829),
            (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            (b"abc", 479_470_107),
        ];
        for (data, expected) in vectors {
            assert_eq!(murmur2(data).cast_signed(), expected, "{data:?}");
        }
    }

    #[test]
    fn partition_follows_shard() {
        let shard = Shard::of("acme/hubspot:33:9001");
        assert!(shard.number() < SHARDS);
        for partitions in [1, 2, 4, 8, 16, 32, 64] {
            let kafka = (murmur2(b"acme/hubspot:33:9001") & 0x7fff_ffff) % u32::from(partitions);
            assert_eq!(u32::from(shard.partition(partitions)), kafka);
        }
    }
}
