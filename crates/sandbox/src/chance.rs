//! Seeded chance: whether a fault strikes depends on the seed and on what is struck, not on the order
//! in which calls happen to arrive.

use sha2::{Digest, Sha256};

/// Whether the `nth` call about `key` is among the `percent` that a fault strikes.
pub(crate) fn strikes(seed: u64, percent: u8, key: &str, nth: u64) -> bool {
    number(&format!("{seed}/{nth}/{key}")) % 100 < u64::from(percent)
}

/// A number that looks random and is the same for the same text.
pub(crate) fn number(text: &str) -> u64 {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn about_the_asked_share_is_struck_and_always_the_same() {
        let struck =
            |seed| (0..1000).filter(|n| strikes(seed, 20, &format!("tp_{n}"), 1)).collect::<Vec<_>>();
        assert!((150..250).contains(&struck(7).len()), "{}", struck(7).len());
        assert_eq!(struck(7), struck(7));
        assert_ne!(struck(7), struck(8));
        assert!(!strikes(7, 0, "tp", 1) && strikes(7, 100, "tp", 1));
    }
}
