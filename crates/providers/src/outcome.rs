//! What became of a call to a vendor, and what may be done after it.
//!
//! Invariant: texts name the vendor and its status, never a person.

use std::fmt;
use std::time::Duration;

/// What became of one call that asks a vendor to act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<T> {
    /// The vendor has acted, or will.
    Accepted(T),
    /// The vendor has certainly not acted.
    Rejected(Rejection),
    /// It may have acted: the answer was lost, unreadable or a server error. Look it up, never resend blindly.
    Unknown {
        /// Vendor and circumstance, without personal data.
        reason: String,
    },
}

/// A call that certainly had no effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// What the caller may do about it.
    pub class: Class,
    /// Vendor, status and remedy where one is known, without personal data.
    pub reason: String,
}

/// What a rejection means for the caller; one variant per different reaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The same request will never be accepted: the touchpoint fails with the reason.
    Permanent,
    /// The same bytes may be sent again later.
    Retry {
        /// How long the vendor wants to be left alone; `None` leaves it to the caller's schedule.
        after: Option<Duration>,
    },
    /// Our settings are wrong (secret, address, product): every call would fail; pause the vendor and tell the operator.
    Configuration,
    /// Our account at the vendor is empty: pause the vendor until it is filled.
    NoFunds,
    /// This recipient's address does not exist: suppress it.
    BadAddress,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Permanent => "permanent",
            Self::Retry { .. } => "retry",
            Self::Configuration => "configuration",
            Self::NoFunds => "no funds",
            Self::BadAddress => "bad address",
        })
    }
}

/// What a vendor knows about something that we asked for earlier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup<T> {
    /// It exists.
    Found(T),
    /// The vendor answered that it does not exist.
    NotFound,
    /// The vendor could not be asked: nothing is known, ask again later.
    Unavailable {
        /// Vendor and circumstance, without personal data.
        reason: String,
    },
}

/// What may follow an unknown outcome whose lookup says "not found".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// The vendor recognises the key: the same bytes with the same key may be sent again, for ever.
    Safe,
    /// A second call acts a second time: a person decides.
    AskAPerson,
}

impl<T> Outcome<T> {
    /// A rejection of a class.
    pub(crate) fn rejected(class: Class, reason: impl Into<String>) -> Self {
        Self::Rejected(Rejection { class, reason: reason.into() })
    }

    /// An outcome that nobody knows yet.
    pub(crate) fn unknown(reason: impl Into<String>) -> Self {
        Self::Unknown { reason: reason.into() }
    }
}

impl<T> Lookup<T> {
    /// An answer that did not come.
    pub(crate) fn unavailable(reason: impl Into<String>) -> Self {
        Self::Unavailable { reason: reason.into() }
    }
}
