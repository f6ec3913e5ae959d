//! A touchpoint as the dispatcher keeps it.
//!
//! Invariant: `Waiting` and `Calling` have exactly one armed timer, every other status has none; a
//! concluded touchpoint never changes again.

use afterglow_domain::{DealRef, HomeKey, Money, Shard, Timestamp, TouchpointId};
use afterglow_events::{convert, proto};
use afterglow_providers::Ordered;
use serde::{Deserialize, Serialize};

use crate::ledger::BudgetKey;

/// Where a touchpoint stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Its next step waits to be claimed.
    Waiting,
    /// A call is under way, or one that nobody heard the end of is being looked up.
    Calling,
    /// A gift that may or may not have been ordered: a person decides.
    InDoubt,
    /// Done; its conclusion was emitted.
    Concluded,
    /// Revoked before it arrived: kept so that it never starts.
    Tombstone,
}

impl Status {
    /// Every status and its stored word.
    pub const WORDS: [(Self, &'static str); 5] = [
        (Self::Waiting, "waiting"),
        (Self::Calling, "calling"),
        (Self::InDoubt, "in_doubt"),
        (Self::Concluded, "concluded"),
        (Self::Tombstone, "tombstone"),
    ];

    /// The word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        Self::WORDS.iter().find(|(status, _)| *status == self).map_or("", |(_, word)| word)
    }

    /// The status of a stored word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(_, known)| *known == word).map(|(status, _)| *status)
    }
}

/// A ledger step, or the look for a gift's link between the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The gift is ordered.
    Order,
    /// The order stands, but its link is not there yet. Asking for it is safe to repeat.
    Link,
    /// The mail goes out.
    Notify,
}

impl Step {
    /// The step's word in events and attempts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Link => "link",
            Self::Notify => "notify",
        }
    }

    /// The step of a stored word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Order, Self::Link, Self::Notify].into_iter().find(|step| step.as_str() == word)
    }
}

/// Why a touchpoint waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    /// The account's budget for the year is used up.
    Budget(String),
    /// The vendor cannot do it now.
    Vendor(String),
    /// Unsubscriptions may not have been read yet.
    Signals(String),
}

impl Wait {
    /// The reason in words.
    pub fn reason(&self) -> &str {
        match self {
            Self::Budget(reason) | Self::Vendor(reason) | Self::Signals(reason) => reason,
        }
    }
}

/// What was checked before a call. The first that does not pass is the reason; all are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckKind {
    /// Not revoked.
    Wanted,
    /// Before its deadline.
    Deadline,
    /// The recipient has an address.
    Address,
    /// The address takes mail from this tenant.
    Consent,
    /// Unsubscriptions are read up to now.
    Signals,
    /// The account's budget for the year has room.
    Budget,
    /// The vendor takes calls.
    Vendor,
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Which check.
    pub kind: CheckKind,
    /// Whether it lets the call go on.
    pub passed: bool,
    /// What was found, without personal data.
    pub note: String,
}

/// Money set aside for a gift.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// In which budget it was set aside. Its year and currency stay; the account may become another one.
    pub budget: BudgetKey,
    /// The deal that it follows to whichever account is the deal's; without one it stays where it is.
    #[serde(default)]
    pub deal: Option<DealRef>,
    /// How much.
    pub amount: Money,
    /// What became of it.
    pub state: ReservationState,
}

/// What became of money set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReservationState {
    /// Set aside; the call may be under way.
    Reserved,
    /// The gift is ordered.
    Spent,
    /// Given back.
    Released,
}

/// How a touchpoint ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conclusion {
    /// `delivered`, `failed`, `refused`, `revoked`.
    pub outcome: String,
    /// Why, as the contract names it; empty in rows that are older than causes.
    #[serde(default)]
    pub cause: String,
    /// Why, where it was not delivered.
    pub reason: String,
    /// When, by the journey's clock.
    pub at: Timestamp,
    /// When, by the wall's clock.
    #[serde(default)]
    pub wall_at: Option<Timestamp>,
}

