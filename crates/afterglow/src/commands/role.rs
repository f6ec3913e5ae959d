//! `afterglow ingest`, `afterglow journey-engine`, `afterglow dispatcher`: one role in this process.

use std::path::{Path, PathBuf};

use afterglow_service::config::Config;
use afterglow_service::exit::Exit;
use afterglow_service::lifecycle::Tasks;

use super::run::{bind, close, end, export};
use super::{complain, config};
use crate::cli::Outcome;
use crate::scaled::{self, Role};

/// With which configuration.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The configuration file, with [log] kind = "kafka" and [store] kind = "postgres".
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

/// The role's name on the command line.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Name {
    /// The edge and the resolver.
    Ingest,
    /// The journey engine.
    JourneyEngine,
    /// The dispatcher.
    Dispatcher,
}

impl Name {
    fn role(self) -> &'static str {
        match self {
            Self::Ingest => afterglow_ingest::ROLE,
            Self::JourneyEngine => afterglow_journey_engine::ROLE,
            Self::Dispatcher => afterglow_dispatcher::ROLE,
        }
    }
}

pub(crate) fn run(name: Name, args: &Args) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(name, args))
}

async fn serve(name: Name, args: &Args) -> Outcome {
    let Some(config) = load(&args.config) else { return Ok(Exit::Config) };
    config::start_logging(&config)?;
    let export = export(&config, Some(name.role()))?;
    let role = match name {
        Name::Ingest => Role::Ingest(bind(&config.http.listen.to_string(), "http.listen").await?),
        Name::JourneyEngine => {
            let Some(journeys) = config::journeys(&config) else { return Ok(Exit::Config) };
            Role::JourneyEngine(journeys)
        }
        Name::Dispatcher => Role::Dispatcher,
    };
    let admin = bind(&config.http.admin_listen.to_string(), "http.admin_listen").await?;
    let (tasks, deadline) = (Tasks::new(), config.http.shutdown);
    tracing::info!(role = name.role(), admin = %config.http.admin_listen, "afterglow runs");
    let log = scaled::start(role, (&args.config, config), admin, &tasks)?;
    let reason = tasks.run_until_done(deadline).await;
    if let Err(error) = log.close().await {
        tracing::warn!(%error, "what was cut off is found again");
    }
    close(export).await;
    Ok(end(&reason))
}

/// The configuration of a scaled product; one of the embedded product is refused.
pub(super) fn load(file: &Path) -> Option<Config> {
    let config = config::named(file)?;
    if config.log.kafka().is_some() {
        return Some(config);
    }
    complain(format_args!(
        "{}: log.kind is \"embedded\": all roles are in one process, start `afterglow run`; for a process per role write [log] kind = \"kafka\" and [store] kind = \"postgres\"",
        file.display()
    ));
    None
}
