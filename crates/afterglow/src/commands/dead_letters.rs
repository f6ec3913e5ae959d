//! `afterglow dead-letters list|show|replay`: what could not be used.

mod replay;
mod show;

use afterglow_durable::{Letters, ParkedLetter, ReadLetters as _};
use afterglow_service::exit::Exit;
use afterglow_service::telemetry::Escaped;

use super::product::{OnProduct, Product, Where};
use super::{counted, say};
use crate::cli::Outcome;
use crate::ground::ROLES;

/// What to do with what could not be used.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Print them, newest first: when, which role, where from, why.
    List(List),
    /// Print everything of one, its bytes too; they may hold personal data.
    Show(show::Args),
    /// Put letters back on the topic that they came from, after what stood in their way was mended.
    Replay(replay::Args),
}

/// Which of them.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    product: Where,
    /// At most so many per role.
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// Those that were replayed, too.
    #[arg(long)]
    all: bool,
    /// Print the record too, as Afterglow keeps it: the bytes of a sender stand in it as base64.
    #[arg(long)]
    raw: bool,
}

pub(crate) fn run(command: &Command) -> Outcome {
    match command {
        Command::List(list) => list.product.run(list),
        Command::Show(args) => args.product.run(args),
        Command::Replay(args) => args.product.run(args),
    }
}

impl OnProduct for List {
    async fn on<P: Product>(&self, product: &P) -> Outcome {
        let which = if self.all { Letters::All } else { Letters::Open };
        let mut count = 0;
        for role in ROLES {
            for letter in product.readers(&role).await?.read_parked(which, self.limit).await? {
                count += 1;
                say(format_args!("{}", line(role.role, &letter)))?;
                if self.raw {
                    say(format_args!("    {}", Escaped(&String::from_utf8_lossy(&letter.value))))?;
                }
            }
        }
        say(format_args!("{}", counted(count, "dead letter", "dead letters")))?;
        Ok(Exit::Ok)
    }
}

fn line(role: &str, letter: &ParkedLetter) -> String {
    let replayed = letter.replayed.map(|at| format!("  replayed {at}")).unwrap_or_default();
    format!(
        "{}  {role}  {}  {} bytes, tried {}  {}  ({}){replayed}",
        letter.at,
        origin(letter),
        letter.value.len(),
        times(letter.attempts),
        Escaped(&letter.reason),
        letter.id
    )
}

fn origin(letter: &ParkedLetter) -> String {
    if letter.offset < 0 {
        format!("on its way to {}", letter.topic)
    } else {
        format!("{} partition {} offset {}", letter.topic, letter.partition, letter.offset)
    }
}

fn times(count: u32) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}
