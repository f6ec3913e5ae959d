//! The product's roles as one process has them, wired as the embedded product wires them, with their
//! loops taken apart into steps.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use afterglow_crm::Secrets;
use afterglow_crm::hubspot::signature::Verifier;
use afterglow_dispatcher::{Dispatcher, SignalsLag, SignalsMark};
use afterglow_domain::{Clocks, Currency, Money, Shard, Tenant};
use afterglow_durable::{Store, StoredCursors};
use afterglow_eventlog::Consumer;
use afterglow_events::{Encoding, Topic};
use afterglow_ingest::edge::{EdgeConnection, EdgeKind, EdgeOptions, router};
use afterglow_ingest::resolver::hints::Hints;
use afterglow_ingest::resolver::{Claim, Connection, Fetched, Options as ResolverOptions, Resolver};
use afterglow_journey_engine::{Engine, Options as EngineOptions};
use axum::Router;
use jiff::tz::TimeZone;
use uuid::Uuid;

use crate::crm::{Crm, PORTAL, deal_ref};
use crate::ground::Ground;
use crate::log::Line;
use crate::vendors::Vendors;

/// What signs HubSpot's webhooks.
pub const SECRET: &str = "the app's client secret";
/// Where the edge is reached.
pub const PUBLIC_URL: &str = "https://hooks.vendor.example";
/// Under which suppressed addresses are kept.
pub const SUPPRESSION_KEY: &str = "a suppression key";
/// What an account may receive in a year.
pub const BUDGET_CAP_MINOR: i64 = 10_000;

const UNSUBSCRIBE_KEY: &str = "an unsubscribe key";

/// A consumer behind a store's cursors.
type Behind<G, S> = Consumer<<G as Ground>::Source, StoredCursors<S>>;

/// One process.
pub struct Roles<G: Ground> {
    /// The edge's routes.
    pub edge: Router,
    /// The resolver's first half, and what it reads.
    pub hints: Hints<<G::Ingest as Store>::Tx>,
    /// Webhooks.
    pub webhooks: Behind<G, G::Ingest>,
    /// The resolver's second half.
    pub resolver: Resolver<Crm>,
    /// What it claimed and did not read yet.
    pub claims: Vec<Claim>,
    /// What it read and did not settle yet.
    pub fetched: Vec<Fetched>,
    /// The engine.
    pub engine: Engine<<G::Engine as Store>::Tx>,
    /// What it reads.
    pub engine_in: Behind<G, G::Engine>,
    /// The dispatcher.
    pub dispatcher: Dispatcher<G::Dispatcher, Vendors, Vendors>,
    /// What it reads.
    pub dispatcher_in: Behind<G, G::Dispatcher>,
    /// How far it knows what customers have said.
    pub signals: SignalsMark<G::Dispatcher>,
}

/// What outlives a process.
pub struct Around {
    /// Both clocks.
    pub clocks: Clocks,
    /// The CRM.
    pub crm: Crm,
    /// The vendors.
    pub vendors: Vendors,
    /// Counts the raw records, which have no ids of their own.
    pub ids: Arc<AtomicU64>,
    /// Whether keys lie on shards of several classes.
    pub spread: bool,
}

impl<G: Ground> Roles<G> {
    /// A new process on this ground.
    pub fn start(ground: &G, line: &Line<G::Log>, around: &Around) -> Self {
        let clocks = around.clocks.clone();
        let (ingest, engine) = (ground.ingest(), ground.engine());
        let lag = SignalsLag::default();
        let dispatcher_in = StoredCursors(ground.dispatcher());
        let dispatcher_in =
            ground.consumer(afterglow_dispatcher::ROLE, &afterglow_dispatcher::TOPICS, dispatcher_in);
        let heard = [Topic::Deals, Topic::Deliveries, Topic::Signals];
        let vendors = (Some(around.vendors.clone()), Some(around.vendors.clone()));
        Self {
            edge: router(edge_options(around), line.clone(), clocks.clone()),
            hints: Hints::new(clocks.clone(), Encoding::Protobuf),
            webhooks: ground.consumer(afterglow_ingest::ROLE, &[Topic::Webhooks], StoredCursors(ingest)),
            resolver: resolver(around),
            claims: Vec::new(),
            fetched: Vec::new(),
            engine: Engine::new(EngineOptions::default(), clocks.clone()),
            engine_in: ground.consumer(afterglow_journey_engine::ROLE, &heard, StoredCursors(engine)),
            dispatcher: Dispatcher::new(
                ground.dispatcher(),
                vendors,
                dispatcher_options(),
                clocks.clone(),
                lag.clone(),
            ),
            dispatcher_in,
            signals: SignalsMark::new(ground.dispatcher(), lag, clocks.wall),
        }
    }
}

/// Whether a key lies where a setup wants it: on any shard, or on one of the first class.
pub fn fits(spread: bool, key: &str) -> bool {
    spread || Shard::of(key).class() == 0
}

/// The tenant.
pub fn tenant() -> Tenant {
    deal_ref(1).tenant
}

fn edge_options(around: &Around) -> EdgeOptions {
    let secrets = Secrets::new(SECRET.into(), None).expect("it is not empty");
    let connection = EdgeConnection {
        id: deal_ref(1).connection,
        tenant: tenant(),
        public_url: PUBLIC_URL.to_owned(),
        kind: EdgeKind::Hubspot { portal: PORTAL, verifier: Verifier { secrets, allow_v1: false } },
    };
    let (ids, spread) = (around.ids.clone(), around.spread);
    // What names no deal is keyed by its id.
    let fits = move |id: &Uuid| {
        ["unparsed", "other"].iter().all(|kind| fits(spread, &format!("acme/hub/{kind}/{id}")))
    };
    let new_id = move || {
        let ids = std::iter::repeat_with(|| ids.fetch_add(1, Ordering::Relaxed));
        ids.map(|id| Uuid::from_u128(u128::from(id))).find(&fits).expect("the numbers are many")
    };
    let options = EdgeOptions::new(vec![connection], vec![UNSUBSCRIBE_KEY.into()]);
    EdgeOptions { new_id: Arc::new(new_id), ..options }
}

fn resolver(around: &Around) -> Resolver<Crm> {
    let of = deal_ref(1);
    let (id, reader) = (of.connection, around.crm.clone());
    let connection = Connection { id, tenant: of.tenant, zone: TimeZone::UTC, reader };
    Resolver::new(ResolverOptions::default(), around.clocks.clone(), vec![connection])
}

fn dispatcher_options() -> afterglow_dispatcher::Options {
    afterglow_dispatcher::Options {
        encoding: Encoding::Protobuf,
        public_url: PUBLIC_URL.to_owned(),
        unsubscribe_key: UNSUBSCRIBE_KEY.into(),
        suppression_key: SUPPRESSION_KEY.into(),
        from_address: "hello@vendor.example".into(),
        from_name: "Vendor".to_owned(),
        budget_cap: Money::new(BUDGET_CAP_MINOR, Currency::USD),
        products: [("default".to_owned(), "PRODUCT".to_owned())].into(),
        gift_valid_days: 90,
        concurrency: 4,
        // One try, so that a simulation never waits for the real clock.
        settle_tries: 1,
    }
}
