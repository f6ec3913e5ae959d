//! Customers made by the engine itself: deals won, enrolled, with real state and an armed timer.
//!
//! They come in batches. A batch is a tenant of its own, whose copy of the shipped journey differs in
//! the hour at which mails go out: so the batches' first moments are due on the same day, an hour after
//! each other, and each run fires one batch. Batches are mixed in the file as they would be.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use afterglow_domain::clock::ManualClock;
use afterglow_domain::{AccountKey, Clocks, ConnectionId, DealKey, DealRef, HomeKey, Shard, Tenant};
use afterglow_durable::turns::{Handler as _, Incoming, TURN_ROWS_MAX};
use afterglow_durable::{ShardSet, Store as _, Tx as _, sqlite};
use afterglow_events::{Body, Encoding, Envelope, Event, Received, convert, identity, proto};
use afterglow_journey::Checked;
use afterglow_journey_engine::store::sqlite::MIGRATIONS;
use afterglow_journey_engine::{Engine, Options, publish};
use anyhow::{anyhow, ensure};
use sqlx::Connection as _;
use tokio::time::Instant;

use super::START;
use crate::edge::webhook::PORTAL;
use crate::figure::Figure;
use crate::processor::float;

/// The hours of a day.
const BATCHES_MAX: usize = 24;

/// The line of the shipped journey that the batches differ in.
const SEND_AT: &str = r#"send_at: "09:30""#;

/// Makes a store with `batches` of `count` enrolments each and an empty outbox; notes how many were
/// enrolled per second in each turn's worth.
pub(super) async fn enrol(
    path: &Path,
    batches: usize,
    count: usize,
    rates: &mut Figure,
) -> anyhow::Result<()> {
    ensure!(batches <= BATCHES_MAX, "a day has no {batches} hours");
    let store = sqlite::Store::open(path, MIGRATIONS).await?;
    let engine = engine(&ManualClock::new(START));
    let tenants = (0..batches).map(tenant).collect::<anyhow::Result<Vec<Tenant>>>()?;
    for (hour, tenant) in tenants.iter().enumerate() {
        publish::publish(&store, tenant, vec![journey(hour)?], START).await?;
    }
    let customers: Vec<(usize, &Tenant)> =
        (0..count).flat_map(|n| tenants.iter().map(move |tenant| (n, tenant))).collect();
    for chunk in customers.chunks(TURN_ROWS_MAX) {
        let won = chunk.iter().map(|(n, tenant)| deal_won(tenant, *n)).collect::<anyhow::Result<Vec<_>>>()?;
        let began = Instant::now();
        let shards = ShardSet::new(won.iter().flat_map(|incoming| engine.shards(incoming)));
        let mut tx = store.begin(&shards).await?;
        engine.apply(&mut tx, &won).await?;
        tx.commit().await?;
        rates.push(float(u64::try_from(chunk.len())?) / began.elapsed().as_secs_f64());
    }
    tidy(path, batches * count).await
}

/// The engine over a clock that stands still until it is moved.
pub(super) fn engine(clock: &ManualClock) -> Engine<sqlite::Tx> {
    let options = Options { sender_company: "Afterglow".to_owned(), ..Options::default() };
    Engine::new(options, Clocks::same(Arc::new(clock.clone())))
}

/// Checks the number of timers, throws away the outbox (the events of enrolling are not measured), and
/// brings everything into the one file.
async fn tidy(path: &Path, enrolled: usize) -> anyhow::Result<()> {
    let mut connection = sqlx::SqliteConnection::connect(&format!("sqlite:{}", path.display())).await?;
    let armed: i64 = sqlx::query_scalar("select count(*) from timer").fetch_one(&mut connection).await?;
    ensure!(usize::try_from(armed) == Ok(enrolled), "{enrolled} customers have {armed} timers");
    sqlx::raw_sql("delete from outbox; pragma wal_checkpoint(truncate)").execute(&mut connection).await?;
    Ok(connection.close().await?)
}

