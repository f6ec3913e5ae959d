//! How much harm a run does; by default as much as continuous integration has time for.

use std::env;
use std::fmt;

/// A run, repeatable by its seed as far as threads and disks allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Chooses who is killed when and whose answer is lost (`AFTERGLOW_SEED`).
    pub seed: u64,
    /// How many deals are won (`DEALS`).
    pub deals: u64,
    /// How often the product is killed (`KILLS`): half of it within 30 ms after an answer, the rest at
    /// random moments.
    pub kills: u64,
    /// So many of 100 gift calls act and lose their answer.
    pub lose_percent: u8,
    /// How many deals may have promises left at a time (`OPEN`), in the scaled run: with more than a machine can
    /// serve in the days that a promise may be late, promises are broken without anybody's fault.
    pub open: u64,
}

impl Plan {
    /// What two cores serve in a debug build beside other work.
    pub const OPEN: u64 = 400;

    /// The plan with what the environment says otherwise; without a seed there, `fresh` is it.
    #[must_use]
    pub fn from_env(self, fresh: u64) -> Self {
        Self {
            seed: number("AFTERGLOW_SEED").unwrap_or(fresh),
            deals: number("DEALS").unwrap_or(self.deals),
            kills: number("KILLS").unwrap_or(self.kills),
            open: number("OPEN").unwrap_or(self.open),
            ..self
        }
    }

    /// Kills that follow an answer: random kills alone do not find an answer that is given too early.
    pub fn kills_after_answers(&self) -> u64 {
        self.kills.div_ceil(2).min(self.deals)
    }

    /// Kills at random moments.
    pub fn kills_at_random(&self) -> u64 {
        self.kills - self.kills_after_answers()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, deals, kills, lose_percent, open } = self;
        write!(f, "AFTERGLOW_SEED={seed} DEALS={deals} KILLS={kills} OPEN={open}, ")?;
        write!(f, "{lose_percent} % of gift answers lost")
    }
}

fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is {text:?}; it takes a number")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_kills_follow_an_answer() {
        let plan = Plan { seed: 1, deals: 300, kills: 21, lose_percent: 20, open: Plan::OPEN };
        assert_eq!((plan.kills_after_answers(), plan.kills_at_random()), (11, 10));
        let few = Plan { deals: 2, ..plan };
        assert_eq!((few.kills_after_answers(), few.kills_at_random()), (2, 19));
    }
}
