//! Work for the owner that is no moment: it promises nothing to the customer, and uses up no day.

use afterglow_domain::{Channel, Intent, Timestamp};
use jiff::civil::Date;
use std::time::Duration;

use crate::calendar::day_of;
use crate::definition::Deed;
use crate::effect::{Effect, GIFT_NOT_HANDED_OVER, NO_RECIPIENT, To, TouchpointPlan};
use crate::state::{State, Status};

use super::Run;
use super::who::addressee;

/// For how long such a task may still go out: it helps as long as the money is not given up, and no
/// outage of a mail server that people notice lasts longer.
const TASK_OPEN: Duration = Duration::from_hours(14 * 24);

/// A task that asks for a contact goes out for a day at least, also just before its moment's deadline.
const ASK_OPEN_MIN: Duration = Duration::from_hours(24);

impl Run<'_> {
    /// Rule 8: once per journey the owner is asked for a contact, with the reason of the first moment
    /// that waits for one.
    pub(super) fn ask_owner(&mut self, state: &mut State, index: usize, reason: &str, today: Date) {
        if state.owner_asked {
            return;
        }
        if !state.owner_reachable {
            self.effects.push(Effect::NobodyToAsk { reason: reason.to_owned() });
            return;
        }
        state.owner_asked = true;
        let deadline = state.promises[index].deadline.max(self.open_for(ASK_OPEN_MIN));
        let task = self.definition.no_recipient.clone();
        self.ask((NO_RECIPIENT, 0), task, (deadline, day_of(state.day_zero, today)), reason);
    }

    /// Whom a refused moment may go to instead; if nobody, the owner is asked, and why is the answer.
    pub(super) fn look_for_somebody(
        &mut self,
        state: &mut State,
        index: usize,
        today: Date,
    ) -> Option<String> {
        let moment = self.definition.moment(&state.promises[index].moment)?;
        if moment.deed.channel() == Channel::Task {
            return None;
        }
        let reason = addressee(self.definition, state, &moment.deed).err()?;
        self.ask_owner(state, index, &reason, today);
        Some(reason)
    }

    /// Rule 9: a gift that is paid for and was not handed over is told to the owner, whatever became of
    /// the journey; each such gift once. Never its link, which this crate does not know.
    pub(super) fn report_lost_gift(&mut self, state: &State, index: usize, reason: &str) {
        let promise = &state.promises[index];
        let earlier = state.promises.iter().filter(|promise| promise.status == Status::Spent).count();
        let occurrence = u32::try_from(earlier).unwrap_or(u32::MAX);
        let reason = format!("the gift of day {} ({}): {reason}", promise.day, promise.moment);
        if !state.owner_reachable {
            self.effects.push(Effect::NobodyToAsk { reason });
            return;
        }
        let today = self.definition.sending.zone.date_of(self.now);
        let times = (self.open_for(TASK_OPEN), day_of(state.day_zero, today));
        self.ask(
            (GIFT_NOT_HANDED_OVER, occurrence),
            crate::texts::GIFT_NOT_HANDED_OVER.to_owned(),
            times,
            &reason,
        );
    }

    fn open_for(&self, at_least: Duration) -> Timestamp {
        self.now.plus(at_least.max(self.definition.sending.window_at_least))
    }

    fn ask(
        &mut self,
        (moment, occurrence): (&str, u32),
        task: String,
        (deadline, day): (Timestamp, i32),
        reason: &str,
    ) {
        self.effects.push(Effect::Emit(TouchpointPlan {
            moment: moment.to_owned(),
            occurrence,
            intent: Intent::Repair,
            channel: Channel::Task,
            deed: Deed::Task { task },
            to: To::Owner,
            planned: self.now,
            deadline,
            day,
            task_reason: Some(reason.to_owned()),
        }));
    }
}
