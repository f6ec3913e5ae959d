//! Starts the journey engine.

use std::sync::Arc;

use afterglow_durable::turns::{consume, run_timers};
use afterglow_durable::{Store, Timeline, janitor};
use afterglow_events::Topic;
use afterglow_journey_engine::publish::publish;
use afterglow_journey_engine::{Engine, Options, ROLE, forget};
use anyhow::Context as _;

use super::watched::Watched;
use super::{Journeys, Parts, ended};
use crate::ground::{self, Ground};

/// What the engine reads.
const TOPICS: [Topic; 3] = [Topic::Deals, Topic::Deliveries, Topic::Signals];

/// Opens the store and publishes the journeys; what it gives spawns the loops.
pub(crate) async fn prepare<G: Ground>(
    parts: &Parts<G>,
    journeys: Journeys,
) -> anyhow::Result<impl FnOnce(&Parts<G>) + use<G>> {
    let clocks = parts.clocks.clone();
    let store = parts.ground.store(&ground::ENGINE).await?;
    for (tenant, journeys) in journeys {
        let versions = publish(&store, &tenant, journeys, clocks.wall.now()).await.context("AG0024")?;
        for version in versions.iter().filter(|version| version.new) {
            tracing::info!(%tenant, journey = version.journey, version = version.version, "journey published");
        }
    }
    let company = parts.config.vendors.smtp.as_ref().map(|smtp| smtp.from_name.expose().clone());
    let encoding = super::encoding(&parts.config);
    let options = Options { encoding, sender_company: company.unwrap_or_default() };
    let engine = Arc::new(Engine::<<G::Store as Store>::Tx>::new(options, clocks.clone()));
    let consumer = parts.ground.consumer(ROLE, &TOPICS, &store)?;
    Ok(move |parts: &Parts<G>| {
        parts.relay(ROLE, &store);
        parts.forget(parts.details_of(ROLE), &store, |store, now, before| async move {
            forget(&store, now, before, janitor::DETAILS_MAX).await
        });
        let (stop, named) = (parts.tasks.shutdown().soft_token(), parts.ground.named());
        let handler = Watched::new(engine.clone(), parts, "engine-records");
        let timers = Watched::new(engine, parts, "engine-timers");
        let (state, until) = (store.clone(), stop.clone());
        parts.tasks.spawn("engine-records", async move {
            ended(consume(&handler, &state, consumer, &until).await, &named)
        });
        parts.tasks.spawn("engine-timers", async move {
            run_timers(&timers, &store, Timeline::Journey, |wait| clocks.wall_duration(wait), &stop).await;
            anyhow::Ok(())
        });
    })
}
