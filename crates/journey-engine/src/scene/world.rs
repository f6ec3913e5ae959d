//! The engine on a store, with a log, a clock that is moved, and a dispatcher that answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use afterglow_domain::clock::ManualClock;
use afterglow_domain::{Clock, Clocks, HomeKey, Shard, Tenant, Timestamp};
use afterglow_durable::store::{CommitFaults, Outgoing as _};
use afterglow_durable::{Store, Timeline, Timer, memory, sqlite, turns};
use afterglow_events::{Body, Envelope, Event, Topic, convert, identity, proto};
use sqlx::Row;

use super::feed::Feed;
use super::{DAY_0, at, journey};
use crate::invariants::check_invariants;
use crate::rows::AccountLink;
use crate::store::memory::Tables;
use crate::store::sqlite::{
    DEAL_COLUMNS, ENROLMENT_COLUMNS, MIGRATIONS, OBLIGATION_COLUMNS, deal_row, enrolment_row, obligation_row,
};
use crate::{Engine, EngineTx, Options, publish};

/// A store whose rows a test can see whole.
pub(crate) trait Inspect: Store<Tx: EngineTx> {
    async fn look(&self) -> (Tables, Vec<Timer>);
}

impl Inspect for memory::Store<Tables> {
    async fn look(&self) -> (Tables, Vec<Timer>) {
        (self.role().await, self.timers().await)
    }
}

impl Inspect for sqlite::Store {
    async fn look(&self) -> (Tables, Vec<Timer>) {
        let mut tables = Tables::default();
        let all = async |query: String| {
            sqlx::query(sqlx::AssertSqlSafe(query)).fetch_all(self.readers()).await.unwrap()
        };
        for row in all(format!("select {DEAL_COLUMNS} from deal")).await {
            let row = deal_row(&row).unwrap();
            tables.deals.insert(row.deal.clone(), row);
        }
        for row in all(format!("select {ENROLMENT_COLUMNS} from enrolment")).await {
            let row = enrolment_row(&row).unwrap();
            tables.enrolments.insert(row.id, row);
        }
        for row in all(format!("select {OBLIGATION_COLUMNS} from obligation where outcome is not null")).await
        {
            let row = obligation_row(&row).unwrap();
            tables.obligations.insert((row.enrolment, row.moment.clone(), row.occurrence), row);
        }
        let tenant = |row: &sqlx::sqlite::SqliteRow| Tenant::new(row.get::<String, _>("tenant")).unwrap();
        for row in all("select * from account_link".to_owned()).await {
            let account = row.get::<String, _>("account").parse().unwrap();
            let home = row.get::<String, _>("home").parse().unwrap();
            tables.links.insert(AccountLink { tenant: tenant(&row), account, home });
        }
        for row in all("select * from in_use".to_owned()).await {
            tables.in_use.insert((tenant(&row), row.get("journey")), row.get("version"));
        }
        for row in all("select * from definition".to_owned()).await {
            let (name, version): (String, u32) = (row.get("journey"), row.get("version"));
            let published = afterglow_journey::Published {
                name: name.clone(),
                version,
                sha256: row.get::<Vec<u8>, _>("sha256").try_into().unwrap(),
                source: row.get("source"),
                files: serde_json::from_str(row.get("files")).unwrap(),
            };
            tables.definitions.insert((tenant(&row), name, version), published);
        }
        let timers = all("select * from timer order by timeline, shard, due_at, owner, key".to_owned()).await;
        let timer = |row: &sqlx::sqlite::SqliteRow| Timer {
            timeline: if row.get::<i64, _>("timeline") == 0 { Timeline::Wall } else { Timeline::Journey },
            shard: Shard::new(row.get("shard")).unwrap(),
            due: Timestamp(row.get("due_at")),
            owner: uuid::Uuid::from_slice(row.get("owner")).unwrap(),
            key: row.get("key"),
        };
        (tables, timers.iter().map(timer).collect())
    }
}

