//! A gift that is ordered and will not be handed over: it is never silent.
//!
//! Its mail's attempt stays where operators look until a person has dealt with it, a line with a code is
//! logged, and the conclusion's cause lets the engine tell the owner. The link stays where it is.

use afterglow_domain::Sensitive;

use crate::attempt::{Attempt, AttemptState};
use crate::case::Case;
use crate::decide::MAIL_VENDOR;
use crate::touchpoint::Step;
use crate::turn::Turn;
use crate::{codes, metric};

impl Case {
    /// Leaves the mail of an ordered gift for a person to see. One in doubt is there already.
    pub(crate) fn not_handed_over(&mut self, turn: &Turn<'_>, reason: &str) {
        let newest = self.attempt.as_ref().filter(|attempt| attempt.step == Step::Notify);
        match newest.map(|attempt| attempt.state) {
            Some(AttemptState::InDoubt) => return,
            Some(_) => {}
            None => {
                let never_sent = self.never_sent(turn);
                let order = self.attempt.replace(never_sent);
                // What was just learnt of the order is written beside it.
                self.superseded = order.filter(|_| self.attempt_changed);
            }
        }
        self.mark(turn, AttemptState::NotHandedOver, reason);
        metrics::counter!(metric::NOT_HANDED_OVER).increment(1);
        let id = self.attempt.as_ref().map(|attempt| attempt.id.to_string()).unwrap_or_default();
        tracing::error!(code = codes::NOT_HANDED_OVER, attempt = id, touchpoint = %self.touchpoint.id,
            moment = self.touchpoint.due.moment, reason, "a gift is paid for and was not handed over");
    }

    /// The attempt of a mail that was never claimed: no bytes were made for it.
    fn never_sent(&self, turn: &Turn<'_>) -> Attempt {
        let n = self.attempt.as_ref().map_or(1, |attempt| attempt.n + 1);
        Attempt {
            id: Attempt::id_of(self.touchpoint.id, n),
            touchpoint: self.touchpoint.id,
            step: Step::Notify,
            n,
            state: AttemptState::NotHandedOver,
            vendor: MAIL_VENDOR.to_owned(),
            request: Sensitive::default(),
            envelope: None,
            started_at: turn.wall,
            recover_after: turn.wall,
            ended_at: None,
            vendor_id: String::new(),
            reason: String::new(),
        }
    }
}
