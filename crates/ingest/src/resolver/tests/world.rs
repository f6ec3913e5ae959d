//! A resolver with its log, store, CRM and clock, driven turn by turn.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use afterglow_crm::Pace;
use afterglow_domain::clock::ManualClock;
use afterglow_domain::{Clock, Clocks, ConnectionId, DealRef, EventId, Tenant, Timestamp};
use afterglow_durable::conformance::postgres::Database;
use afterglow_durable::relay::{Progress, relay_once};
use afterglow_durable::store::CommitFaults;
use afterglow_durable::turns::consume_once;
use afterglow_durable::{Store, memory, postgres, sqlite};
use afterglow_events::proto::{WebhookKind, WebhookReceived};
use afterglow_events::{Append, Body, Encoding, Envelope, Event, Topic, convert};
use jiff::tz::TimeZone;
use uuid::Uuid;

use crate::resolver::hints::Hints;
use crate::resolver::{Connection, Fetched, Options, Resolver};
use crate::store::postgres::SCHEMA;
use crate::store::{KnownDeal, MIGRATIONS, Refresh, ResolverTx, Tables};
use crate::testing::{self, Consumer, FakeCrm, Log, START};
use crate::{ROLE, place};

pub(super) struct World<S: Store> {
    pub(super) store: S,
    pub(super) log: Log,
    pub(super) crm: FakeCrm,
    pub(super) clock: ManualClock,
    pub(super) resolver: Resolver<FakeCrm>,
    pub(super) consumer: Consumer,
    hints: Hints<S::Tx>,
    webhooks: u128,
    /// The folder or the database, which goes with the world.
    ground: Box<dyn Any + Send>,
}

/// A world on the model.
pub(super) fn in_memory(faults: CommitFaults) -> World<memory::Store<Tables>> {
    World::new(memory::Store::with_faults(faults), testing::UNHURRIED, ())
}

/// A world on the model whose CRM has this pace.
pub(super) fn at_pace(pace: Pace) -> World<memory::Store<Tables>> {
    World::new(memory::Store::with_faults(CommitFaults::default()), pace, ())
}

/// A world on SQLite.
pub(super) async fn on_disk(faults: CommitFaults) -> World<sqlite::Store> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ingest.db");
    let store = sqlite::Store::open_with_faults(&path, MIGRATIONS, faults).await.unwrap();
    World::new(store, testing::UNHURRIED, folder)
}

/// A world on PostgreSQL.
pub(super) async fn on_server(faults: CommitFaults) -> World<postgres::Store> {
    let database = Database::fresh().await;
    let mut world = in_schema(&database, faults).await;
    world.ground = Box::new(database);
    world
}

/// A world on PostgreSQL in a schema of its own.
pub(super) async fn in_schema(database: &Database, faults: CommitFaults) -> World<postgres::Store> {
    World::new(database.fresh_store(&SCHEMA, faults).await.0, testing::UNHURRIED, ())
}

/// Runs a scenario on every store.
macro_rules! on_each {
    ($($name:ident),+ $(,)?) => {
        mod memory {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::resolver::tests::world::in_memory(Default::default())).await;
            })+
        }
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::resolver::tests::world::on_disk(Default::default()).await).await;
            })+
        }
        mod postgres {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::resolver::tests::world::on_server(Default::default()).await).await;
            })+
        }
    };
}
pub(super) use on_each;

impl<S: Store<Tx: ResolverTx>> World<S> {
    fn new(store: S, pace: Pace, ground: impl Any + Send) -> Self {
        let clock = ManualClock::new(START);
        let clocks = Clocks::same(Arc::new(clock.clone()));
        let crm = FakeCrm::at(pace);
        let connection = |id: &str| Connection {
            id: ConnectionId::new(id).unwrap(),
            tenant: Tenant::new("acme").unwrap(),
            zone: TimeZone::UTC,
            reader: crm.clone(),
        };
        let connections = vec![connection("hub"), connection("other")];
        let log = Log::default();
        Self {
            resolver: Resolver::new(Options::default(), clocks.clone(), connections),
            consumer: log.consumer(Topic::Webhooks),
            hints: Hints::new(clocks, Encoding::Protobuf),
            crm: crm.clone(),
            store,
            log,
            clock,
            webhooks: 0,
            ground: Box::new(ground),
        }
    }

    /// A webhook about a deal reaches the log, perhaps naming a stage.
    pub(super) async fn webhook(&mut self, deal: &DealRef, stage: &str) {
        let message = WebhookReceived {
            kind: WebhookKind::Event.into(),
            tenant: deal.tenant.to_string(),
            connection: deal.connection.to_string(),
            deal: deal.deal.to_string(),
            hinted_stage: stage.to_owned(),
            received_at: Some(convert::timestamp(self.clock.now())),
            ..WebhookReceived::default()
        };
        self.record(place::record_key(deal), message).await;
    }

