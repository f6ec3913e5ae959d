//! The screen of `journey simulate`.

use std::collections::BTreeSet;
use std::fmt;

use afterglow_domain::{Channel, Money};
use jiff::civil::{Date, DateTime, Time};

use crate::calendar::{day_of, plus_days};
use crate::definition::Definition;
use crate::effect::{NO_RECIPIENT, TouchpointPlan};

/// One thing that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Counted from day 0.
    pub day: i32,
    /// On the recipient's clock.
    pub local: DateTime,
    /// The moment's id, or `-` for the whole journey.
    pub moment: String,
    /// What is done.
    pub what: String,
    /// Why it is as it is, where that needs words.
    pub note: String,
}

/// A played journey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline {
    /// In order of time.
    pub lines: Vec<Line>,
    promised: usize,
    kept: BTreeSet<String>,
    gifts: Money,
    budget: Money,
    last_heard_on: Date,
    silence_days: i32,
}

impl Timeline {
    pub(super) fn new(definition: &Definition, start: Date) -> Self {
        let budget = definition.budget_per_customer;
        Self {
            lines: Vec::new(),
            promised: 0,
            kept: BTreeSet::new(),
            gifts: Money::new(0, budget.currency),
            budget,
            last_heard_on: start,
            silence_days: 0,
        }
    }

    pub(super) fn promise(&mut self, moments: usize) {
        self.promised = moments;
    }

    pub(super) fn sent(&mut self, plan: &TouchpointPlan, on: Date) {
        self.gifts.minor += plan.deed.worth().map_or(0, |worth| worth.minor);
        if plan.channel != Channel::Task && plan.moment != NO_RECIPIENT {
            self.silence_days = self.silence_days.max(day_of(self.last_heard_on, on));
            self.last_heard_on = on;
        }
    }

    pub(super) fn kept(&mut self, moment: &str) {
        self.kept.insert(moment.to_owned());
    }

    /// How many moments were delivered, and how many are promised; none without a journey.
    pub fn kept_of_promised(&self) -> (usize, usize) {
        (self.kept.len(), self.promised)
    }

    /// What the gifts cost.
    pub fn gifts(&self) -> Money {
        self.gifts
    }
}

impl Line {
    /// The end of a day is written as 24:00 of that day.
    fn place(&self) -> (i32, Date, String) {
        let (date, time) = (self.local.date(), self.local.time());
        if time == Time::midnight() {
            (self.day - 1, plus_days(date, -1), "24:00".to_owned())
        } else {
            (self.day, date, time.strftime("%H:%M").to_string())
        }
    }
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width =
            |of: fn(&Line) -> &str| self.lines.iter().map(|line| of(line).chars().count()).max().unwrap_or(0);
        let (moment_width, what_width) = (width(|line| &line.moment), width(|line| &line.what));
        for line in &self.lines {
            let (day, date, time) = line.place();
            let text = format!(
                "day {day:>2}  {date} {} {time}  {:<moment_width$}  {:<what_width$}  {}",
                date.strftime("%a"),
                line.moment,
                line.what,
                line.note
            );
            writeln!(f, "{}", text.trim_end())?;
        }
        let (kept, promised) = self.kept_of_promised();
        if promised == 0 {
            return writeln!(f, "nothing is promised");
        }
        write!(f, "{kept} of {promised} promises kept")?;
        if kept < promised {
            write!(f, ", {} waived", promised - kept)?;
        }
        let gifts = self.gifts.to_string();
        let amount = gifts.split(' ').next().unwrap_or_default();
        writeln!(f, " · gifts {amount} of {} · longest silence {} days", self.budget, self.silence_days)
    }
}
