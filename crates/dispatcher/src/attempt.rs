//! One attempt: one network call that asks a vendor to act; or, for a gift that is ordered and cannot be
//! handed over, the mail that is not sent, so that a person finds it.
//!
//! Invariants: the row is on disk, with the bytes to be sent, before the call begins, and it says that a
//! mail may have left before the mail leaves. Of several attempts with the same bytes the newest keeps them.

use afterglow_domain::{AttemptId, Sensitive, Timestamp, TouchpointId};
use afterglow_providers::Envelope;
use uuid::Uuid;

use crate::touchpoint::Step;

/// What is known of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttemptState {
    /// A mail's call may be under way, and the mail has certainly not left: [`Self::InFlight`] is written
    /// first. Whoever cannot write that must not send.
    Claimed,
    /// The call may be under way, and may have acted.
    InFlight,
    /// The vendor accepted it.
    Accepted,
    /// The vendor certainly did not act.
    Rejected,
    /// Nobody heard the end of it; it is looked up.
    Unknown,
    /// Looked up: it had worked.
    Found,
    /// Looked up: the vendor does not know it.
    NotFound,
    /// Cannot be looked up: a person decides.
    InDoubt,
    /// The mail of a gift that is paid for, which will not be sent: a person sees to the gift.
    NotHandedOver,
    /// A person decided that it had worked.
    ResolvedSent,
    /// A person decided that it had not worked.
    ResolvedNotSent,
}

impl AttemptState {
    /// Every state and its stored word.
    pub const WORDS: [(Self, &'static str); 11] = [
        (Self::Claimed, "claimed"),
        (Self::InFlight, "in_flight"),
        (Self::Accepted, "accepted"),
        (Self::Rejected, "rejected"),
        (Self::Unknown, "unknown"),
        (Self::Found, "found"),
        (Self::NotFound, "not_found"),
        (Self::InDoubt, "in_doubt"),
        (Self::NotHandedOver, "not_handed_over"),
        (Self::ResolvedSent, "resolved_sent"),
        (Self::ResolvedNotSent, "resolved_not_sent"),
    ];

    /// The word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        Self::WORDS.iter().find(|(state, _)| *state == self).map_or("", |(_, word)| word)
    }

    /// The state of a stored word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(_, known)| *known == word).map(|(state, _)| *state)
    }

    /// Whether it stays in the list until a person has dealt with it.
    pub fn waits_for_a_person(self) -> bool {
        matches!(self, Self::InDoubt | Self::NotHandedOver)
    }

    /// Whether the same bytes may be sent again.
    pub fn did_not_act(self) -> bool {
        matches!(self, Self::Rejected | Self::NotFound | Self::ResolvedNotSent)
    }

    /// Whether a person has dealt with it.
    pub fn was_resolved(self) -> bool {
        matches!(self, Self::ResolvedSent | Self::ResolvedNotSent)
    }

    /// Whether the vendor acted.
    pub fn acted(self) -> bool {
        matches!(self, Self::Accepted | Self::Found | Self::ResolvedSent)
    }
}

/// An attempt's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Follows from the touchpoint and `n`.
    pub id: AttemptId,
    /// For which touchpoint.
    pub touchpoint: TouchpointId,
    /// Which ledger step: order or notify.
    pub step: Step,
    /// Counts the touchpoint's attempts, from 1.
    pub n: u32,
    /// What is known of it.
    pub state: AttemptState,
    /// Which vendor.
    pub vendor: String,
    /// The bytes as stored and sent; empty where a newer attempt has them, and where none were made.
    pub request: Sensitive<Vec<u8>>,
    /// A mail's envelope; `None` for orders.
    pub envelope: Option<Envelope>,
    /// When it was claimed, by the wall's clock.
    pub started_at: Timestamp,
    /// When others may look after it: its call is certainly over then.
    pub recover_after: Timestamp,
    /// When its end became known.
    pub ended_at: Option<Timestamp>,
    /// The vendor's id of what it accepted.
    pub vendor_id: String,
    /// Why it did not work, without personal data.
    pub reason: String,
}

impl Attempt {
    /// The id of a touchpoint's attempt number `n`.
    pub fn id_of(touchpoint: TouchpointId, n: u32) -> AttemptId {
        AttemptId(Uuid::new_v5(&touchpoint.0, format!("attempt/{n}").as_bytes()))
    }
}
