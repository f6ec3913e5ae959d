//! `afterglow log continue`: goes on where a role's cursor and the log no longer fit.
//!
//! A role stops rather than skip or repeat in silence. After a person has decided, this moves its cursor
//! into the log: to the first record that is still there where retention has overtaken it, to the end where
//! the log is shorter than remembered.

use std::path::Path;

use afterglow_durable::{ShardSet, Store as _, Tx as _, Writes};
use afterglow_eventlog::{LogReader, Source as _};
use afterglow_events::{Cursor, Topic};
use afterglow_service::clock::SystemClock;
use afterglow_service::data_dir::DataDir;
use afterglow_service::exit::Exit;

use super::role_file::{ROLES, RoleFile};
use super::{block_on, counted, say};
use crate::cli::{DataFolder, Outcome, Usage};

/// What to do with the log.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Move the cursors that no longer fit a partition into it; the product must be stopped.
    Continue(Continue),
}

/// Which partition.
#[derive(Debug, clap::Args)]
pub(crate) struct Continue {
    #[command(flatten)]
    data: DataFolder,
    /// The topic, as the message named it.
    #[arg(long, value_parser = super::tail::topic)]
    topic: Topic,
    /// The partition, as the message named it.
    #[arg(long)]
    partition: u16,
}

pub(crate) fn run(command: &Command) -> Outcome {
    let Command::Continue(place) = command;
    block_on(go_on(place))
}

async fn go_on(place: &Continue) -> Outcome {
    // Only one of us: a running product keeps its cursors in memory.
    let data = match DataDir::open(&place.data.data_dir) {
        Ok(data) => data,
        Err(error) => {
            super::complain(format_args!("{error}"));
            return Ok(error.exit());
        }
    };
    let log = LogReader::open_read_only(data.file("log.db")).await?;
    let ends = log.ends(place.topic).await?;
    let of_partition = ends.iter().find(|(partition, ..)| *partition == place.partition);
    let &(_, start, end) = of_partition.ok_or_else(|| {
        Usage(format!("{} has partitions 0 to {}", place.topic, ends.len().saturating_sub(1)))
    })?;
    let mut moved = 0;
    for file in ROLES {
        moved += usize::from(move_cursor((file, data.path()), place, &log, (start, end)).await?);
    }
    say(format_args!("{} moved", counted(moved, "cursor", "cursors")))?;
    Ok(Exit::Ok)
}

/// Moves the role's cursor if it lies outside of the partition, or stands behind a record that is another
/// one now; whether it did.
async fn move_cursor(
    (file, folder): (RoleFile, &Path),
    place: &Continue,
    log: &LogReader,
    (start, end): (i64, i64),
) -> anyhow::Result<bool> {
    let (store, role) = (file.open(folder).await?, file.role);
    let known = store.cursors(role).await?;
    let of_place = |cursor: &&Cursor| (cursor.topic, cursor.partition) == (place.topic, place.partition);
    let Some(known) = known.iter().find(of_place) else { return Ok(false) };
    let next_offset = known.next_offset.clamp(start, end);
    let before = log.read(place.topic, place.partition, next_offset - 1, 1).await?;
    let before = before.first().filter(|received| received.offset == next_offset - 1);
    let id = before.and_then(|received| received.record.header("ce_id")).unwrap_or_default();
    let last_event_id = id.to_owned();
    if (next_offset, &last_event_id) == (known.next_offset, &known.last_event_id) {
        return Ok(false);
    }
    let at = SystemClock::shared().now();
    let cursor = Cursor { next_offset, last_event_id, at, ..known.clone() };
    let mut tx = store.begin(&ShardSet::default()).await?;
    tx.write(Writes { cursors: vec![(role.to_owned(), cursor)], ..Writes::default() }).await?;
    tx.commit().await?;
    let (from, topic) = (known.next_offset, place.topic);
    say(format_args!("{role}: {topic} partition {} goes on at {next_offset} (was {from})", place.partition))?;
    Ok(true)
}
