//! `afterglow attempts list|resolve`: calls whose end only a person can find out, and gifts that are paid for
//! and were not handed over.

use std::path::PathBuf;

use afterglow_dispatcher::query::{AttemptView, Rows as _};
use afterglow_dispatcher::{Resolution, resolve};
use afterglow_domain::AttemptId;
use afterglow_service::exit::Exit;
use anyhow::Context as _;

use super::product::{OnProduct, Product, Where};
use super::{counted, say};
use crate::cli::Outcome;
use crate::ground;
use crate::roles::dispatcher;

/// How many are listed at most: more than a person decides in one sitting.
const LISTED_MAX: u32 = 10_000;

/// What to do with calls in doubt and gifts that were not handed over.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Print what waits for a person, oldest first: calls in doubt, gifts not handed over.
    List(List),
    /// Say what became of one, after looking at the vendor's own screen.
    Resolve(Resolve),
}

/// Of which product.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    product: Where,
}

/// A person's decision.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("found").required(true))]
pub(crate) struct Resolve {
    /// The attempt, as `attempts list` names it.
    id: AttemptId,
    /// The configuration of the product that made the call.
    #[arg(long, value_name = "FILE")]
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
        Command::List(list) => list.product.run(list),
        Command::Resolve(decision) => Where::of(decision.config.clone()).run(decision),
    }
}

impl OnProduct for List {
    async fn on<P: Product>(&self, product: &P) -> Outcome {
        let attempts = product.readers(&ground::DISPATCHER).await?.for_a_person(LISTED_MAX).await?;
        for attempt in &attempts {
            say(format_args!("{}", line(attempt)))?;
        }
        say(format_args!("{} for a person", counted(attempts.len(), "call waits", "calls wait")))?;
        Ok(Exit::Ok)
    }
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

impl OnProduct for Resolve {
    async fn on<P: Product>(&self, product: &P) -> Outcome {
        let config = product.config().context("a product that is named by its configuration has one")?;
        let (options, clocks) = (dispatcher::options(config)?, product.clocks(config).await?);
        let store = product.store(&ground::DISPATCHER).await?;
        let resolution = if self.sent { Resolution::Sent } else { Resolution::NotSent };
        resolve(&store, &options, &clocks, self.id, resolution).await?;
        say(format_args!("{} is {}", self.id, if self.sent { "sent" } else { "not sent" }))?;
        Ok(Exit::Ok)
    }
}
