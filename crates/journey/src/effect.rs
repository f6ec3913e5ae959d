//! What a decision wants done: data, performed by the engine in and after one transaction.

use afterglow_domain::{Channel, Intent, Timestamp};
use serde::{Deserialize, Serialize};

use crate::definition::Deed;
use crate::state::State;

/// The moment id of the one task that asks the owner for a contact; no moment may carry it.
pub const NO_RECIPIENT: &str = "no-recipient";

/// The moment id of the tasks about gifts that are paid for and were not handed over; no moment may
/// carry it.
pub const GIFT_NOT_HANDED_OVER: &str = "gift-not-handed-over";

/// The state after an input, and what is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// `None` where there is no enrolment.
    pub state: Option<State>,
    /// In the order in which they are to be recorded.
    pub effects: Vec<Effect>,
}

/// One thing to be done or recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The journey starts.
    Enrolled,
    /// No journey for this deal.
    NeverEnrolled {
        /// Why.
        reason: String,
    },
    /// An occurrence of a moment is promised.
    ObligationOpened {
        /// Which moment.
        moment: String,
        /// Which occurrence, from 0.
        occurrence: u32,
        /// When it is to go out.
        planned: Timestamp,
        /// From when on it may not go out any more.
        deadline: Timestamp,
    },
    /// An open promise has other times, because day 0 changed.
    ObligationMoved {
        /// Which moment.
        moment: String,
        /// Which occurrence.
        occurrence: u32,
        /// When it is to go out.
        planned: Timestamp,
        /// From when on it may not go out any more.
        deadline: Timestamp,
    },
    /// A promise ended, once and for all.
    ObligationClosed {
        /// Which moment.
        moment: String,
        /// Which occurrence.
        occurrence: u32,
        /// How.
        outcome: Outcome,
        /// When: never before it went out, although the clock may have gone back since.
        at: Timestamp,
    },
    /// A moment is due: tell the dispatcher.
    Emit(TouchpointPlan),
    /// A moment that was emitted has no answer: tell the dispatcher once more. The touchpoint is the same
    /// one, so whoever has it only says again what became of it.
    EmitAgain(TouchpointPlan),
    /// Take an emitted touchpoint back if it is not too late. Asked again until an answer comes.
    Revoke {
        /// Which moment.
        moment: String,
        /// Which occurrence.
        occurrence: u32,
        /// Why.
        reason: String,
    },
    /// Somebody should be asked or told, and the deal has no owner who can be reached.
    NobodyToAsk {
        /// What they would have been asked or told.
        reason: String,
    },
    /// The deal was reopened: nothing goes out.
    Held,
    /// It was won again: the journey goes on.
    Resumed,
    /// All promises are closed.
    Completed,
    /// The journey ended early and everything is closed.
    Exited {
        /// Why.
        reason: String,
    },
}

/// The one outcome of a promise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Delivered within 24 hours of its planned time.
    Delivered {
        /// Why the mail went without its gift, if it did.
        without_gift: Option<String>,
    },
    /// Delivered later than that.
    Late {
        /// How long after its planned time, in seconds.
        by_s: u64,
        /// Why the mail went without its gift, if it did.
        without_gift: Option<String>,
    },
    /// Deliberately or unavoidably not done.
    Waived {
        /// Why.
        reason: String,
    },
    /// Tried and failed.
    Failed {
        /// Why.
        reason: String,
    },
}

impl Outcome {
    /// Whether the recipient got it.
    pub fn kept(&self) -> bool {
        matches!(self, Self::Delivered { .. } | Self::Late { .. })
    }
}

/// Everything that the engine must know to write a touchpoint event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TouchpointPlan {
    /// The moment's id, or [`NO_RECIPIENT`], or [`GIFT_NOT_HANDED_OVER`].
    pub moment: String,
    /// Which occurrence, from 0.
    pub occurrence: u32,
    /// Why the moment exists.
    pub intent: Intent,
    /// How it reaches somebody.
    pub channel: Channel,
    /// What is done, with which files.
    pub deed: Deed,
    /// Whom it is for.
    pub to: To,
    /// When it was to go out.
    pub planned: Timestamp,
    /// From when on it may not go out any more.
    pub deadline: Timestamp,
    /// The planned day, counted from day 0.
    pub day: i32,
    /// Why a task is needed: the template variable `task.reason`. `None` for gifts and mails.
    pub task_reason: Option<String>,
}

/// Whom a touchpoint is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum To {
    /// A person at the customer, by the vendor's id.
    Contact(String),
    /// The deal's owner.
    Owner,
}