/// What the dispatcher does with touchpoints.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Dispatcher {
    /// Answers every touchpoint at once.
    Delivers,
    /// Answers nothing but revocations.
    Slow,
    /// Answers nothing at all.
    Dead,
    /// Says this of every touchpoint.
    Says(proto::DeliveryOutcome, &'static str),
    /// Refuses every touchpoint for a contact for this cause, and delivers every task.
    Refuses(proto::DeliveryCause, &'static str),
}

pub(crate) struct World<S: Inspect> {
    pub(crate) store: S,
    pub(crate) engine: Engine<S::Tx>,
    pub(crate) clock: ManualClock,
    pub(crate) dispatcher: Dispatcher,
    /// What its answers say was spent.
    pub(crate) spent: Option<proto::Money>,
    /// The cause that its answers tell.
    pub(crate) cause: proto::DeliveryCause,
    pub(crate) published: Vec<Event>,
    feed: Feed,
    answered: BTreeSet<String>,
    due: BTreeMap<String, (proto::TouchpointDue, HomeKey)>,
}

pub(crate) async fn world_in_memory(faults: CommitFaults) -> World<memory::Store<Tables>> {
    World::new(memory::Store::with_faults(faults)).await
}

/// The folder lives as long as the first value.
pub(crate) async fn world_on_sqlite(faults: CommitFaults) -> (tempfile::TempDir, World<sqlite::Store>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("engine.db");
    let store = sqlite::Store::open_with_faults(&path, MIGRATIONS, faults).await.unwrap();
    (folder, World::new(store).await)
}

impl<S: Inspect> World<S> {
    pub(super) async fn new(store: S) -> Self {
        let clock = ManualClock::new(at(DAY_0));
        let options = Options { sender_company: "Vendor Inc".to_owned(), ..Options::default() };
        let mut world = Self {
            store,
            engine: Engine::new(options, Clocks::same(Arc::new(clock.clone()))),
            clock,
            dispatcher: Dispatcher::Delivers,
            spent: None,
            cause: proto::DeliveryCause::Unspecified,
            published: Vec::new(),
            feed: Feed::default(),
            answered: BTreeSet::new(),
            due: BTreeMap::new(),
        };
        world.publish(&[("first-90-days", "Hello")]).await;
        world
    }

    /// Publishes these journeys (name and greeting) until it is answered.
    pub(crate) async fn publish(&mut self, journeys: &[(&str, &str)]) -> Vec<publish::Version> {
        let tenant = Tenant::new("acme").unwrap();
        loop {
            let journeys = journeys.iter().map(|(name, greeting)| journey(name, greeting)).collect();
            if let Ok(versions) = publish::publish(&self.store, &tenant, journeys, self.clock.now()).await {
                return versions;
            }
        }
    }

    /// Puts events on the log and lets everything happen that follows from them now.
    pub(crate) async fn tell(&mut self, events: &[Event]) {
        for event in events {
            self.feed.push(event, self.clock.now());
        }
        self.settle().await;
    }

    /// Lets time pass until `until`, moment by moment.
    pub(crate) async fn pass(&mut self, until: Timestamp) {
        while let Some(due) =
            self.store.next_due(Timeline::Journey).await.unwrap().filter(|due| *due <= until)
        {
            self.clock.set(due.max(self.clock.now()));
            self.settle().await;
        }
        self.clock.set(until);
    }

    /// The whole log once more.
    pub(crate) async fn replay(&mut self) {
        self.feed.replay(self.clock.now());
        self.settle().await;
    }

    /// Turns until nothing is left to do; a failed commit is a crash, after which it is done again.
    pub(crate) async fn settle(&mut self) {
        loop {
            let read = !self.feed.is_empty();
            let consumed = turns::consume_once(&self.engine, &self.store, &mut self.feed).await;
            let fired = turns::fire_due(&self.engine, &self.store, Timeline::Journey).await;
            let relayed = self.relay().await;
            let crashed = consumed.is_err() || fired.is_err();
            if !read && !crashed && fired.is_ok_and(|fired| fired == 0) && !relayed {
                break;
            }
        }
        let (tables, timers) = self.store.look().await;
        assert_eq!(check_invariants(&tables, &timers), Vec::<String>::new());
    }

    async fn relay(&mut self) -> bool {
        let Some((outgoing, rows)) = self.store.outbox_take(10_000).await.unwrap() else { return false };
        for (_, row) in &rows {
            let event = Event::from_record(&row.record).unwrap();
            self.dispatch(&event);
            self.published.push(event);
        }
        let seqs: Vec<i64> = rows.iter().map(|(seq, _)| *seq).collect();
        // A crash in between sends them again.
        let _settled = outgoing.settle(&seqs, &[]).await;
        true
    }

    fn dispatch(&mut self, event: &Event) {
        let home = || HomeKey::new(event.envelope.subject.clone()).unwrap();
        match &event.body {
            Body::TouchpointDue(due) => {
                let ids = identity::of_due(due).map(|(e, t)| (e.to_string(), t.to_string()));
                let named = (due.enrolment_id.clone(), due.touchpoint_id.clone());
                assert_eq!(ids, Some(named), "whoever takes it in finds the ids in its parts");
                self.due.insert(due.touchpoint_id.clone(), (*due.clone(), home()));
                match self.dispatcher {
                    Dispatcher::Says(outcome, reason) => self.answer(&due.touchpoint_id, outcome, reason),
                    Dispatcher::Refuses(cause, reason) if due.channel() != proto::Channel::Task => {
                        self.cause = cause;
                        self.answer(&due.touchpoint_id, proto::DeliveryOutcome::Refused, reason);
                        self.cause = proto::DeliveryCause::Unspecified;
                    }
                    Dispatcher::Delivers | Dispatcher::Refuses(..) => {
                        self.answer(&due.touchpoint_id, proto::DeliveryOutcome::Delivered, "");
                    }
                    Dispatcher::Slow | Dispatcher::Dead => {}
                }
            }
            Body::TouchpointRevoked(revoked) if self.dispatcher != Dispatcher::Dead => {
                self.answer(&revoked.touchpoint_id, proto::DeliveryOutcome::Revoked, "");
            }
            _ => {}
        }
    }

    /// Concludes a touchpoint, unless it is concluded already.
    pub(crate) fn answer(&mut self, touchpoint: &str, outcome: proto::DeliveryOutcome, reason: &str) {
        if !self.answered.insert(touchpoint.to_owned()) {
            return;
        }
        let (due, home) = self.due[touchpoint].clone();
        let of = proto::DeliveryOf {
            touchpoint_id: due.touchpoint_id,
            enrolment_id: due.enrolment_id,
            journey: due.journey,
            moment: due.moment,
            occurrence: due.occurrence,
            channel: due.channel,
            day: due.day,
            deal: due.deal,
        };
        let now = self.clock.now();
        let concluded = proto::DeliveryConcluded {
            of: Some(of),
            outcome: outcome.into(),
            reason: reason.to_owned(),
            spent: self.spent.clone(),
            cause: self.cause.into(),
            occurred_at: Some(convert::timestamp(now)),
            ..Default::default()
        };
        let id = identity::delivery_concluded(touchpoint.parse().unwrap());
        let envelope = Envelope::of(id, "/afterglow/dispatcher", now, &home);
        self.feed.push(&Event { envelope, body: concluded.into() }, now);
    }

    /// Ids of everything published.
    pub(crate) fn ids(&self) -> BTreeSet<String> {
        self.published.iter().map(|event| event.envelope.id.to_string()).collect()
    }

    /// What was published on a topic, as words: the type's middle part, the moment where there is one, and
    /// its number or reason.
    pub(crate) fn story(&self, topic: Topic) -> Vec<String> {
        self.story_since(0, topic)
    }

    /// The same without the first so many events.
    pub(crate) fn story_since(&self, skip: usize, topic: Topic) -> Vec<String> {
        let events = self.published.iter().skip(skip).filter(|event| event.body.topic() == topic);
        events.map(|event| words(&event.body)).collect()
    }
}

fn words(body: &Body) -> String {
    match body {
        Body::TouchpointDue(m) => format!("due {} {}", m.moment, m.occurrence),
        Body::TouchpointRevoked(m) => format!("revoked {} {}: {}", m.moment, m.occurrence, m.reason),
        Body::ObligationClosed(m) => {
            let outcome = m.outcome().as_str_name().replace("OBLIGATION_OUTCOME_", "").to_lowercase();
            let reason = if m.reason.is_empty() { String::new() } else { format!(": {}", m.reason) };
            format!("{outcome} {} {}{reason}", m.moment, m.occurrence)
        }
        Body::JourneyReplanned(m) => format!("replanned: {}", m.reason),
        Body::JourneyExited(m) => format!("exited: {}", m.reason),
        Body::JourneyDeclined(m) => format!("declined: {}", m.reason),
        Body::DeadLetter(m) => format!("dead letter: {}", m.reason),
        other => {
            other.type_name().trim_start_matches("afterglow.journey.").trim_end_matches(".v1").to_owned()
        }
    }
}
