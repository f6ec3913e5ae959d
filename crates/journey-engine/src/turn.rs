//! One turn: the rows that a batch of records or timers needs, decided on in order, written at its end.
//!
//! Nothing here waits or asks: [`Turn`] is filled before and written after. So a turn is a pure function
//! of its rows, its records and its two clocks.

mod deal;
mod delivery;
mod merge;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use afterglow_domain::{Clocks, DealRef, EnrolmentId, Shard, Tenant};
use afterglow_durable::{Error, Timeline, Timer, Writes};
use afterglow_events::proto;
use afterglow_journey::{Input, decide};
use afterglow_trace::{Kind, Span};

use crate::codes;
use crate::journeys::{Journey, VersionKey, Versions};
use crate::record::{Cause, Output, Recorder, Stamp};
use crate::rows::{AccountLink, DealRow, EnrolmentRow};
use crate::store::EngineTx;

pub(crate) use delivery::Answer;
pub(crate) use merge::survivor_home;

/// Which of an enrolment's timers: it has one.
pub(crate) const TIMER_KEY: i32 = 0;

/// How much of an enrolment must be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Change {
    Nothing,
    /// State, timer and counters.
    State,
    /// It is new, or follows another deal, or its account changed.
    Whole,
}

#[derive(Debug)]
struct Entry {
    row: EnrolmentRow,
    /// The timer that is in the store now; `row.armed` follows when the turn is written.
    in_store: Option<afterglow_domain::Timestamp>,
    change: Change,
}

/// The rows of a turn, and what it will write.
pub(crate) struct Turn<'a> {
    stamp: Stamp<'a>,
    clocks: &'a Clocks,
    deals: BTreeMap<DealRef, DealRow>,
    touched: BTreeSet<DealRef>,
    enrolments: BTreeMap<EnrolmentId, Entry>,
    by_deal: BTreeMap<DealRef, BTreeSet<EnrolmentId>>,
    journeys: Versions,
    in_use: Vec<VersionKey>,
    links: BTreeSet<AccountLink>,
    output: Output,
    /// Of the timers that fired; they end when everything is written.
    spans: Vec<Span>,
}

impl<'a> Turn<'a> {
    /// A turn on these rows.
    pub(crate) fn new(
        stamp: Stamp<'a>,
        clocks: &'a Clocks,
        deals: Vec<DealRow>,
        enrolments: Vec<EnrolmentRow>,
    ) -> Self {
        let mut turn = Self {
            stamp,
            clocks,
            deals: deals.into_iter().map(|row| (row.deal.clone(), row)).collect(),
            touched: BTreeSet::new(),
            enrolments: BTreeMap::new(),
            by_deal: BTreeMap::new(),
            journeys: Versions::new(),
            in_use: Vec::new(),
            links: BTreeSet::new(),
            output: Output::default(),
            spans: Vec::new(),
        };
        for row in enrolments {
            let in_store = row.armed;
            turn.insert(Entry { row, in_store, change: Change::Nothing });
        }
        turn
    }

    /// The versions that its enrolments are on, and those that new ones of these tenants start in.
    pub(crate) fn versions(&mut self, in_use: Vec<VersionKey>) -> BTreeSet<VersionKey> {
        let mut keys: BTreeSet<VersionKey> = in_use.iter().cloned().collect();
        self.in_use = in_use;
        keys.extend(self.enrolments.values().map(|entry| version_of(&entry.row)));
        keys
    }

    /// Hands in the versions asked for.
    pub(crate) fn read_journeys(&mut self, journeys: Versions) {
        self.journeys = journeys;
    }

    /// Adds deals that are read and not written.
    pub(crate) fn add_deals(&mut self, deals: Vec<DealRow>) {
        for row in deals {
            self.deals.entry(row.deal.clone()).or_insert(row);
        }
    }

    /// A deal, if it is known.
    pub(crate) fn deal(&self, deal: &DealRef) -> Option<&DealRow> {
        self.deals.get(deal)
    }

    /// Deals that its enrolments follow and that are not here.
    pub(crate) fn missing_deals(&self) -> Vec<DealRef> {
        self.by_deal.keys().filter(|deal| !self.deals.contains_key(deal)).cloned().collect()
    }

    /// The shards of everything that an event of this deal may change.
    pub(crate) fn shards_of(&self, deal: &DealRef) -> BTreeSet<Shard> {
        let ids = self.by_deal.get(deal).into_iter().flatten();
        let enrolments = ids.filter_map(|id| self.enrolments.get(id)).map(|entry| entry.row.shard());
        enrolments.chain(self.deals.get(deal).map(DealRow::shard)).collect()
    }

    fn insert(&mut self, entry: Entry) {
        self.by_deal.entry(entry.row.deal.clone()).or_default().insert(entry.row.id);
        self.enrolments.insert(entry.row.id, entry);
    }

    fn enrolments_of(&self, deal: &DealRef) -> Vec<EnrolmentId> {
        self.by_deal.get(deal).into_iter().flatten().copied().collect()
    }

