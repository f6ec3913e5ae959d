//! `afterglow dead-letters list`.

use afterglow_durable::{ParkedLetter, sqlite};
use afterglow_service::exit::Exit;
use afterglow_service::telemetry::Escaped;

use super::{block_on, counted, open, say};
use crate::cli::{DataFolder, Outcome};

/// The files of the roles, each with its own dead letters.
pub(super) const ROLES: [(&str, &str); 3] =
    [("ingest", "ingest.db"), ("journey-engine", "engine.db"), ("dispatcher", "dispatcher.db")];

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
        /// Print the record too, as Afterglow keeps it: the bytes of a sender stand in it as base64.
        #[arg(long)]
        raw: bool,
    },
}

pub(crate) fn run(command: &Command) -> Outcome {
    let Command::List { data, limit, raw } = command;
    block_on(list(data, *limit, *raw))
}

async fn list(data: &DataFolder, limit: usize, raw: bool) -> Outcome {
    let mut count = 0;
    for (role, file) in ROLES {
        let readers = open(&data.data_dir, file).await?;
        for letter in sqlite::read_parked(&readers, limit).await? {
            count += 1;
            say(format_args!("{}", line(role, &letter)))?;
            if raw {
                say(format_args!("    {}", Escaped(&String::from_utf8_lossy(&letter.value))))?;
            }
        }
    }
    say(format_args!("{}", counted(count, "dead letter", "dead letters")))?;
    Ok(Exit::Ok)
}

fn line(role: &str, letter: &ParkedLetter) -> String {
    let from = if letter.offset < 0 {
        format!("on its way to {}", letter.topic)
    } else {
        format!("{} partition {} offset {}", letter.topic, letter.partition, letter.offset)
    };
    format!(
        "{}  {role}  {from}  {} bytes, tried {} times  {}  ({})",
        letter.at,
        letter.value.len(),
        letter.attempts,
        Escaped(&letter.reason),
        letter.id
    )
}
