//! The deal is no longer won: held while it is open again, ended when it is lost, deleted or merged.

use crate::effect::Effect;
use crate::state::{Phase, State, Status};

use super::Run;

impl Run<'_> {
    /// Reopened: everything is held, and what is with the dispatcher is taken back.
    pub(super) fn hold(&mut self, state: &mut State) {
        state.left_won = true;
        if state.phase == Phase::Active {
            state.phase = Phase::Held;
            self.effects.push(Effect::Held);
            self.take_back(state, "the deal is open again");
        }
    }

    /// Lost or deleted: it ends, and only a re-win brings it back.
    pub(super) fn leave(&mut self, state: &mut State, reason: &str) {
        state.left_won = true;
        self.exit(state, reason);
    }

    /// Ends the journey: what waits is waived, what is with the dispatcher is taken back and closes
    /// with its delivery.
    pub(super) fn exit(&mut self, state: &mut State, reason: &str) {
        if !matches!(state.phase, Phase::Active | Phase::Held) {
            return;
        }
        state.phase = Phase::Closing { reason: reason.to_owned() };
        for promise in &mut state.promises {
            match promise.status {
                Status::Waiting { .. } => self.waive(promise, reason),
                Status::Recalled => promise.status = Status::Undelivered,
                Status::Emitted { .. } | Status::Delivered | Status::Spent | Status::Undelivered => {}
            }
        }
        self.take_back(state, reason);
    }

    fn take_back(&mut self, state: &mut State, why: &str) {
        for promise in &mut state.promises {
            if let Status::Emitted { revoking, asked, .. } = &mut promise.status
                && revoking.is_none()
            {
                *revoking = Some(why.to_owned());
                *asked = self.now.max(*asked);
                self.effects.push(Effect::Revoke {
                    moment: promise.moment.clone(),
                    occurrence: promise.occurrence,
                    reason: why.to_owned(),
                });
            }
        }
    }
}
