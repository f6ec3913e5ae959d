//! What can happen to an enrolment.
//!
//! No personal data: contacts are ids. The caller recognises repetitions of deal events (by `rev`)
//! and keeps events that arrive before their `DealWon`; repeated deliveries are harmless here.

use afterglow_domain::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// What is known of a deal when an event about it was emitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The CRM's close date, an instant already turned into a date in the connection's zone.
    pub close_date: Option<Date>,
    /// The date, in the connection's zone, on which the deal entered the won stage.
    pub won_date: Date,
    /// When the event was emitted, on the journey's clock. A late start is measured by this and not
    /// by the time of processing: an outage of ours is no late start.
    pub heard: Timestamp,
    /// The deal's people.
    pub contacts: Vec<Contact>,
    /// Whether a task can reach the deal's owner.
    pub owner_reachable: bool,
}

/// One of a deal's people.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Contact {
    /// The vendor's id.
    pub id: String,
    /// Roles in the deal, in the journey file's words: `champion`, `decision_maker`, `primary_contact`.
    pub roles: Vec<String>,
    /// What the CRM says against writing to this person.
    pub obstacle: Option<Obstacle>,
    /// A mark of the address, by which another one is recognised. It is not the address.
    pub address: u32,
}

/// Why nobody may write to a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Obstacle {
    /// Read from a state of the version before, which did not tell.
    Unreachable,
    /// The CRM has no address.
    NoAddress,
    /// The CRM says that this person wants no mail.
    OptedOut,
    /// The CRM has no first name, and nobody is greeted without one.
    NoFirstName,
    /// The address wants no mail from us, as the dispatcher knows.
    Suppressed,
    /// A mail server says that the address does not exist.
    AddressRefused,
}

/// `wants no mail from us`, said of somebody.
impl std::fmt::Display for Obstacle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "cannot be reached",
            Self::NoAddress => "has no mail address in the CRM",
            Self::OptedOut => "wants no mail, says the CRM",
            Self::NoFirstName => "has no first name in the CRM",
            Self::Suppressed => "wants no mail from us any more",
            Self::AddressRefused => "has an address that does not exist, says its mail server",
        })
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// The deal was won, the first time or again.
    Won(Facts),
    /// A won deal's facts changed.
    Amended(Facts),
    /// The deal left the won stage and is open again.
    Reopened,
    /// The deal is lost.
    Lost,
    /// The deal was deleted.
    Deleted,
    /// The deal went into another one.
    Merged {
        /// The surviving deal has its own enrolment in this journey; otherwise this one goes on for it.
        survivor_enrolled: bool,
    },
    /// The armed timer fired.
    Due,
    /// What became of a touchpoint.
    Delivery {
        /// Which moment.
        moment: String,
        /// Which occurrence of it.
        occurrence: u32,
        /// What became of it.
        outcome: DeliveryOutcome,
    },
}

/// What became of a touchpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryOutcome {
    /// The vendor accepted it.
    Delivered {
        /// When, on the journey's clock.
        at: Timestamp,
        /// Why the mail went without its gift, if it did.
        without_gift: Option<String>,
    },
    /// It will not happen.
    Failed {
        /// Why.
        reason: String,
        /// Its gift is paid for all the same: another occurrence would be a second gift.
        #[serde(default)]
        spent: bool,
        /// What it says of the contact's address, if it does.
        #[serde(default)]
        obstacle: Option<Obstacle>,
    },
    /// Suppressed, no valid address or over the cap: it may be tried again as the next occurrence.
    Refused {
        /// Why.
        reason: String,
        /// What it says of the contact's address, if it does.
        #[serde(default)]
        obstacle: Option<Obstacle>,
    },
    /// Our revocation was in time: nothing was sent.
    Revoked,
}