/// The name of a batch's tenant.
pub(super) fn tenant(batch: usize) -> anyhow::Result<Tenant> {
    Ok(Tenant::new(format!("batch-{batch:02}"))?)
}

/// The shipped journey, sending at this hour.
fn journey(hour: usize) -> anyhow::Result<Checked> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/journeys");
    let shipped = std::fs::read_to_string(folder.join("first-90-days.yaml"))?;
    ensure!(shipped.contains(SEND_AT), "the shipped journey has no line {SEND_AT}");
    let source = shipped.replace(SEND_AT, &format!(r#"send_at: "{hour:02}:30""#));
    let mut files = BTreeMap::new();
    for part in ["mails", "tasks"] {
        for entry in std::fs::read_dir(folder.join(part))? {
            let entry = entry?;
            let name = format!("{part}/{}", entry.file_name().to_string_lossy());
            files.insert(name, std::fs::read_to_string(entry.path())?);
        }
    }
    afterglow_journey::load("first-90-days.yaml", &source, &files)
        .map_err(|findings| anyhow!(afterglow_journey::render(&findings)))
}

/// The event that a deal of a customer is won, as the resolver writes it.
fn deal_won(tenant: &Tenant, number: usize) -> anyhow::Result<Incoming> {
    let (company, object) = ((8_000_000_000 + number).to_string(), (9_000_000_000 + number).to_string());
    let account = AccountKey::hubspot(PORTAL, &company)?;
    let deal = DealRef {
        tenant: tenant.clone(),
        connection: ConnectionId::new("hub")?,
        deal: DealKey::hubspot(PORTAL, &object)?,
    };
    let home = HomeKey::of_account(tenant, &account);
    let message = proto::DealWon {
        deal: Some(snapshot(&deal, &account, number)),
        rev: 1,
        won_no: 1,
        occurred_at: Some(convert::timestamp(START)),
    };
    let body = Body::from(message);
    let id = identity::deal_event(body.type_name(), &deal, 1);
    let event = Event { envelope: Envelope::of(id, "/afterglow/ingest", START, &home), body };
    let record = event.to_record(Encoding::Protobuf);
    let partition = Shard::of(home.as_str()).partition(16);
    let received = Received { record, partition, offset: i64::try_from(number)?, taken_at: START };
    Ok(Incoming { event, received })
}

fn snapshot(deal: &DealRef, account: &AccountKey, number: usize) -> proto::DealSnapshot {
    let person = |id: usize, role: &str, name: &str| proto::Recipient {
        contact_id: id.to_string(),
        roles: vec![role.to_owned()],
        first_name: name.to_owned(),
        last_name: "Example".to_owned(),
        email: format!("{}.{number}@customer.example", name.to_lowercase()),
        country: "DE".to_owned(),
        language: "en".to_owned(),
        ..proto::Recipient::default()
    };
    proto::DealSnapshot {
        deal: Some(convert::deal_ref(deal)),
        name: format!("Platform for customer {number}"),
        account: account.to_string(),
        account_name: format!("Customer {number} Ltd"),
        owner: Some(proto::Recipient { roles: Vec::new(), ..person(501, "", "Olivia") }),
        contacts: vec![
            person(2 * number, "champion", "Ann"),
            person(2 * number + 1, "decision_maker", "Ben"),
        ],
        amount: Some(proto::Money { minor_units: 4_800_000, currency_code: "USD".to_owned() }),
        stage: "closedwon".to_owned(),
        status: proto::DealStatus::Won.into(),
        close_date: "2026-03-02".to_owned(),
        won_date: "2026-03-02".to_owned(),
        won_at: Some(convert::timestamp(START)),
        modified_at: Some(convert::timestamp(START)),
        deal_type: "newbusiness".to_owned(),
        zone: "Europe/Berlin".to_owned(),
    }
}
