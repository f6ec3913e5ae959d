//! Where an enrolment stands: its promises, and what each is waiting for.
//!
//! Stored as versioned bytes that only this crate reads. Invariants: a promise has at most one open
//! occurrence; what is not terminal has a next due time; no personal data.

use std::time::Duration;

use afterglow_domain::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::input::{Contact, Obstacle};

mod earlier;

/// The version written next to the bytes: postcard, which is a third of JSON's size and of its time.
pub const STATE_VERSION: u32 = 3;

/// How long to wait at least for a delivery before asking again: once a day is often enough for a gift
/// that waits for a person, and soon enough to notice a dispatcher that stands still.
const ASK_EVERY_S: u64 = 24 * 3600;

/// Bytes are not a state that this program reads.
#[derive(Debug, thiserror::Error)]
pub enum InvalidState {
    /// Written by another program version.
    #[error(
        "state version {0} is not known here (this program reads {STATE_VERSION}); run the newer program"
    )]
    Version(u32),
    /// Not what this version writes.
    #[error("the stored state cannot be read: {0}")]
    Content(String),
}

/// One enrolment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Whether anything may still happen.
    pub phase: Phase,
    /// The date from which days are counted now.
    pub day_zero: Date,
    /// The deal's people, by id.
    pub contacts: Vec<Contact>,
    /// Whether a task can reach the owner.
    pub owner_reachable: bool,
    /// Who received a gift; from then on nobody else is written to.
    pub gift_contact: Option<String>,
    /// The owner has been asked for a contact, which happens once per journey.
    pub owner_asked: bool,
    /// The last date on which a moment was emitted.
    pub last_emission_on: Option<Date>,
    /// The deal is not won at present; the next `Won` is a re-win.
    pub left_won: bool,
    /// How long a touchpoint may be without an answer before it is asked for again, in seconds of the
    /// journey.
    pub ask_every_s: u64,
    /// One per moment, in file order.
    pub promises: Vec<Promise>,
    /// Addresses that took no mail, at most one per contact.
    pub barred: Vec<Barred>,
}

/// What a delivery said of a contact's address. It holds until the contact has another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Barred {
    /// The contact's id.
    pub contact: String,
    /// The mark of the address that was written to.
    pub address: u32,
    /// What stands in the way.
    pub obstacle: Obstacle,
}

/// The life of an enrolment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Moments go out.
    Active,
    /// The deal is open again: nothing goes out, deadlines pass.
    Held,
    /// Ended, waiting for the fate of what had been emitted.
    Closing {
        /// Why it ended.
        reason: String,
    },
    /// All promises are closed.
    Completed,
    /// Ended early, all promises are closed.
    Exited {
        /// Why it ended.
        reason: String,
    },
}

/// A moment's latest occurrence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promise {
    /// The moment's id.
    pub moment: String,
    /// Which occurrence, from 0.
    pub occurrence: u32,
    /// The day 0 that its times were counted from.
    pub anchor: Date,
    /// The planned day, counted from day 0.
    pub day: i32,
    /// When it is to go out.
    pub planned: Timestamp,
    /// From when on it may not go out any more.
    pub deadline: Timestamp,
    /// How often it was refused; others go first.
    pub refusals: u32,
    /// Where it stands.
    pub status: Status,
}

/// Where a promise stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Open, not emitted.
    Waiting {
        /// When to try next; never before it is planned.
        due: Timestamp,
        /// What stood in the way last.
        reason: Option<String>,
    },
    /// Open, with the dispatcher.
    Emitted {
        /// Whom it is for; `None` is the owner.
        contact: Option<String>,
        /// The mark of the contact's address then.
        address: u32,
        /// When it was emitted or last asked about.
        asked: Timestamp,
        /// Why it is to be taken back, if it is.
        revoking: Option<String>,
    },
    /// Closed, because it was taken back; promised again when the hold ends.
    Recalled,
    /// Closed and kept: never repeats.
    Delivered,
    /// Closed and not kept although its gift is paid for: never repeats either.
    Spent,
    /// Closed and not kept: promised again only if the deal is won again.
    Undelivered,
}

/// How often to ask for what has no answer, in seconds of the journey: daily, and where the journey's
/// clock runs fast not before its shortest window is over, which is wide enough for a vendor's retry.
pub(crate) fn ask_every_s(window_at_least: Duration) -> u64 {
    window_at_least.as_secs().max(ASK_EVERY_S)
}

impl Promise {
    /// Whether the recipient has it or it is paid for; no later occurrence may follow.
    pub fn is_settled(&self) -> bool {
        matches!(self.status, Status::Delivered | Status::Spent)
    }

    /// Whether its current occurrence has no outcome yet.
    pub fn is_open(&self) -> bool {
        matches!(self.status, Status::Waiting { .. } | Status::Emitted { .. })
    }
}

impl State {
    /// The bytes to store beside [`STATE_VERSION`].
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("a state has only lists of known length")
    }

    /// Reads stored bytes.
    pub fn from_bytes(version: u32, bytes: &[u8]) -> Result<Self, InvalidState> {
        match version {
            STATE_VERSION => {
                postcard::from_bytes(bytes).map_err(|error| InvalidState::Content(error.to_string()))
            }
            earlier => earlier::read(earlier, bytes),
        }
    }

    /// Completed or exited: no timer, no open promise.
    pub fn is_terminal(&self) -> bool {
        matches!(self.phase, Phase::Completed | Phase::Exited { .. })
    }

    /// When the one armed timer of the enrolment fires; `None` only when terminal.
    pub fn next_due(&self) -> Option<Timestamp> {
        let held = self.phase == Phase::Held;
        self.promises
            .iter()
            .filter_map(|promise| match &promise.status {
                Status::Waiting { due, .. } if !held => Some(promise.deadline.min(*due)),
                Status::Waiting { .. } | Status::Recalled => Some(promise.deadline),
                Status::Emitted { asked, .. } => Some(self.ask_after(*asked)),
                Status::Delivered | Status::Spent | Status::Undelivered => None,
            })
            .min()
    }

    /// Forgets the deal's people, of whom the next event about the deal tells again. Who received a gift
    /// stays, as an id.
    pub fn forget_people(&mut self) {
        self.contacts.clear();
        self.barred.clear();
    }

    /// When to ask again for what was asked for then.
    pub(crate) fn ask_after(&self, asked: Timestamp) -> Timestamp {
        asked.plus(Duration::from_secs(self.ask_every_s))
    }

    /// What stands against writing to a contact: what the CRM says, or what came of an earlier mail to
    /// the same address.
    pub fn obstacle_of(&self, contact: &Contact) -> Option<Obstacle> {
        let barred = |bar: &&Barred| bar.contact == contact.id && bar.address == contact.address;
        contact.obstacle.or_else(|| self.barred.iter().find(barred).map(|bar| bar.obstacle))
    }

    /// Remembers that an address took no mail.
    pub(crate) fn bar(&mut self, bar: Barred) {
        self.barred.retain(|known| known.contact != bar.contact);
        self.barred.push(bar);
    }

    /// The promise of a moment.
    pub fn promise(&self, moment: &str) -> Option<&Promise> {
        self.promises.iter().find(|promise| promise.moment == moment)
    }
}
