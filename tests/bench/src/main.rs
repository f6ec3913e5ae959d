//! `make bench`: what the product costs, each figure beside its reference, measured in the same run.
//!
//! Servers and load generator are child processes of this same program, so that each one's CPU can be
//! told apart. Invariants: every figure is counted against what is in the log or the outbox afterwards,
//! and a wrong count ends the run without a table; nothing leaves loopback; the folder is removed.
//! Deliberately absent: opinions on what is fast enough beyond the aims that the table names, and
//! timing asserts, which a busy machine would break.

mod ask;
mod child;
mod customers;
mod edge;
mod figure;
mod machine;
mod memory;
mod options;
mod processor;
mod product;
mod report;
mod scaled;
mod timers;

use std::future::Future;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use afterglow_domain::{Clock, Timestamp};
use afterglow_service::clock::SystemClock;
use anyhow::Context as _;
use clap::Parser as _;

use options::{Cli, Role, Scale};
use report::{Report, TimersTable};
use scaled::scale::Scale as ScaledScale;

fn main() -> ExitCode {
    // The whole product, measured as a child, is this program too.
    if std::env::args().nth(1).is_some_and(|command| product::COMMANDS.contains(&command.as_str())) {
        return afterglow::cli::main_with(&afterglow::embedded::Plain);
    }
    let cli = Cli::parse();
    let outcome = match &cli.role {
        Some(Role::ServeEdge { folder }) => block_on(edge::server::serve_edge(folder)),
        Some(Role::ServeEdgeKafka(place)) => block_on(edge::server::serve_edge_kafka(place)),
        Some(Role::ServeBareEdge(place)) => block_on(scaled::edge::bare::serve(place)),
        Some(Role::Engine(plan)) => block_on(scaled::lateness::engine::run(plan)),
        Some(Role::Bare(plan)) => block_on(scaled::bare::worker::run(plan)),
        Some(Role::ServeEmpty) => block_on(edge::server::serve_empty()),
        Some(Role::Load(plan)) => edge::load::run(plan),
        Some(Role::Timers { pending }) => block_on(alone(&cli, async |folder| {
            let scale = Scale { pending: *pending, ..cli.scale() };
            let timers = timers::measure(&scale, folder).await?;
            Ok(TimersTable { timers: &timers, pending: *pending }.to_string())
        })),
        Some(Role::Scaled) => {
            block_on(alone(&cli, async |folder| Ok(scaled::measure(cli.scaled(), folder).await?.to_string())))
        }
        Some(Role::Edge) => block_on(alone(&cli, async |folder| {
            Ok(scaled::report::edge(&scaled::edge_alone(cli.scaled(), folder).await?))
        })),
        Some(Role::Decisions { engines }) => block_on(alone(&cli, async |folder| {
            let scale = ScaledScale { replicas: engines.clone(), ..cli.scaled() };
            Ok(scaled::report::decisions(&scaled::decisions_alone(&scale, folder).await?))
        })),
        Some(Role::Lateness) => block_on(alone(&cli, async |folder| {
            Ok(scaled::report::lateness(&scaled::lateness_alone(cli.scaled(), folder).await?))
        })),
        Some(Role::Embedded) => block_on(conduct(&cli, false)),
        None => block_on(conduct(&cli, true)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where even standard error is closed there is nobody left to tell.
            let _nobody_listens = writeln!(std::io::stderr().lock(), "afterglow-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn block_on(future: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(future)
}

/// Measures the embedded product, and the scaled one if asked to, and writes the tables.
async fn conduct(cli: &Cli, with_scaled: bool) -> anyhow::Result<()> {
    let clock = SystemClock::default();
    let scale = cli.scale();
    let folder = cli.folder().context("a folder for the measured files")?;
    let machine = machine::Machine::look(folder.path())?;
    let began = clock.now();
    progress("edge: signed webhooks into the durable log, beside an empty handler")?;
    let edge = edge::measure(&scale, folder.path()).await.context("edge")?;
    progress("memory: the whole product before and after webhooks")?;
    let memory = memory::measure(&scale, folder.path()).await.context("memory")?;
    progress("timers: the engine on SQLite, beside bare batched inserts")?;
    let timers = timers::measure(&scale, folder.path()).await.context("timers")?;
    let scaled = if with_scaled { Some(scaled::measure(cli.scaled(), folder.path()).await?) } else { None };
    let took = clock.now().since(began);
    let began = day_and_minute(began);
    let report = Report { machine, scale, began, took, edge, timers, memory, scaled };
    let text = report.to_string();
    writeln!(std::io::stdout().lock(), "{text}")?;
    if let Some(path) = cli.results().filter(|_| with_scaled) {
        std::fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    folder.close().context("removing the measured files")
}

/// Measures one part alone in a folder of its own, and prints its tables.
async fn alone(cli: &Cli, measure: impl AsyncFnOnce(&Path) -> anyhow::Result<String>) -> anyhow::Result<()> {
    let folder = cli.folder().context("a folder for the measured files")?;
    let tables = measure(folder.path()).await?;
    writeln!(std::io::stdout().lock(), "{tables}")?;
    folder.close().context("removing the measured files")
}

/// `2026-03-06 09:30 UTC`, of RFC 3339 in UTC.
fn day_and_minute(at: Timestamp) -> String {
    let text = at.to_string();
    let minute = text.get(..16).unwrap_or(&text);
    format!("{} UTC", minute.replace('T', " "))
}

/// One line to standard error, so that the table alone is on standard output.
pub(crate) fn progress(line: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stderr().lock(), "bench: {line}")?)
}
