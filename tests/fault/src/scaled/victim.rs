//! Who is killed, and in which order.

use std::fmt;

use afterglow_support::Dice;

/// Who can be killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Victim {
    /// A replica of the ingest.
    Ingest,
    /// A replica of the journey engine.
    Engine,
    /// A replica of the dispatcher.
    Dispatcher,
    /// Kafka.
    Broker,
    /// PostgreSQL.
    Database,
}

impl Victim {
    /// The product's roles.
    pub const ROLES: [Self; 3] = [Self::Ingest, Self::Engine, Self::Dispatcher];
    /// Everybody.
    pub const ALL: [Self; 5] = [Self::Ingest, Self::Engine, Self::Dispatcher, Self::Broker, Self::Database];

    /// As the product's command and the summary name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Engine => "journey-engine",
            Self::Dispatcher => "dispatcher",
            Self::Broker => "broker",
            Self::Database => "database",
        }
    }

    /// The victim of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|victim| victim.name() == name)
    }

    /// So many victims: everybody in turn, in an order of the dice's in each turn.
    pub(super) fn choose(count: usize, dice: &mut Dice) -> Vec<Self> {
        let mut chosen = Vec::with_capacity(count);
        while chosen.len() < count {
            let mut turn = Self::ALL.to_vec();
            while !turn.is_empty() && chosen.len() < count {
                let at = dice.below(turn.len() as u64);
                chosen.push(turn.swap_remove(usize::try_from(at).unwrap()));
            }
        }
        chosen
    }
}

impl fmt::Display for Victim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_has_their_share() {
        let chosen = Victim::choose(27, &mut Dice::new(7));
        assert_eq!(chosen.len(), 27);
        for victim in Victim::ALL {
            let share = chosen.iter().filter(|one| **one == victim).count();
            assert!((5..=6).contains(&share), "{victim}: {share}");
            assert_eq!(Victim::parse(victim.name()), Some(victim));
        }
    }
}
