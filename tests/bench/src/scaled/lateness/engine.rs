//! An engine's process with a journey's clock of the bench's: consumer, timers and relay, as the product has
//! them, until standard input ends. Then it says how late its timers were.

use std::io::Write as _;
use std::sync::Arc;

use afterglow_domain::clock::JourneyMap;
use afterglow_domain::{Clocks, Timestamp};
use afterglow_durable::turns::{consume, run_timers};
use afterglow_durable::{StoredCursors, Timeline, postgres, relay};
use afterglow_events::Topic;
use afterglow_journey_engine::ROLE;
use afterglow_journey_engine::store::postgres::SCHEMA;
use afterglow_service::clock::SystemClock;
use anyhow::Context as _;
use clap::Args;
use hdrhistogram::Histogram;
use tokio::io::AsyncReadExt as _;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::punctual::Punctual;
use crate::customers::engine_on;
use crate::scaled::ground::Place;

/// What an engine reads.
const TOPICS: [Topic; 3] = [Topic::Deals, Topic::Deliveries, Topic::Signals];

/// Where and when an engine works.
#[derive(Debug, Clone, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    place: Place,
    /// The database's URL.
    url: String,
    /// An instant of the wall's clock, in microseconds.
    wall: i64,
    /// What the journey's clock shows at that instant.
    journey: i64,
}

/// The same, as whoever starts it has it.
pub(super) struct Start {
    pub(super) url: String,
    pub(super) wall: Timestamp,
    pub(super) journey: Timestamp,
}

impl Start {
    /// An engine's arguments.
    pub(super) fn to_args(&self, place: &Place) -> Vec<String> {
        let own = [self.url.clone(), self.wall.0.to_string(), self.journey.0.to_string()];
        place.to_args().into_iter().chain(own).collect()
    }
}

/// Works until standard input ends, and prints what came of it.
pub(crate) async fn run(plan: &Plan) -> anyhow::Result<()> {
    let map =
        JourneyMap { wall_base: Timestamp(plan.wall), journey_anchor: Timestamp(plan.journey), speed: 1 };
    let clocks = Clocks::mapped(SystemClock::shared(), map);
    let store = postgres::Store::open(&plan.url.parse()?, &SCHEMA).await?;
    let log = plan.place.log()?;
    let consumer = log.consumer(ROLE, &TOPICS, StoredCursors(store.clone()))?;
    let engine = Arc::new(engine_on::<postgres::Tx>(clocks.clone()));
    let punctual = Arc::new(Punctual::new(engine.clone(), clocks.journey.clone())?);
    let stop = CancellationToken::new();
    let (mut turns, mut relays) = (JoinSet::new(), JoinSet::new());
    let (state, until) = (store.clone(), stop.clone());
    turns.spawn(async move {
        let _why = consume(&engine, &state, consumer, &until).await;
    });
    let (timers, state, until, of_timers) = (punctual.clone(), store.clone(), stop.clone(), clocks.clone());
    turns.spawn(async move {
        let wall_of = |wait| of_timers.wall_duration(wait);
        run_timers(&timers, &state, Timeline::Journey, wall_of, &until).await;
    });
    let (relayed, wall, never) = (store.clone(), clocks.wall, CancellationToken::new());
    relays.spawn(async move { relay::run(ROLE, relayed, log, &*wall, never).await });
    // It listens nowhere.
    writeln!(std::io::stdout().lock(), "0")?;
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    stop.cancel();
    turns.join_all().await;
    // What it had under way a next engine would find; here there is none.
    relays.abort_all();
    print_late(&punctual.late())
}

/// Prints how late timers were.
pub(crate) fn print_late(late: &Histogram<u64>) -> anyhow::Result<()> {
    let values = late.iter_recorded();
    let recorded: Vec<(u64, u64)> =
        values.map(|value| (value.value_iterated_to(), value.count_since_last_iteration())).collect();
    Ok(serde_json::to_writer(std::io::stdout().lock(), &recorded)?)
}

/// Adds what was printed so.
pub(super) fn read(printed: &str, late: &mut Histogram<u64>) -> anyhow::Result<()> {
    let recorded: Vec<(u64, u64)> = serde_json::from_str(printed).context("an engine's result")?;
    for (value, count) in recorded {
        late.record_n(value, count)?;
    }
    Ok(())
}
