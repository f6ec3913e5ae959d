//! What the engine remembers: deals, enrolments, obligations, and which accounts live on which home key.

use std::collections::BTreeMap;

use afterglow_domain::{AccountKey, DealRef, EnrolmentId, HomeKey, Shard, Tenant, Timestamp};
use afterglow_events::proto;
use afterglow_journey::{Phase, State};

use crate::waiting::Waiting;

/// A deal as its events tell it.
#[derive(Debug, Clone, PartialEq)]
pub struct DealRow {
    /// Which deal.
    pub deal: DealRef,
    /// The key of its events. A merge's survivor without events of its own yet has the one that its
    /// first event is expected to have.
    pub home: HomeKey,
    /// The `rev` up to which every event has had its effect; 0 where none has.
    pub rev: i64,
    /// How often it was won.
    pub won_no: i32,
    /// Where it stands.
    pub standing: Standing,
    /// The deal as last read.
    pub snapshot: proto::DealSnapshot,
    /// Events that came before an earlier one.
    pub waiting: Waiting,
    /// Why it got no journey when it was won last; `None` where it got one or was never won.
    pub declined: Option<String>,
    /// When it was heard of last, by the wall's clock.
    pub heard_at: Timestamp,
    /// When its people were removed from the snapshot because of their age.
    pub details_removed: Option<Timestamp>,
}

/// Where a deal stands after its last event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Not won: new, or open again.
    Open,
    /// Won.
    Won,
    /// Lost.
    Lost,
    /// Gone from the CRM.
    Deleted,
    /// Went into another deal.
    Merged,
}

impl Standing {
    const WORDS: [(Self, &str); 5] = [
        (Self::Open, "open"),
        (Self::Won, "won"),
        (Self::Lost, "lost"),
        (Self::Deleted, "deleted"),
        (Self::Merged, "merged"),
    ];

    /// The word stored.
    pub fn as_str(self) -> &'static str {
        Self::WORDS.iter().find(|(standing, _)| *standing == self).map_or("open", |(_, word)| word)
    }

    /// The standing of a stored word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(_, known)| *known == word).map(|(standing, _)| *standing)
    }
}

impl DealRow {
    /// A deal of which nothing has been heard yet.
    pub fn unheard(deal: DealRef, home: HomeKey) -> Self {
        Self {
            deal,
            home,
            rev: 0,
            won_no: 0,
            standing: Standing::Open,
            snapshot: proto::DealSnapshot::default(),
            waiting: Waiting::default(),
            declined: None,
            heard_at: Timestamp::MIN,
            details_removed: None,
        }
    }

    /// An event had its effect: its details are fresh.
    pub(crate) fn heard_of(&mut self, wall: Timestamp) {
        (self.heard_at, self.details_removed) = (wall, None);
    }

    /// The shard of its home key.
    pub fn shard(&self) -> Shard {
        Shard::of(self.home.as_str())
    }
}

/// One deal's run through one journey.
#[derive(Debug, Clone, PartialEq)]
pub struct EnrolmentRow {
    /// Which run.
    pub id: EnrolmentId,
    /// The key of all its events, frozen: a merge never changes it.
    pub home: HomeKey,
    /// Whose events it follows; a merge changes it to the survivor.
    pub deal: DealRef,
    /// The deal that it began with, where a merge has changed `deal` since: [`Self::id`] is made of it.
    pub began_with: Option<DealRef>,
    /// The journey.
    pub journey: String,
    /// The version it started with, for ever.
    pub version: u32,
    /// Where it stands; only the `journey` crate reads inside.
    pub state: State,
    /// The due time of its one armed timer, exactly as armed; `None` when ended.
    pub armed: Option<Timestamp>,
    /// How many journey events of each CloudEvents type it has had: the next one's number.
    pub counters: BTreeMap<String, u32>,
    /// The account's key as last heard; empty while unknown.
    pub account: String,
    /// The account's name as last heard, for people who look it up.
    pub account_name: String,
    /// The trace of the event that started it, for what its timers cause months later.
    pub traceparent: Option<String>,
    /// When it ended, by the wall's clock; `None` while it goes on.
    pub ended_at: Option<Timestamp>,
    /// When its details were removed because of their age.
    pub details_removed: Option<Timestamp>,
}

impl EnrolmentRow {
    /// The shard of its home key.
    pub fn shard(&self) -> Shard {
        Shard::of(self.home.as_str())
    }

    /// `active`, `closing` or `ended`.
    pub fn status(&self) -> &'static str {
        match self.state.phase {
            Phase::Active | Phase::Held => "active",
            Phase::Closing { .. } => "closing",
            Phase::Completed | Phase::Exited { .. } => "ended",
        }
    }
}

/// How one occurrence of one promise ended. While it is open it is in the enrolment's state and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObligationRow {
    /// Whose promise.
    pub enrolment: EnrolmentId,
    /// The moment's id.
    pub moment: String,
    /// Which occurrence of it, from 0.
    pub occurrence: u32,
    /// When it was to go out.
    pub planned: Timestamp,
    /// From when on it could not go out any more.
    pub deadline: Timestamp,
    /// How it ended. Written once.
    pub closed: Closed,
}

/// The end of an obligation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// `delivered`, `late`, `waived` or `failed`.
    pub outcome: &'static str,
    /// Why; for a kept promise why it went without its gift, if it did.
    pub reason: String,
    /// When, on the journey's clock.
    pub at: Timestamp,
}

/// The outcomes of an obligation as stored.
pub const OUTCOMES: [&str; 4] = ["delivered", "late", "waived", "failed"];

/// An account lives on a home key: how signals about an account find its journeys.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccountLink {
    /// Whose account.
    pub tenant: Tenant,
    /// The account.
    pub account: AccountKey,
    /// A home key on which it has had a deal.
    pub home: HomeKey,
}
