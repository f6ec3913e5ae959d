//! The clocks of a process among others. Both follow the database's: what processes compare is told by one
//! clock, whatever their machines' are; in a sandbox the journey's is mapped from it.

use std::sync::Arc;

use afterglow_domain::Clocks;
use afterglow_domain::clock::JourneyMap;
use afterglow_durable::postgres::{Server, ServerClock, sandbox_clock};
use afterglow_service::clock::SystemClock;
use afterglow_service::config::ClockSettings;
use anyhow::Context as _;

use super::wait::Wait;
use crate::codes;

/// Anchors a sandbox's clock; nothing where days are days.
pub(super) async fn prepare(settings: &ClockSettings, server: &Server) -> anyhow::Result<()> {
    if settings.seconds_per_day.is_none() {
        return refuse_other(settings, server).await;
    }
    sandbox_clock::anchor(server, settings.speed()).await.context(codes::DATABASE)
}

/// Refuses a sandbox's database where days are days; the other way round [`known`] has refused it.
pub(super) async fn refuse_other(settings: &ClockSettings, server: &Server) -> anyhow::Result<()> {
    if settings.seconds_per_day.is_some() {
        return Ok(());
    }
    sandbox_clock::refuse(server).await.with_context(|| format!("{}: {server}", codes::DATABASE))
}

/// The clocks: at once where days are days, else when the database has told; `None` where the process is to
/// stop before.
pub(super) async fn known(
    settings: &ClockSettings,
    clock: (&Server, &Arc<ServerClock>),
    wait: Wait<'_>,
) -> Option<Clocks> {
    if settings.seconds_per_day.is_none() {
        return Some(Clocks::same(clock.1.clone()));
    }
    wait.until(|| ask(settings, clock), |clocks| clocks).await
}

/// The clocks, without waiting for a database that is away.
pub(super) async fn ask(
    settings: &ClockSettings,
    (server, wall): (&Server, &Arc<ServerClock>),
) -> anyhow::Result<Clocks> {
    if settings.seconds_per_day.is_none() {
        refuse_other(settings, server).await?;
        return Ok(Clocks::same(wall.clone()));
    }
    let asked = wall.asking();
    let told = sandbox_clock::read(server, settings.speed()).await;
    let told = told.with_context(|| format!("{}: {server}", codes::DATABASE))?;
    wall.heard(told.now(), asked);
    let map = JourneyMap {
        wall_base: told.wall_base(),
        journey_anchor: told.journey_anchor(),
        speed: settings.speed(),
    };
    Ok(Clocks::mapped(wall.clone(), map))
}

/// The edge's clocks: outside sandboxes it needs no database, also not to tell the time.
pub(super) fn of_edge(settings: &ClockSettings, clocks: &Clocks) -> Clocks {
    match settings.seconds_per_day {
        None => Clocks::same(SystemClock::shared()),
        Some(_) => clocks.clone(),
    }
}