    fn journey(&self, key: &VersionKey) -> Result<Arc<Journey>, Error> {
        let missing = || {
            let (tenant, name, version) = key;
            Error::Refused(format!("{}: {name} version {version} of {tenant} was not read", codes::JOURNEY))
        };
        self.journeys.get(key).cloned().ok_or_else(missing)
    }

    /// Decides on one enrolment and records what follows.
    fn decide(&mut self, id: EnrolmentId, input: &Input, cause: Cause<'_>) -> Result<(), Error> {
        let Some(mut entry) = self.enrolments.remove(&id) else { return Ok(()) };
        let journey = self.journey(&version_of(&entry.row))?;
        let decision = decide(&journey.definition, Some(entry.row.state.clone()), input, self.stamp.now);
        let after = decision.state.unwrap_or_else(|| entry.row.state.clone());
        if after != entry.row.state || !decision.effects.is_empty() {
            let before = std::mem::replace(&mut entry.row.state, after);
            entry.row.details_removed = None;
            let nothing_known = proto::DealSnapshot::default();
            let snapshot = self.deals.get(&entry.row.deal).map_or(&nothing_known, |deal| &deal.snapshot);
            let (stamp, output) = (self.stamp, &mut self.output);
            Recorder { stamp, cause, journey: &journey, snapshot, row: &mut entry.row, output }
                .record(Some(&before), &decision.effects)?;
            entry.change = entry.change.max(Change::State);
        }
        self.enrolments.insert(id, entry);
        Ok(())
    }

    /// Its timer fired. One that fires under another due time than the one stored was postponed by the
    /// loop, or replaced and not removed; looking is harmless then, and not looking could leave an
    /// enrolment without a timer.
    pub(crate) fn fire(&mut self, timer: &Timer) -> Result<(), Error> {
        let id = EnrolmentId(timer.owner);
        let Some(entry) = self.enrolments.get_mut(&id).filter(|entry| !entry.row.state.is_terminal()) else {
            metrics::counter!(crate::metric::IGNORED, "why" => "ended").increment(1);
            return Ok(());
        };
        if entry.in_store == Some(timer.due) {
            entry.in_store = None;
        }
        entry.change = entry.change.max(Change::State);
        // A trace that ran for ninety days would be read by nobody: each moment has its own, linked to the deal's.
        let mut span = Span::after(entry.row.traceparent.as_deref(), Kind::Internal, "fire timer");
        span.tell("afterglow.enrolment", || id.to_string());
        span.tell("afterglow.deal", || entry.row.deal.to_string());
        let traceparent = span.traceparent();
        if span.is_recording() {
            self.spans.push(span);
        }
        let cause = Cause { why: "its time came", traceparent: traceparent.as_deref() };
        self.decide(id, &Input::Due, cause)
    }

    /// Writes everything, each kind of row at once.
    pub(crate) async fn write<T: EngineTx>(self, tx: &mut T) -> Result<(), Error> {
        let mut writes = Writes { outbox: self.output.outbox, ..Writes::default() };
        let (mut whole, mut states) = (Vec::new(), Vec::new());
        for mut entry in self.enrolments.into_values().filter(|entry| entry.change != Change::Nothing) {
            rearm(tx, &mut entry, &mut writes);
            let ended = entry.row.state.is_terminal();
            entry.row.ended_at = ended.then(|| entry.row.ended_at.unwrap_or(self.stamp.wall));
            let rows = if entry.change == Change::Whole { &mut whole } else { &mut states };
            rows.push(entry.row);
        }
        let mut deals = self.deals;
        let touched: Vec<DealRow> = self.touched.iter().filter_map(|deal| deals.remove(deal)).collect();
        let closed: Vec<_> = self.output.closed.into_values().collect();
        let links: Vec<_> = self.links.into_iter().collect();
        tx.save_deals(&touched).await?;
        tx.save_enrolments(&whole).await?;
        tx.save_states(&states).await?;
        tx.close_obligations(&closed).await?;
        tx.link_accounts(&links).await?;
        tx.write(writes).await
    }
}

/// Exactly one timer for what is not ended, none for what is.
fn rearm<T: EngineTx>(tx: &T, entry: &mut Entry, writes: &mut Writes) {
    let (shard, owner) = (entry.row.shard(), entry.row.id.0);
    let timer = |due| Timer { timeline: Timeline::Journey, shard, due, owner, key: TIMER_KEY };
    let armed = entry.row.state.next_due().map(|due| tx.armable(Timeline::Journey, shard, due));
    if armed != entry.in_store {
        writes.disarm.extend(entry.in_store.map(timer));
        writes.arm.extend(armed.map(timer));
    }
    entry.row.armed = armed;
}

fn version_of(row: &EnrolmentRow) -> VersionKey {
    let tenant: Tenant = row.deal.tenant.clone();
    (tenant, row.journey.clone(), row.version)
}
