//! Which class of shards a timer transaction looks at first.

use std::sync::Mutex;

use afterglow_domain::shard::CLASSES;
use uuid::Uuid;

/// Every class once in an order of chance, then every class once again. Chance, so that processes do not
/// march behind each other; every one once, so that none starves.
#[derive(Debug, Default)]
pub(super) struct Classes(Mutex<Vec<u8>>);

impl Classes {
    /// These classes in the order in which they should be tried.
    pub(super) fn order(&self, mut due: Vec<u8>) -> Vec<u8> {
        let mut left = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !due.iter().any(|class| left.contains(class)) {
            *left = (0..CLASSES).collect();
        }
        // Sixteen bytes of chance, one for each class.
        let chance = *Uuid::new_v4().as_bytes();
        due.sort_by_key(|class| (!left.contains(class), chance[usize::from(*class)]));
        due
    }

    /// This class had its turn.
    pub(super) fn took(&self, class: u8) {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).retain(|left| *left != class);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_its_turn_before_any_has_two() {
        let classes = Classes::default();
        for _ in 0..4 {
            let mut round: Vec<u8> = Vec::new();
            for _ in 0..CLASSES {
                let first = classes.order((0..CLASSES).collect())[0];
                classes.took(first);
                round.push(first);
            }
            round.sort_unstable();
            assert_eq!(round, (0..CLASSES).collect::<Vec<_>>());
        }
    }

    #[test]
    fn one_that_is_always_due_waits_for_nobody() {
        let classes = Classes::default();
        for _ in 0..3 {
            assert_eq!(classes.order(vec![5]), [5]);
            classes.took(5);
        }
    }
}
