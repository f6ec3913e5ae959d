//! The clocks of a process among others: both the system's, or in a sandbox the journey's by the database.

use std::sync::Arc;
use std::time::Duration;

use afterglow_domain::clock::JourneyMap;
use afterglow_domain::{Clock, Clocks, Timestamp};
use afterglow_durable::postgres::Server;
use afterglow_durable::postgres::sandbox_clock::{self, SandboxClock};
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
pub(super) async fn known(settings: &ClockSettings, server: &Server, wait: Wait<'_>) -> Option<Clocks> {
    let wall = SystemClock::shared();
    if settings.seconds_per_day.is_none() {
        return Some(Clocks::same(wall));
    }
    let ask = || async {
        let sent = wall.now();
        let told = sandbox_clock::read(server, settings.speed()).await;
        let told = told.with_context(|| format!("{}: {server}", codes::DATABASE))?;
        Ok((told, midway(sent, wall.now())))
    };
    wait.until(ask, |(told, read_at)| mapped(&told, read_at, settings.speed(), wall.clone())).await
}

/// When the database looked at its clock, as far as we can know.
fn midway(sent: Timestamp, heard: Timestamp) -> Timestamp {
    sent.plus(heard.since(sent) / 2)
}

/// The journey by the wall's clock of this machine, which may differ from the database's.
fn mapped(told: &SandboxClock, read_at: Timestamp, speed: u32, wall: Arc<dyn Clock>) -> Clocks {
    let since_base: Duration = told.now().since(told.wall_base());
    let map =
        JourneyMap { wall_base: read_at.minus(since_base), journey_anchor: told.journey_anchor(), speed };
    Clocks::mapped(wall, map)
}
