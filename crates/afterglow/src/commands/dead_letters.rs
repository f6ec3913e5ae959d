//! `afterglow dead-letters list|show|replay`: what could not be used.

mod replay;
mod show;

use afterglow_domain::EventId;
use afterglow_durable::ParkedLetter;
use afterglow_durable::sqlite::{Letters, read_parked};
use afterglow_service::exit::Exit;
use afterglow_service::telemetry::Escaped;

use super::role_file::ROLES;
use super::{block_on, counted, say};
use crate::cli::{DataFolder, Outcome};

/// What to do with what could not be used.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Print them, newest first: when, which role, where from, why.
    List {
        #[command(flatten)]
        data: DataFolder,
        /// At most so many per role.
        #[arg(long, default_value_t = 100)]
        limit: usize,
        /// Those that were replayed, too.
        #[arg(long)]
        all: bool,
        /// Print the record too, as Afterglow keeps it: the bytes of a sender stand in it as base64.
        #[arg(long)]
        raw: bool,
    },
    /// Print everything of one, its bytes too; they may hold personal data.
    Show {
        #[command(flatten)]
        data: DataFolder,
        /// The letter, as `dead-letters list` names it.
        id: EventId,
    },
    /// Put letters back on the topic that they came from, after what stood in their way was mended.
    Replay(replay::Args),
}

pub(crate) fn run(command: &Command) -> Outcome {
    match command {
        Command::List { data, limit, all, raw } => {
            let which = if *all { Letters::All } else { Letters::Open };
            block_on(list(data, (which, *limit), *raw))
        }
        Command::Show { data, id } => block_on(show::show(data, *id)),
        Command::Replay(args) => block_on(replay::run(args)),
    }
}

async fn list(data: &DataFolder, (which, limit): (Letters, usize), raw: bool) -> Outcome {
    let mut count = 0;
    for file in ROLES {
        let readers = file.read(&data.data_dir).await?;
        for letter in read_parked(&readers, which, limit).await? {
            count += 1;
            say(format_args!("{}", line(file.role, &letter)))?;
            if raw {
                say(format_args!("    {}", Escaped(&String::from_utf8_lossy(&letter.value))))?;
            }
        }
    }
    say(format_args!("{}", counted(count, "dead letter", "dead letters")))?;
    Ok(Exit::Ok)
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
