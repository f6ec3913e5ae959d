//! `afterglow dead-letters replay`: puts letters back on their topic, beside the running product or for
//! the next start.

use afterglow_domain::EventId;
use afterglow_durable::sqlite::{Store, read_letter, read_open_ids};
use afterglow_durable::{Replay, replay};
use afterglow_service::clock::SystemClock;
use afterglow_service::exit::Exit;

use crate::cli::{DataFolder, Outcome};
use crate::commands::role_file::{ROLES, RoleFile};
use crate::commands::{complain, counted, say};

/// How many letters of a role go back in one run: enough for any accident, and few enough that their ids
/// are a small list.
const REPLAYED_MAX: usize = 10_000;

/// Which letters.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    data: DataFolder,
    /// The letters, as `dead-letters list` names them.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    ids: Vec<EventId>,
    /// Every open letter, oldest first.
    #[arg(long)]
    all: bool,
    /// Of them only those whose reason contains this text.
    #[arg(long, requires = "all")]
    reason: Option<String>,
    /// Of them only those of this role.
    #[arg(long, requires = "all", value_parser = ROLES.map(|file| file.role))]
    role: Option<String>,
}

/// What came of a run.
#[derive(Debug, Default)]
struct Tally {
    replayed: usize,
    /// Not known, or of no topic that this program has.
    failed: usize,
}

pub(super) async fn run(args: &Args) -> Outcome {
    let mut tally = Tally::default();
    let mut unknown = args.ids.clone();
    for file in ROLES {
        let ids =
            if args.all { matching(file, args).await? } else { among(file, args, &mut unknown).await? };
        if ids.is_empty() {
            continue;
        }
        let store = file.open(&args.data.data_dir).await?;
        for id in ids {
            put_back(&store, id, &mut tally).await?;
        }
    }
    for id in &unknown {
        complain(format_args!("there is no dead letter {id}; see `afterglow dead-letters list --all`"));
    }
    tally.failed += unknown.len();
    say(format_args!(
        "{} replayed; the running product takes what goes back now, or the next start does",
        counted(tally.replayed, "dead letter", "dead letters")
    ))?;
    Ok(if tally.failed == 0 { Exit::Ok } else { Exit::Findings })
}

/// The open letters of a role that the filters let through, oldest first.
async fn matching(file: RoleFile, args: &Args) -> anyhow::Result<Vec<EventId>> {
    if args.role.as_ref().is_some_and(|role| role != file.role) {
        return Ok(Vec::new());
    }
    let readers = file.read(&args.data.data_dir).await?;
    Ok(read_open_ids(&readers, args.reason.as_deref().unwrap_or_default(), REPLAYED_MAX).await?)
}

/// Takes the letters of a role out of those that nobody was found for yet.
async fn among(file: RoleFile, args: &Args, unknown: &mut Vec<EventId>) -> anyhow::Result<Vec<EventId>> {
    let readers = file.read(&args.data.data_dir).await?;
    let (mut here, mut elsewhere) = (Vec::new(), Vec::new());
    for id in std::mem::take(unknown) {
        let found = read_letter(&readers, id).await?.is_some();
        if found { here.push(id) } else { elsewhere.push(id) }
    }
    *unknown = elsewhere;
    Ok(here)
}

async fn put_back(store: &Store, id: EventId, tally: &mut Tally) -> anyhow::Result<()> {
    match replay(store, id, SystemClock::shared().now()).await? {
        Replay::Done(topic) => {
            tally.replayed += 1;
            say(format_args!("{id} goes back to {topic}"))?;
        }
        Replay::Already(at) => {
            say(format_args!("{id} was replayed at {at}; nothing was done"))?;
        }
        Replay::NoTopic(topic) => {
            tally.failed += 1;
            complain(format_args!(
                "{id} stays: this program has no topic {topic:?}; use the one that wrote it"
            ));
        }
        Replay::NoSuchLetter => {
            tally.failed += 1;
            complain(format_args!("{id} is not there any more"));
        }
    }
    Ok(())
}
