//! `afterglow tail`: a topic as JSON lines.

use std::time::Duration;

use afterglow_eventlog::{Source, Tail, TailCursor, TailStart};
use afterglow_events::Topic;
use afterglow_service::exit::Exit;

use super::product::{OnProduct, Product, Where};
use super::say;
use crate::cli::{Outcome, Usage};
use crate::record_json;

/// How many records are read at once.
const BATCH: usize = 200;

/// How long `--follow` waits at a time; only the interval at which an interrupted pipe is noticed.
const WAIT: Duration = Duration::from_secs(1);

/// Which topic, from where, how long.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// webhooks, deals, signals, touchpoints, deliveries, journeys or dead-letters.
    #[arg(value_parser = topic)]
    topic: Topic,
    #[command(flatten)]
    product: Where,
    /// Wait for more at the end.
    #[arg(long, short)]
    follow: bool,
    /// Go on behind the record with this cursor.
    #[arg(long, conflicts_with = "now")]
    cursor: Option<String>,
    /// Start behind the newest record.
    #[arg(long)]
    now: bool,
    /// Stop after so many records.
    #[arg(long)]
    limit: Option<usize>,
}

pub(super) fn topic(name: &str) -> Result<Topic, String> {
    let known = || Topic::ALL.map(Topic::short_name).join(", ");
    Topic::parse(name).ok_or_else(|| format!("no such topic; there are {}", known()))
}

pub(crate) fn run(args: &Args) -> Outcome {
    args.product.run(args)
}

impl OnProduct for Args {
    async fn on<P: Product>(&self, product: &P) -> Outcome {
        print(self, product.log().await?).await
    }
}

async fn print(args: &Args, log: impl Source) -> Outcome {
    let start = match &args.cursor {
        Some(cursor) => TailStart::After(
            cursor.parse::<TailCursor>().map_err(|error| Usage(format!("--cursor: {error}")))?,
        ),
        None if args.now => TailStart::Now,
        None => TailStart::Beginning,
    };
    let mut tail = Tail::open(log, args.topic, start).await?;
    let mut left = args.limit.unwrap_or(usize::MAX);
    while left > 0 {
        let wait = if args.follow { WAIT } else { Duration::ZERO };
        let records = tail.next(BATCH.min(left), wait).await?;
        if records.is_empty() && !args.follow {
            break;
        }
        for tailed in &records {
            say(format_args!("{}", record_json::line(tailed)))?;
        }
        left -= records.len();
    }
    Ok(Exit::Ok)
}