    pub(super) async fn record(&mut self, subject: String, message: WebhookReceived) {
        self.webhooks += 1;
        let envelope = Envelope {
            id: EventId(Uuid::from_u128(self.webhooks)),
            source: "/test".into(),
            time: self.clock.now(),
            subject,
            tenant: Tenant::new("acme").unwrap(),
            traceparent: Some(format!("00-{:032x}-{:016x}-01", self.webhooks, self.webhooks)),
        };
        let record = Event { envelope, body: Body::from(message) }.to_record(Encoding::Protobuf);
        self.log.append(vec![record]).await[0].as_ref().unwrap();
    }

    pub(super) fn clock_now(&self) -> Timestamp {
        self.clock.now()
    }

    /// One turn of the consumer; whether it worked.
    pub(super) async fn take_hints(&mut self) -> bool {
        consume_once(&self.hints, &self.store, &mut self.consumer).await.is_ok()
    }

    /// Claims what is due and reads it.
    pub(super) async fn fetch(&self) -> Vec<Fetched> {
        let mut fetched = Vec::new();
        for claim in self.resolver.claim(&self.store).await.unwrap_or_default() {
            fetched.push(self.resolver.read(claim).await);
        }
        fetched
    }

    /// Everything that can happen now, until nothing does.
    pub(super) async fn run(&mut self) {
        while !self.take_hints().await {}
        loop {
            let fetched = self.fetch().await;
            let due = self.store.next_due(afterglow_durable::Timeline::Wall).await.unwrap();
            if fetched.is_empty() && due.is_none_or(|due| due > self.clock.now()) {
                break;
            }
            // A settlement that fails leaves its claim, which ends in a minute.
            let _settled = self.resolver.settle(&self.store, fetched).await;
        }
        // A round may take a part only; one that failed is done again.
        while !matches!(
            relay_once(ROLE, &self.store, &self.log, &self.clock).await,
            Ok(Progress::Nothing | Progress::Stuck(_))
        ) {}
    }

    /// A deal's webhook comes and everything that follows at once happens.
    pub(super) async fn hear(&mut self, deal: &DealRef, stage: &str) {
        self.webhook(deal, stage).await;
        self.run().await;
    }

    /// Time passes, and what becomes due happens.
    pub(super) async fn wait(&mut self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
        self.run().await;
    }

    /// The deal events in the log without repetitions, as "deal kind rev/won_no".
    pub(super) fn story(&self) -> Vec<String> {
        let mut seen = Vec::new();
        let mut story = Vec::new();
        for event in self.log.events(Topic::Deals) {
            if !seen.contains(&event.envelope.id) {
                seen.push(event.envelope.id);
                story.push(line(&event));
            }
        }
        story
    }

    pub(super) async fn pending(&self, deal: &DealRef) -> Option<Refresh> {
        let mut tx = self.store.begin(&shards(deal)).await.unwrap();
        tx.load_refreshes(&[place::row_id(deal)]).await.unwrap().pop()
    }

    pub(super) async fn known(&self, deal: &DealRef) -> Option<KnownDeal> {
        let mut tx = self.store.begin(&shards(deal)).await.unwrap();
        tx.load_deals(&[place::row_id(deal)]).await.unwrap().pop()
    }
}

fn shards(deal: &DealRef) -> afterglow_durable::ShardSet {
    afterglow_durable::ShardSet::new([place::shard(deal)])
}

fn line(event: &Event) -> String {
    let (kind, deal, rev, won_no) = match &event.body {
        Body::DealWon(it) => ("won", &it.deal, it.rev, it.won_no),
        Body::DealAmended(it) => ("amended", &it.deal, it.rev, it.won_no),
        Body::DealReopened(it) => ("reopened", &it.deal, it.rev, it.won_no),
        Body::DealLost(it) => ("lost", &it.deal, it.rev, it.won_no),
        Body::DealDeleted(it) => ("deleted", &it.deal, it.rev, it.won_no),
        Body::DealMerged(it) => ("merged into", &it.deal, it.rev, it.won_no),
        other => panic!("{} on the deals topic", other.type_name()),
    };
    let deal = convert::from_deal_ref(deal.as_ref().unwrap().deal.as_ref()).unwrap();
    format!("{kind} {} {rev}/{won_no}", deal.deal.object())
}

/// The wall's time, `seconds` after the start.
pub(super) fn at(seconds: u64) -> Timestamp {
    START.plus(Duration::from_secs(seconds))
}

pub(super) use testing::{deal, deal_of, moved, won};
