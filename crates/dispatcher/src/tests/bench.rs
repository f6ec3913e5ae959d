//! A dispatcher on a store, with hand-driven clock, vendors and records.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use afterglow_domain::clock::ManualClock;
use afterglow_domain::{
    Clock, Clocks, ConnectionId, DealKey, DealRef, EnrolmentId, EventId, HomeKey, Timestamp, TouchpointId,
};
use afterglow_durable::conformance::postgres::Database;
use afterglow_durable::store::CommitFaults;
use afterglow_durable::{Store, Timeline, turns};
use afterglow_events::{
    Body, Consume, ConsumeError, Cursor, Encoding, Envelope, Event, Received, convert, identity, proto,
};
use uuid::Uuid;

use super::vendors::{Vendor, usd};
use crate::invariants::Ledgers;
use crate::store::{DispatcherTx, memory, postgres, sqlite};
use crate::{Dispatcher, Options, SignalsLag, Touchpoint};

const JOURNEY: &str = "first-90-days";

/// A store whose ledgers can be looked at whole.
pub(super) trait TestStore: Store<Tx: DispatcherTx> {
    fn ledgers(&self) -> impl Future<Output = Ledgers> + Send;
}

impl TestStore for memory::Store {
    async fn ledgers(&self) -> Ledgers {
        Ledgers::of(&self.role().await, &self.timers().await)
    }
}

impl TestStore for sqlite::Store {
    async fn ledgers(&self) -> Ledgers {
        Ledgers::of_file(self).await.unwrap()
    }
}

impl TestStore for postgres::Store {
    async fn ledgers(&self) -> Ledgers {
        Ledgers::of_schema(self).await.unwrap()
    }
}

pub(super) struct Bench<S> {
    pub(super) dispatcher: Dispatcher<S, Vendor, Vendor>,
    pub(super) store: S,
    pub(super) clock: ManualClock,
    pub(super) lag: SignalsLag,
    pub(super) gifts: Vendor,
    pub(super) mails: Vendor,
    /// The folder or the database, which goes with the bench.
    place: Box<dyn Any + Send + Sync>,
}

