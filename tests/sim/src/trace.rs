//! What a life left behind: the log as sequences per topic and key, and the roles' rows.

use std::collections::{BTreeMap, BTreeSet};

use afterglow_dispatcher::store::DispatcherTx as _;
use afterglow_dispatcher::{Attempt, Budget, DealLedger, Touchpoint};
use afterglow_domain::{DealRef, Timestamp};
use afterglow_durable::{ShardSet, Store};
use afterglow_events::{Event, Topic};
use afterglow_ingest::place;
use afterglow_ingest::store::{KnownDeal, Refresh, ResolverTx as _};
use afterglow_journey_engine::EngineTx as _;
use afterglow_journey_engine::rows::{DealRow, EnrolmentRow};

use crate::ground::{Ground, all};
use crate::world::World;

/// An event of a trace: its id, its type and its payload. When it was emitted is no part of it.
pub type Line = (String, String, Vec<u8>);

/// Per topic and key what the log holds, repetitions included.
pub type Trace = BTreeMap<(Topic, String), Vec<Line>>;

/// The rows that decide what happens next.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// The resolver's pending refreshes.
    pub refreshes: Vec<Refresh>,
    /// The resolver's deals.
    pub known: Vec<KnownDeal>,
    /// The engine's deals.
    pub deals: Vec<DealRow>,
    /// The engine's enrolments.
    pub enrolments: Vec<EnrolmentRow>,
    /// The dispatcher's touchpoints.
    pub touchpoints: Vec<Touchpoint>,
    /// The dispatcher's attempts.
    pub attempts: Vec<Attempt>,
    /// The dispatcher's ledgers of deals.
    pub ledgers: Vec<DealLedger>,
    /// The dispatcher's budgets.
    pub budgets: Vec<Budget>,
}

impl<G: Ground> World<G> {
    /// The log.
    pub async fn trace(&self) -> Trace {
        let mut trace = Trace::new();
        for topic in Topic::ALL {
            for received in all(&self.ground.source(), topic).await {
                let record = received.record;
                let header = |name| record.header(name).unwrap_or_default().to_owned();
                let line = (header("ce_id"), header("ce_type"), record.value.to_vec());
                trace.entry((topic, record.key_text().to_owned())).or_default().push(line);
            }
        }
        trace
    }

    /// The events of a topic, each once.
    pub(crate) async fn events(&self, topic: Topic) -> Vec<Event> {
        let mut seen = BTreeSet::new();
        let records = all(&self.ground.source(), topic).await.into_iter();
        let events = records.filter_map(|received| Event::from_record(&received.record).ok());
        events.filter(|event| seen.insert(event.envelope.id)).collect()
    }

    /// The rows.
    pub async fn rows(&self) -> Rows {
        const SOUND: &str = "the store is healthy and its rows decode";
        let deals: Vec<DealRef> = self.around.crm.truths().into_iter().map(|(deal, _)| deal).collect();
        let ids: Vec<_> = deals.iter().map(place::row_id).collect();
        let mut ingest = self.ground.ingest().begin(&ShardSet::default()).await.expect(SOUND);
        let mut engine = self.ground.engine().begin(&ShardSet::default()).await.expect(SOUND);
        let mut dispatcher = self.ground.dispatcher().begin(&ShardSet::default()).await.expect(SOUND);
        let touchpoints: Vec<_> = self.watch.touchpoints.iter().copied().collect();
        let mut rows = Rows {
            refreshes: ingest.load_refreshes(&ids).await.expect(SOUND),
            known: ingest.load_deals(&ids).await.expect(SOUND),
            deals: engine.load_deals(&deals).await.expect(SOUND),
            enrolments: engine.load_enrolments_of(&deals).await.expect(SOUND),
            touchpoints: dispatcher.load_touchpoints(&touchpoints).await.expect(SOUND),
            attempts: Vec::new(),
            ledgers: dispatcher.load_deals(&deals).await.expect(SOUND),
            budgets: Vec::new(),
        };
        let accounts = rows.ledgers.iter().map(|row| (row.deal.tenant.clone(), row.account.clone()));
        let accounts: BTreeSet<_> = accounts.collect();
        let accounts: Vec<_> = accounts.into_iter().collect();
        rows.budgets = dispatcher.load_budgets(&accounts).await.expect(SOUND);
        for touchpoint in touchpoints {
            for n in 1.. {
                let attempt = dispatcher.load_attempt(Attempt::id_of(touchpoint, n)).await.expect(SOUND);
                let Some(attempt) = attempt else { break };
                rows.attempts.push(attempt);
            }
        }
        rows.sorted()
    }
}

impl Rows {
    fn sorted(mut self) -> Self {
        self.refreshes.sort_by(|a, b| a.deal.cmp(&b.deal));
        self.known.sort_by(|a, b| a.deal.cmp(&b.deal));
        self.deals.sort_by(|a, b| a.deal.cmp(&b.deal));
        self.enrolments.sort_by_key(|row| row.id);
        self.touchpoints.sort_by_key(|row| row.id);
        self.ledgers.sort_by(|a, b| a.deal.cmp(&b.deal));
        self.budgets.sort_by(|a, b| a.key.cmp(&b.key));
        self
    }

    /// The rows without the times at which the CRM was merely looked at.
    #[must_use]
    pub fn unlooked(mut self) -> Self {
        for known in &mut self.known {
            known.read_at = Timestamp::EPOCH;
        }
        self
    }
}

/// Where two lives differ, in words; empty where they do not.
pub fn differences(one: (&Trace, &Rows), other: (&Trace, &Rows)) -> Vec<String> {
    let mut differences = Vec::new();
    let keys: BTreeSet<_> = one.0.keys().chain(other.0.keys()).collect();
    for key in keys {
        let (mine, theirs) = (one.0.get(key), other.0.get(key));
        if mine != theirs {
            let none = Vec::new();
            let (mine, theirs) = (mine.unwrap_or(&none), theirs.unwrap_or(&none));
            let at = mine.iter().zip(theirs).take_while(|(mine, theirs)| mine == theirs).count();
            let what = |lines: &[Line]| {
                lines.get(at).map_or("nothing".to_owned(), |(id, kind, value)| {
                    format!("{kind} {id} of {} bytes", value.len())
                })
            };
            differences.push(format!("12: {key:?} differs at {at}: {} and {}", what(mine), what(theirs)));
        }
    }
    let rows = [
        ("refreshes", one.1.refreshes == other.1.refreshes),
        ("known deals", one.1.known == other.1.known),
        ("deals", one.1.deals == other.1.deals),
        ("enrolments", one.1.enrolments == other.1.enrolments),
        ("touchpoints", one.1.touchpoints == other.1.touchpoints),
        ("attempts", one.1.attempts == other.1.attempts),
        ("ledgers of deals", one.1.ledgers == other.1.ledgers),
        ("budgets", one.1.budgets == other.1.budgets),
    ];
    differences
        .extend(rows.iter().filter(|(_, same)| !same).map(|(what, _)| format!("12: the {what} differ")));
    differences
}