/// Everything about a touchpoint that changes, stored as versioned bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The step that is next or under way.
    pub step: Step,
    /// The gift's order, with its link: never in an event or a log.
    #[serde(default)]
    pub gift: Option<Ordered>,
    /// Why the mail goes without its gift.
    #[serde(default)]
    pub without_gift: Option<String>,
    /// The money set aside or spent.
    #[serde(default)]
    pub reservation: Option<Reservation>,
    /// Why it was revoked.
    #[serde(default)]
    pub revoked: Option<String>,
    /// What it waits for.
    #[serde(default)]
    pub waits_for: Option<Wait>,
    /// The latest result of every check that a claim asked, in the order in which they are asked.
    #[serde(default)]
    pub checks: Vec<Check>,
    /// Disappointments in a row, for the pause before the next try.
    #[serde(default)]
    pub tries: u32,
    /// How many progress events were emitted: the next one's number.
    #[serde(default)]
    pub counter: u32,
    /// The trace that the touchpoint belongs to.
    #[serde(default)]
    pub traceparent: Option<String>,
    /// How it ended.
    #[serde(default)]
    pub conclusion: Option<Conclusion>,
    /// When its details were removed.
    #[serde(default)]
    pub details_removed: Option<Timestamp>,
}

impl State {
    /// The state in which a touchpoint begins.
    pub fn new(step: Step, traceparent: Option<String>) -> Self {
        Self {
            step,
            gift: None,
            without_gift: None,
            reservation: None,
            revoked: None,
            waits_for: None,
            checks: Vec::new(),
            tries: 0,
            counter: 0,
            traceparent,
            conclusion: None,
            details_removed: None,
        }
    }
}

/// A touchpoint's row.
#[derive(Debug, Clone, PartialEq)]
pub struct Touchpoint {
    /// Also the vendor's external id.
    pub id: TouchpointId,
    /// The home key: where its events go.
    pub home: HomeKey,
    /// Where it stands.
    pub status: Status,
    /// The due time of its one armed timer, exactly as armed.
    pub armed: Option<Timestamp>,
    /// When it was first heard of, by the wall's clock.
    pub received_at: Timestamp,
    /// What is to be done; empty for a tombstone.
    pub due: Box<proto::TouchpointDue>,
    /// What changes.
    pub state: State,
}

impl Touchpoint {
    /// The shard under whose lock it is written.
    pub fn shard(&self) -> Shard {
        Shard::of(self.home.as_str())
    }

    /// Not to be delivered after this, by the journey's clock.
    pub fn deadline(&self) -> Timestamp {
        convert::from_timestamp(self.due.deadline_at.as_ref()).unwrap_or(Timestamp::MIN)
    }

    /// The deal that it is about, where it names one of its own tenant.
    pub fn deal(&self) -> Option<DealRef> {
        convert::from_deal_ref(self.due.deal.as_ref()).filter(|deal| deal.tenant == self.home.tenant())
    }

    /// The account that it names, or what stands in the home key. Whose budget counts is the deal's
    /// ledger to say, see [`crate::DealLedger`].
    pub fn budget_account(&self) -> &str {
        if self.due.account.is_empty() { self.home.local() } else { &self.due.account }
    }

    pub(crate) fn gift(&self) -> Option<&proto::GiftDeed> {
        match &self.due.deed {
            Some(proto::touchpoint_due::Deed::Gift(gift)) => Some(gift),
            _ => None,
        }
    }

    /// A task goes to our own staff: no consent is asked for and no way out is offered.
    pub(crate) fn is_task(&self) -> bool {
        matches!(self.due.deed, Some(proto::touchpoint_due::Deed::Task(_)))
    }

    pub(crate) fn worth(&self) -> Option<Money> {
        convert::from_money(self.gift()?.worth.as_ref())
    }

    /// The text that the notify step sends.
    pub(crate) fn content(&self) -> Option<&proto::Content> {
        match self.due.deed.as_ref()? {
            proto::touchpoint_due::Deed::Gift(gift) if self.state.without_gift.is_some() => {
                gift.mail_without_gift.as_ref()
            }
            proto::touchpoint_due::Deed::Gift(gift) => gift.mail.as_ref(),
            proto::touchpoint_due::Deed::Mail(mail) => mail.mail.as_ref(),
            proto::touchpoint_due::Deed::Task(task) => task.task.as_ref(),
        }
    }

    pub(crate) fn address(&self) -> &str {
        self.due.recipient.as_ref().map_or("", |recipient| recipient.email.trim())
    }

    /// Whether money went out for it.
    pub(crate) fn is_gift_ordered(&self) -> bool {
        self.state.reservation.as_ref().is_some_and(|r| r.state == ReservationState::Spent)
    }
}
