//! `afterglow run`: the whole product in this process.

use std::path::{Path, PathBuf};

use afterglow_service::clock::SystemClock;
use afterglow_service::config::Config;
use afterglow_service::data_dir::DataDir;
use afterglow_service::exit::Exit;
use afterglow_service::health::Metrics;
use afterglow_service::lifecycle::{ExitReason, Tasks};
use afterglow_service::telemetry::otlp::Process;
use afterglow_service::telemetry::{self, Export};
use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use super::{complain, config};
use crate::cli::Outcome;
use crate::demo::{self, World};
use crate::embedded::{self, Listeners, Wiring};

/// With which configuration.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub(crate) struct Args {
    /// The configuration file; deploy/afterglow.toml documents every setting.
    #[arg(long, group = "what", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Two won deals in a world of their own, ninety days in ninety seconds, nothing really sent.
    #[arg(long, group = "what")]
    demo: bool,
    /// Where the demo keeps its data.
    #[arg(long, default_value = "afterglow-data", conflicts_with = "config")]
    data_dir: PathBuf,
}

pub(crate) fn run<W: Wiring>(args: Args, wiring: &W) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match args.config {
        Some(file) => runtime.block_on(serve(&file, wiring)),
        None => runtime.block_on(show(&args.data_dir, wiring)),
    }
}

async fn serve<W: Wiring>(file: &Path, wiring: &W) -> Outcome {
    let Some(config) = config::named(file) else { return Ok(Exit::Config) };
    if config.log.kafka().is_some() {
        complain(format_args!(
            "{}: log.kind is \"kafka\": start one process or more per role, with `afterglow ingest`, `afterglow journey-engine` and `afterglow dispatcher`",
            file.display()
        ));
        return Ok(Exit::Config);
    }
    config::start_logging(&config)?;
    let Some(journeys) = config::journeys(&config) else { return Ok(Exit::Config) };
    let data = match open(&config.data_dir) {
        Ok(data) => data,
        Err(exit) => return Ok(exit),
    };
    let export = export(&config, None)?;
    let listeners = Listeners {
        edge: bind(&config.http.listen.to_string(), "http.listen").await?,
        admin: bind(&config.http.admin_listen.to_string(), "http.admin_listen").await?,
    };
    let tasks = Tasks::new();
    let product = embedded::start(&config, &data, journeys, (listeners, &tasks), wiring).await?;
    tracing::info!(listen = %config.http.listen, admin = %config.http.admin_listen, "afterglow runs");
    let reason = tasks.run_until_done(config.http.shutdown).await;
    let closed = product.close().await;
    close(export).await;
    closed?;
    Ok(end(&reason))
}

async fn show<W: Wiring>(folder: &Path, wiring: &W) -> Outcome {
    let data = match open(folder) {
        Ok(data) => data,
        Err(exit) => return Ok(exit),
    };
    let listeners = Listeners {
        edge: bind("127.0.0.1:0", "the edge").await?,
        admin: bind("127.0.0.1:0", "admin").await?,
    };
    let addresses = (listeners.edge.local_addr()?, listeners.admin.local_addr()?);
    let (tasks, world_tasks) = (Tasks::new(), TaskTracker::new());
    let mut world = World::start(data.path(), addresses.0, SystemClock::shared(), &world_tasks).await?;
    let config: Config = demo::configuration(data.path(), addresses, &world)?;
    telemetry::init(&config.telemetry)?;
    let Some(journeys) = config::journeys(&config) else { return Ok(Exit::Config) };
    let product = embedded::start(&config, &data, journeys, (listeners, &tasks), wiring).await?;
    world.put_deals(&product.clocks)?;
    let (reader, clocks, shutdown) = (product.reader.clone(), product.clocks.clone(), tasks.shutdown());
    tasks.spawn("demo", demo::play(world, reader, clocks, shutdown));
    let reason = tasks.run_until_done(config.http.shutdown).await;
    product.close().await?;
    Ok(end(&reason))
}

/// The data folder, locked for this process; else why is said on standard error, and the exit code is given.
fn open(folder: &Path) -> Result<DataDir, Exit> {
    DataDir::open(folder).map_err(|error| {
        complain(format_args!("{error}"));
        error.exit()
    })
}

pub(super) async fn bind(address: &str, setting: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("AG0023: {setting}: {address} cannot be listened on"))
}

/// Traces and metrics go to the collector of the configuration, if it names one.
pub(super) fn export(config: &Config, role: Option<&'static str>) -> anyhow::Result<Option<Export>> {
    let process = Process { role, version: env!("CARGO_PKG_VERSION") };
    let metrics = Metrics::install(process.version)?;
    Ok(telemetry::export(&config.telemetry, process, &metrics)?)
}

/// Ends the export, last of all: what the end itself did is part of it.
pub(super) async fn close(export: Option<Export>) {
    if let Some(export) = export {
        export.close().await;
    }
}

pub(super) fn end(reason: &ExitReason) -> Exit {
    match reason {
        ExitReason::Done => {}
        ExitReason::CutOff { tasks } => tracing::warn!(?tasks, "cut off; what they had begun is found again"),
        ExitReason::Failed { task, reason } => complain(format_args!("afterglow: {task}: {reason}")),
    }
    reason.exit()
}
