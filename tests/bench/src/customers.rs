//! Customers made by the engine itself: deals won, enrolled, with real state and an armed timer.
//!
//! They come in batches. A batch is a tenant of its own, whose copy of the shipped journey differs in
//! the hour at which mails go out: so the batches' first moments are due on the same day, an hour after
//! each other, and each run fires one batch. Batches are mixed in the store as they would be.

pub(crate) mod deal;

use std::collections::BTreeMap;
use std::sync::Arc;

use afterglow_domain::{Clock, Clocks, Shard, Tenant, Timestamp};
use afterglow_durable::turns::{Handler as _, TURN_ROWS_MAX};
use afterglow_durable::{ShardSet, Store, Tx as _};
use afterglow_journey::Checked;
use afterglow_journey_engine::{Engine, EngineTx, Options, publish};
use anyhow::{anyhow, ensure};
use tokio::time::Instant;

use crate::figure::Figure;
use crate::processor::float;
use crate::product::shipped_journey;
use deal::Customer;

/// 2026-03-02T08:00:00Z, when all deals of the batches are won.
pub(crate) const START: Timestamp = Timestamp(1_772_438_400_000_000);

/// The hours of a day.
const BATCHES_MAX: usize = 24;

/// Customers that are written by class where the store wants it: a page of each class.
const MIXED: usize = 8 * TURN_ROWS_MAX;

/// Writes `batches` of `count` enrolments each; notes how many were enrolled per second in each turn's worth.
pub(crate) async fn enrol<S>(
    store: &S,
    engine: &Engine<S::Tx>,
    (batches, count): (usize, usize),
    rates: &mut Figure,
) -> anyhow::Result<()>
where
    S: Store,
    S::Tx: EngineTx,
{
    ensure!(batches <= BATCHES_MAX, "a day has no {batches} hours");
    let tenants = (0..batches).map(tenant).collect::<anyhow::Result<Vec<Tenant>>>()?;
    for (hour, tenant) in tenants.iter().enumerate() {
        publish::publish(store, tenant, vec![journey(hour)?], START).await?;
    }
    let customers: Vec<Customer<'_>> = (0..count)
        .flat_map(|number| tenants.iter().map(move |tenant| Customer::of_batch(tenant, number)))
        .collect();
    for mixed in customers.chunks(MIXED) {
        for page in pages(mixed, store.splits_classes())? {
            let won = page.iter().map(Customer::won).collect::<anyhow::Result<Vec<_>>>()?;
            let began = Instant::now();
            let shards = ShardSet::new(won.iter().flat_map(|incoming| engine.shards(incoming)));
            let mut tx = store.begin(&shards).await?;
            engine.apply(&mut tx, won).await?;
            tx.commit().await?;
            rates.push(float(u64::try_from(page.len())?) / began.elapsed().as_secs_f64());
        }
    }
    Ok(())
}

/// Customers in the transactions that they are written by: of one class each where the store wants it.
fn pages<'a>(customers: &[Customer<'a>], by_class: bool) -> anyhow::Result<Vec<Vec<Customer<'a>>>> {
    let mut of_class: BTreeMap<u8, Vec<Customer<'a>>> = BTreeMap::new();
    for customer in customers {
        let class = Shard::of(customer.home()?.as_str()).class();
        of_class.entry(if by_class { class } else { 0 }).or_default().push(*customer);
    }
    Ok(of_class.values().flat_map(|same| same.chunks(TURN_ROWS_MAX)).map(<[_]>::to_vec).collect())
}

/// The engine over a clock that both its timelines follow.
pub(crate) fn engine<T: EngineTx>(clock: Arc<dyn Clock>) -> Engine<T> {
    engine_on(Clocks::same(clock))
}

/// The engine over two clocks.
pub(crate) fn engine_on<T: EngineTx>(clocks: Clocks) -> Engine<T> {
    let options = Options { sender_company: "Afterglow".to_owned(), ..Options::default() };
    Engine::new(options, clocks)
}

/// The name of a batch's tenant.
pub(crate) fn tenant(batch: usize) -> anyhow::Result<Tenant> {
    Ok(Tenant::new(format!("batch-{batch:02}"))?)
}

/// The line of the shipped journey that the batches differ in.
const SEND_AT: &str = r#"send_at: "09:30""#;

/// The shipped journey, sending at this hour.
pub(crate) fn journey(hour: usize) -> anyhow::Result<Checked> {
    let path = shipped_journey();
    let shipped = std::fs::read_to_string(&path)?;
    ensure!(shipped.contains(SEND_AT), "the shipped journey has no line {SEND_AT}");
    let source = shipped.replace(SEND_AT, &format!(r#"send_at: "{hour:02}:30""#));
    let mut files = BTreeMap::new();
    for part in ["mails", "tasks"] {
        for entry in std::fs::read_dir(path.with_file_name(part))? {
            let entry = entry?;
            let name = format!("{part}/{}", entry.file_name().to_string_lossy());
            files.insert(name, std::fs::read_to_string(entry.path())?);
        }
    }
    afterglow_journey::load("first-90-days.yaml", &source, &files)
        .map_err(|findings| anyhow!(afterglow_journey::render(&findings)))
}
