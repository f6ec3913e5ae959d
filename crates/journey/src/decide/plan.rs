//! Rules 1, 2 and 4: which day a moment is planned for, and what becomes of one that is already past.

use std::collections::BTreeSet;

use afterglow_domain::Timestamp;
use jiff::civil::Date;

use crate::calendar::{day_of, plus_days};
use crate::definition::{DayZero, Definition, IfLate, Moment};
use crate::input::Facts;
use crate::state::Promise;

/// Why a moment of the past is waived.
pub(super) const PAST: &str = "past at the start";

/// Rule 1: day 0, never later than the date on which the deal was won.
pub(crate) fn day_zero(definition: &Definition, facts: &Facts) -> Date {
    match definition.day_zero {
        DayZero::CloseDate => facts.close_date.unwrap_or(facts.won_date).min(facts.won_date),
        DayZero::WonDate => facts.won_date,
    }
}

/// The times of one occurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) day: i32,
    pub(super) planned: Timestamp,
    pub(super) deadline: Timestamp,
    /// Its day was over at the start and it does not go out.
    pub(super) past: bool,
}

impl Plan {
    /// Gives the promise these times.
    pub(super) fn apply(self, promise: &mut Promise, anchor: Date) {
        let Self { day, planned, deadline, past: _ } = self;
        (promise.day, promise.planned, promise.deadline, promise.anchor) = (day, planned, deadline, anchor);
    }
}

/// Plans moments from day 0, on or after the date on which the journey started (or was re-anchored).
pub(super) struct Planner<'a> {
    definition: &'a Definition,
    day_zero: Date,
    start: Date,
    /// Dates that a moment is planned for or delayed to: each late one needs a free date besides.
    taken: BTreeSet<Date>,
    /// The date of the next late one.
    next_late: Date,
}

impl<'a> Planner<'a> {
    /// `start` is the date on which the event was heard; `moments` are those to be planned. The first
    /// late one goes out on the day after; where a moment is due on the start's own day, before that one.
    pub(super) fn new(
        definition: &'a Definition,
        day_zero: Date,
        start: Date,
        moments: impl Iterator<Item = &'a Moment>,
    ) -> Self {
        let dates = moments.map(|moment| plus_days(day_zero, moment.day)).filter(|on| *on >= start);
        let taken: BTreeSet<Date> = dates.collect();
        let next_late = if taken.contains(&start) { start } else { plus_days(start, 1) };
        Self { definition, day_zero, start, taken, next_late }
    }

    /// Rule 4 for one moment.
    pub(super) fn plan(&mut self, moment: &Moment) -> Plan {
        let due = plus_days(self.day_zero, moment.day);
        let last = plus_days(self.day_zero, moment.not_after_day);
        if due >= self.start {
            return self.times(due, last, false);
        }
        match moment.if_late {
            IfLate::Skip => self.times(due, last, true),
            IfLate::Shift => {
                let from_start = |day| plus_days(self.start, day);
                self.times(from_start(moment.day), from_start(moment.not_after_day), false)
            }
            IfLate::Send => self.send_late(due, last),
        }
    }

    /// The next date for a late one: those that are due then go after it, and the last of them takes the
    /// free date. Without a free date before its deadline the late one stays away, so that it costs no
    /// other its day.
    fn send_late(&mut self, due: Date, last: Date) -> Plan {
        let mut free = self.next_late;
        while free <= last && self.taken.contains(&free) {
            free = plus_days(free, 1);
        }
        if free > last {
            return self.times(due, last, true);
        }
        self.taken.insert(free);
        let on = self.next_late;
        self.next_late = plus_days(on, 1);
        self.times(on, last, false)
    }

    fn times(&self, on: Date, last: Date, past: bool) -> Plan {
        let sending = &self.definition.sending;
        let planned = sending.slot_on(on);
        let deadline = sending.end_of(last).max(planned.plus(sending.window_at_least));
        Plan { day: day_of(self.day_zero, on), planned, deadline, past }
    }
}
