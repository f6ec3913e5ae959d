//! The figures of a run.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::book::Harm;
use super::field::Field;
use super::victim::Victim;
use crate::waits::{Step, Wait};
use crate::watch::Watch;

/// What a run did and found.
#[derive(Debug, Clone)]
pub struct Summary {
    /// Accepted deals.
    pub deals: u64,
    /// How often everybody was killed.
    pub kills: BTreeMap<Victim, u64>,
    /// How often a replica of each role was stopped for a minute.
    pub stops: usize,
    /// How long it took, without pauses between sessions.
    pub took: Duration,
    /// Records of moments that became due, repetitions included.
    pub due: usize,
    /// Orders in the vendor's ledger.
    pub gifts: usize,
    /// Answers that the gift vendor lost.
    pub answers_lost: u64,
    /// Mails in the mailbox.
    pub mails: usize,
    /// Touchpoints that wait for a person.
    pub in_doubt: usize,
    /// How long work waited at most for who took over.
    pub takeover: Takeover,
    /// What the checker found.
    pub violations: usize,
}

/// How long work waited at most that began after a replica of its role was gone.
#[derive(Debug, Clone)]
pub struct Takeover {
    /// After SIGKILL.
    pub killed: Vec<Wait>,
    /// After SIGSTOP.
    pub stopped: Vec<Wait>,
}

impl Summary {
    pub(super) fn of(field: &Field, watch: &Watch, violations: usize) -> Self {
        let tally = field.book.tally();
        let windows = field.book.windows();
        let takeover = |harm: Harm| {
            let longest = |step: Step| {
                let windows = windows.iter().filter(|(of, _)| *of == harm);
                let waits = windows.filter_map(|(_, within)| watch.waits.longest(step, within));
                waits.max_by_key(|wait| wait.took).cloned()
            };
            Step::ALL.into_iter().filter_map(longest).collect()
        };
        Self {
            deals: field.book.accepted_count(),
            kills: field.book.kills(),
            stops: windows.iter().filter(|(harm, _)| *harm == Harm::Stopped).count(),
            took: Duration::from_secs(tally.seconds),
            due: watch.evidence.due.len(),
            gifts: watch.evidence.orders.len(),
            answers_lost: tally.lost,
            mails: watch.evidence.mails.len(),
            in_doubt: watch.evidence.in_doubt.len(),
            takeover: Takeover { killed: takeover(Harm::Killed), stopped: takeover(Harm::Stopped) },
            violations,
        }
    }
}

impl Takeover {
    /// The longest of all steps.
    pub fn longest(waits: &[Wait]) -> Duration {
        waits.iter().map(|wait| wait.took).max().unwrap_or_default()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kills: Vec<String> = self.kills.iter().map(|(victim, n)| format!("{victim} {n}")).collect();
        let (minutes, seconds) = (self.took.as_secs() / 60, self.took.as_secs() % 60);
        writeln!(f, "deals accepted       {}", self.deals)?;
        writeln!(f, "kills                {} ({})", self.kills.values().sum::<u64>(), kills.join(", "))?;
        writeln!(f, "stopped for a minute {} times one of each role", self.stops)?;
        writeln!(f, "duration             {minutes} min {seconds} s")?;
        writeln!(f, "touchpoints          {} records", self.due)?;
        writeln!(f, "gifts ordered        {} (answers lost: {})", self.gifts, self.answers_lost)?;
        writeln!(f, "mails                {}", self.mails)?;
        writeln!(f, "in doubt             {}", self.in_doubt)?;
        writeln!(f, "longest takeover     killed: {}", steps(&self.takeover.killed))?;
        writeln!(f, "                     stopped: {}", steps(&self.takeover.stopped))?;
        write!(f, "violations           {}", self.violations)
    }
}

fn steps(waits: &[Wait]) -> String {
    let told = |wait: &Wait| format!("{} {:.1} s", wait.step, wait.took.as_secs_f64());
    waits.iter().map(told).collect::<Vec<_>>().join(", ")
}
