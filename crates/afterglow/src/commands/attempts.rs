//! `afterglow attempts list|resolve`: calls whose end only a person can find out, and gifts that are paid for
//! and were not handed over.

use std::path::PathBuf;

use afterglow_dispatcher::query::{self, AttemptView};
use afterglow_dispatcher::{Resolution, resolve, store};
use afterglow_domain::AttemptId;
use afterglow_durable::sqlite;
use afterglow_service::clock::{SystemClock, clocks};
use afterglow_service::exit::Exit;

use super::{block_on, config, counted, open, say};
use crate::cli::{DataFolder, Outcome};
use crate::roles::dispatcher;

/// How many are listed at most: more than a person decides in one sitting.
const LISTED_MAX: u32 = 10_000;

/// What to do with calls in doubt and gifts that were not handed over.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Print what waits for a person, oldest first: calls in doubt, gifts not handed over.
    List {
        #[command(flatten)]
        data: DataFolder,
    },
    /// Say what became of one, after looking at the vendor's own screen.
    Resolve(Resolve),
}

/// A person's decision.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("found").required(true))]
pub(crate) struct Resolve {
    /// The attempt, as `attempts list` names it.
    id: AttemptId,
    /// The configuration of the product that made the call.
    #[arg(long)]
    config: PathBuf,
    /// The vendor has it: it was sent. Of a gift that was not handed over: a person has done it.
    #[arg(long, group = "found")]
    sent: bool,
    /// The vendor does not have it. Of a gift that was not handed over: it is given up.
    #[arg(long, group = "found")]
    not_sent: bool,
}

pub(crate) fn run(command: &Command) -> Outcome {
    match command {
        Command::List { data } => block_on(list(data)),
        Command::Resolve(decision) => block_on(decide(decision)),
    }
}

async fn list(data: &DataFolder) -> Outcome {
    let readers = open(&data.data_dir, "dispatcher.db").await?;
    let attempts = query::for_a_person(&readers, LISTED_MAX).await?;
    for attempt in &attempts {
        say(format_args!("{}", line(attempt)))?;
    }
    say(format_args!("{} for a person", counted(attempts.len(), "call waits", "calls wait")))?;
    Ok(Exit::Ok)
}

fn line(attempt: &AttemptView) -> String {
    format!(
        "{}  {}  {}  {} at {} for touchpoint {}: {}",
        attempt.id,
        attempt.started_at,
        attempt.state.as_str(),
        attempt.step.as_str(),
        attempt.vendor,
        attempt.touchpoint,
        attempt.reason
    )
}

async fn decide(decision: &Resolve) -> Outcome {
    let Some(config) = config::load(&decision.config) else { return Ok(Exit::Config) };
    let (clocks, _anchor) = clocks(&config.clock, &config.data_dir, SystemClock::shared())?;
    let store =
        sqlite::Store::open_beside(&config.data_dir.join("dispatcher.db"), store::sqlite::MIGRATIONS).await?;
    let resolution = if decision.sent { Resolution::Sent } else { Resolution::NotSent };
    resolve(&store, &dispatcher::options(&config)?, &clocks, decision.id, resolution).await?;
    say(format_args!("{} is {}", decision.id, if decision.sent { "sent" } else { "not sent" }))?;
    Ok(Exit::Ok)
}
