//! `afterglow dead-letters replay`: puts letters back on their topic, beside the running product or for
//! the next start.

use afterglow_domain::EventId;
use afterglow_durable::{ReadLetters, Replay, Store, replay};
use afterglow_service::clock::SystemClock;
use afterglow_service::exit::Exit;

use crate::cli::Outcome;
use crate::commands::product::{OnProduct, Product, Where};
use crate::commands::{complain, counted, say};
use crate::ground::ROLES;

/// How many letters of a role go back in one run: enough for any accident, and few enough that their ids
/// are a small list.
const REPLAYED_MAX: usize = 10_000;

/// Which letters.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(super) product: Where,
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
    #[arg(long, requires = "all", value_parser = ROLES.map(|role| role.role))]
    role: Option<String>,
}

/// What came of a run.
#[derive(Debug, Default)]
struct Tally {
    replayed: usize,
    /// Not known, or of no topic that this program has.
    failed: usize,
}

impl OnProduct for Args {
    async fn on<P: Product>(&self, product: &P) -> Outcome {
        let mut tally = Tally::default();
        let mut unknown = self.ids.clone();
        for role in ROLES {
            let readers = product.readers(&role).await?;
            let ids = if self.all {
                matching(&readers, role.role, self).await?
            } else {
                among(&readers, &mut unknown).await?
            };
            if ids.is_empty() {
                continue;
            }
            let store = product.store(&role).await?;
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
}

/// The open letters of a role that the filters let through, oldest first.
async fn matching(readers: &impl ReadLetters, role: &str, args: &Args) -> anyhow::Result<Vec<EventId>> {
    if args.role.as_ref().is_some_and(|wanted| wanted != role) {
        return Ok(Vec::new());
    }
    Ok(readers.read_open_ids(args.reason.as_deref().unwrap_or_default(), REPLAYED_MAX).await?)
}

/// Takes the letters of a role out of those that nobody was found for yet.
async fn among(readers: &impl ReadLetters, unknown: &mut Vec<EventId>) -> anyhow::Result<Vec<EventId>> {
    let (mut here, mut elsewhere) = (Vec::new(), Vec::new());
    for id in std::mem::take(unknown) {
        let found = readers.read_letter(id).await?.is_some();
        if found { here.push(id) } else { elsewhere.push(id) }
    }
    *unknown = elsewhere;
    Ok(here)
}

async fn put_back(store: &impl Store, id: EventId, tally: &mut Tally) -> anyhow::Result<()> {
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