/// Runs a scenario on every store.
macro_rules! on_each {
    ($($(#[$doc:meta])* async fn $name:ident($bench:ident) $body:block)+) => {$(
        $(#[$doc])*
        mod $name {
            use super::*;

            async fn scenario<S: TestStore>($bench: Bench<S>) $body

            #[tokio::test]
            async fn on_the_model() {
                scenario(crate::tests::bench::on_model(CommitFaults::default())).await;
            }

            #[tokio::test]
            async fn on_sqlite() {
                scenario(crate::tests::bench::on_sqlite(CommitFaults::default()).await).await;
            }

            #[tokio::test]
            async fn on_postgres() {
                scenario(crate::tests::bench::on_postgres(CommitFaults::default()).await).await;
            }
        }
    )+};
}
pub(super) use on_each;

pub(super) fn options() -> Options {
    Options {
        encoding: Encoding::Protobuf,
        public_url: "https://hooks.example".to_owned(),
        unsubscribe_key: "an unsubscribe key of the tests".into(),
        suppression_key: "a suppression key of the tests".into(),
        from_address: "hello@acme.example".into(),
        from_name: "Acme".to_owned(),
        budget_cap: usd(100),
        products: BTreeMap::from([("default".to_owned(), "PRODUCT1".to_owned())]),
        gift_valid_days: 90,
        concurrency: 2,
        settle_tries: 1,
    }
}

fn bench<S: TestStore>(store: S, place: impl Any + Send + Sync) -> Bench<S> {
    let clock = ManualClock::new("2026-03-06T09:30:00Z".parse().unwrap());
    let (gifts, mails, lag) = (Vendor::default(), Vendor::default(), SignalsLag::default());
    let clocks = Clocks::same(Arc::new(clock.clone()));
    let vendors = (Some(gifts.clone()), Some(mails.clone()));
    let dispatcher = Dispatcher::new(store.clone(), vendors, options(), clocks, lag.clone());
    Bench { dispatcher, store, clock, lag, gifts, mails, place: Box::new(place) }
}

pub(super) fn on_model(faults: CommitFaults) -> Bench<memory::Store> {
    bench(memory::Store::with_faults(faults), ())
}

pub(super) async fn on_sqlite(faults: CommitFaults) -> Bench<sqlite::Store> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dispatcher.db");
    let store = sqlite::Store::open_with_faults(&path, sqlite::MIGRATIONS, faults).await.unwrap();
    bench(store, folder)
}

pub(super) async fn on_postgres(faults: CommitFaults) -> Bench<postgres::Store> {
    let database = Database::fresh().await;
    let mut bench = in_schema(&database, faults).await;
    bench.place = Box::new(database);
    bench
}

/// On PostgreSQL in a schema of its own.
pub(super) async fn in_schema(database: &Database, faults: CommitFaults) -> Bench<postgres::Store> {
    bench(database.fresh_store(&postgres::SCHEMA, faults).await.0, ())
}

/// Gives its records again until they are committed.
struct Feed(Vec<Received>, usize);

impl Consume for Feed {
    async fn poll(&mut self, _: usize, _: Duration) -> Result<Vec<Received>, ConsumeError> {
        Ok(self.0.clone())
    }

    async fn commit(&mut self, _: &[Cursor]) -> Result<(), ConsumeError> {
        self.1 += 1;
        Ok(())
    }

    async fn rewind(&mut self) -> Result<(), ConsumeError> {
        Ok(())
    }
}

pub(super) fn home() -> HomeKey {
    HomeKey::new("acme/hubspot:33:9001").unwrap()
}

pub(super) fn enrolment() -> EnrolmentId {
    identity::enrolment(JOURNEY, &deal(1), 0)
}

fn moment(n: u128) -> String {
    format!("moment-{n}")
}

pub(super) fn tp(n: u128) -> TouchpointId {
    identity::touchpoint(enrolment(), &moment(n), 0)
}

pub(super) fn deal(n: u32) -> DealRef {
    let text = format!("hubspot:33:deal:{n}");
    let (connection, deal) = (ConnectionId::new("hub").unwrap(), DealKey::new(text).unwrap());
    DealRef { tenant: home().tenant(), connection, deal }
}

fn content(name: &str, text: &str) -> proto::Content {
    let source = format!("Subject: {name} for {{{{ recipient.first_name }}}}\n\n{text}\n");
    proto::Content { name: format!("mails/{name}.md"), source }
}

/// A touchpoint with a day's deadline from the bench's start.
pub(super) fn due(n: u128, deed: proto::touchpoint_due::Deed) -> proto::TouchpointDue {
    let person = |first: &str, email: &str| {
        let (first_name, email) = (first.to_owned(), email.to_owned());
        Some(proto::Recipient { first_name, last_name: "Weber".to_owned(), email, ..Default::default() })
    };
    let deadline: Timestamp = "2026-03-07T09:30:00Z".parse().unwrap();
    proto::TouchpointDue {
        touchpoint_id: tp(n).to_string(),
        enrolment_id: enrolment().to_string(),
        journey: JOURNEY.to_owned(),
        moment: moment(n),
        deal: Some(convert::deal_ref(&deal(1))),
        enrolled_deal: Some(convert::deal_ref(&deal(1))),
        account: "hubspot:33:9001".to_owned(),
        recipient: person("Jonas", "jonas@northwind.example"),
        owner: person("Mia", "mia@acme.example"),
        deadline_at: Some(convert::timestamp(deadline)),
        variables: [
            ("sender.company".to_owned(), "Acme".to_owned()),
            ("task.reason".to_owned(), "no address".to_owned()),
        ]
        .into(),
        deed: Some(deed),
        ..Default::default()
    }
}

pub(super) fn gift(n: u128, dollars: i64) -> proto::TouchpointDue {
    due(
        n,
        proto::touchpoint_due::Deed::Gift(proto::GiftDeed {
            worth: Some(convert::money(usd(dollars))),
            pick: "coffee".to_owned(),
            mail: Some(content(
                "gift",
                "[Yours]({{ gift.link }}), worth {{ gift.worth }}, until {{ gift.expires_on }}. [Stop]({{ unsubscribe.link }})",
            )),
            mail_without_gift: None,
        }),
    )
}

pub(super) fn gift_or_mail(n: u128, dollars: i64) -> proto::TouchpointDue {
    let mut message = gift(n, dollars);
    if let Some(proto::touchpoint_due::Deed::Gift(gift)) = &mut message.deed {
        gift.mail_without_gift = Some(content("instead", "Thank you. [Stop]({{ unsubscribe.link }})"));
    }
    message
}

pub(super) fn mail(n: u128) -> proto::TouchpointDue {
    let mail = Some(content("value", "Hi. [Stop]({{ unsubscribe.link }})"));
    due(n, proto::touchpoint_due::Deed::Mail(proto::MailDeed { mail }))
}

pub(super) fn task(n: u128) -> proto::TouchpointDue {
    let mut message = due(
        n,
        proto::touchpoint_due::Deed::Task(proto::TaskDeed {
            task: Some(content("task", "Why: {{ task.reason }}")),
        }),
    );
    message.recipient = message.owner.clone();
    message
}

pub(super) fn revoked(n: u128) -> proto::TouchpointRevoked {
    proto::TouchpointRevoked {
        touchpoint_id: tp(n).to_string(),
        reason: "the deal is open again".to_owned(),
        ..Default::default()
    }
}

impl<S: TestStore> Bench<S> {
    fn event(&self, home: &HomeKey, body: Body) -> Event {
        let id = match &body {
            Body::TouchpointDue(message) => message.touchpoint_id.parse::<TouchpointId>().unwrap().0,
            Body::TouchpointRevoked(message) => {
                identity::touchpoint_revoked(message.touchpoint_id.parse().unwrap()).0
            }
            _ => Uuid::from_u128(7777),
        };
        Event { envelope: Envelope::of(EventId(id), "/test", self.clock.now(), home), body }
    }

    /// Hears one event; an error is the store's.
    pub(super) async fn hear_once(&self, event: &Event) -> Result<(), String> {
        let record = event.to_record(Encoding::Protobuf);
        let received = Received { record, partition: 0, offset: 0, taken_at: self.clock.now() };
        let mut feed = Feed(vec![received], 0);
        turns::consume_once(&self.dispatcher, &self.store, &mut feed).await.map(drop)
    }

    /// Hears events, again and again until the store took them.
    pub(super) async fn hear(&self, body: impl Into<Body>) {
        self.hear_at(&home(), body).await;
    }

    /// The same on another home key.
    pub(super) async fn hear_at(&self, home: &HomeKey, body: impl Into<Body>) {
        let event = self.event(home, body.into());
        while self.hear_once(&event).await.is_err() {}
    }

    pub(super) async fn unsubscribe(&self, address: &str) {
        let hmac =
            afterglow_service::unsubscribe::address_hmac(&options().suppression_key, "acme", &address.into());
        let unsubscribed =
            proto::Unsubscribed { address_hmac: hmac.to_vec().into(), method: "one_click".to_owned() };
        let kind = Some(proto::signal::Kind::Unsubscribed(unsubscribed));
        self.hear(proto::Signal { kind, ..Default::default() }).await;
    }

    /// Claims what is due now, until nothing is.
    pub(super) async fn now(&self) {
        loop {
            self.lag.decided_up_to(self.clock.now());
            if matches!(self.dispatcher.claim_once().await, Ok(0)) {
                return;
            }
        }
    }

    /// Goes from timer to timer until none is armed, or `limit` has passed.
    pub(super) async fn run(&self, limit: Duration) {
        let end = self.clock.now().plus(limit);
        loop {
            self.now().await;
            match self.store.next_due(Timeline::Wall).await.unwrap() {
                Some(due) if due <= end => self.clock.set(due.max(self.clock.now())),
                _ => return self.clock.set(end),
            }
        }
    }

    pub(super) async fn row(&self, n: u128) -> Touchpoint {
        let ledgers = self.store.ledgers().await;
        ledgers.touchpoints.into_iter().find(|row| row.id == tp(n)).unwrap()
    }

    /// `outcome: reason` of a touchpoint; empty while it is open.
    pub(super) async fn end(&self, n: u128) -> String {
        let conclusion = self.row(n).await.state.conclusion;
        conclusion.map(|end| format!("{}: {}", end.outcome, end.reason)).unwrap_or_default()
    }

    /// What was published, repetitions included.
    pub(super) async fn events(&self) -> Vec<Event> {
        let rows = self.store.outbox_read(10_000).await.unwrap();
        rows.into_iter().map(|(_, row)| Event::from_record(&row.record).unwrap()).collect()
    }

    /// What was published of deliveries, each event once, in short.
    pub(super) async fn published(&self) -> Vec<String> {
        let (events, mut seen) = (self.events().await, BTreeSet::new());
        events.iter().filter(|event| seen.insert(event.envelope.id)).map(|event| short(&event.body)).collect()
    }

    pub(super) async fn assert_sound(&self) {
        assert_eq!(self.store.ledgers().await.breaches(), Vec::<String>::new());
    }
}

fn short(body: &Body) -> String {
    match body {
        Body::DeliveryProgressed(event) => {
            let state = event.state().as_str_name().trim_start_matches("STEP_STATE_").to_lowercase();
            format!("{} {state}", event.step)
        }
        Body::DeliveryConcluded(event) => {
            event.outcome().as_str_name().trim_start_matches("DELIVERY_OUTCOME_").to_lowercase()
        }
        other => other.type_name().to_owned(),
    }
}
