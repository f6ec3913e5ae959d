//! The one task that writes the file: takes what is queued, commits it, answers.
//!
//! Invariant: an answer is sent only after COMMIT has returned. Whatever fails, the connection is not
//! used again: the next group opens a new one, so the log heals when the disk does.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use afterglow_domain::{Clock, Shard, Timestamp};
use afterglow_events::record::headers_to_bytes;
use afterglow_events::{Position, Record};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};

use crate::bounds::Bounds;
use crate::embedded::fault::unavailable;
use crate::embedded::file;
use crate::embedded::insert::{Row, insert};
use crate::embedded::prune::prune_slice;
use crate::error::Error;
use crate::metric::{self, SentCounters, Tally, record_bytes};
use crate::topic_number;

/// Records of one commit: beyond it a commit costs more by its rows than by its sync.
const GROUP_RECORDS_MAX: usize = 500;

/// Bytes of one commit, so that the write-ahead log is not flooded by a few large records.
const GROUP_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What the writer is asked to do.
pub(super) enum Command {
    /// Write records.
    Append(Request),
    /// Remove one slice of what was taken before a moment, and say how many records went.
    Prune { before: Timestamp, answer: oneshot::Sender<Result<u64, Error>> },
    /// Write what is queued, then end.
    Close,
}

/// One call's records.
pub(super) struct Request {
    pub(super) records: Vec<Record>,
    pub(super) answer: oneshot::Sender<Result<Vec<Position>, Error>>,
    /// Room in the queue, free again when this is dropped.
    pub(super) room: OwnedSemaphorePermit,
}

/// The writer of one file.
pub(super) struct Writer {
    path: PathBuf,
    connect: SqliteConnectOptions,
    commands: mpsc::UnboundedReceiver<Command>,
    hub: Arc<watch::Sender<Bounds>>,
    clock: Arc<dyn Clock>,
    connection: Option<Connected>,
    healthy: bool,
    sent: SentCounters,
}

/// A connection and what it knows of the file.
struct Connected {
    sqlite: SqliteConnection,
    bounds: Bounds,
    newest: Timestamp,
    /// `PRAGMA data_version` for which `bounds` is right; it changes with another process's commits.
    data_version: Option<i64>,
}

impl Writer {
    pub(super) fn new(
        path: &Path,
        connect: SqliteConnectOptions,
        commands: mpsc::UnboundedReceiver<Command>,
        hub: Arc<watch::Sender<Bounds>>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let (connection, sent) = (None, SentCounters::default());
        Self { path: path.to_owned(), connect, commands, hub, clock, connection, healthy: true, sent }
    }

    pub(super) async fn run(mut self) {
        while let Some(command) = self.commands.recv().await {
            let mut next = Some(command);
            while let Some(command) = next.take() {
                match command {
                    Command::Append(request) => {
                        let (group, other) = self.collect(request);
                        next = other;
                        self.append(group).await;
                    }
                    Command::Prune { before, answer } => {
                        let outcome = self.prune(before).await;
                        // Nobody waits where the caller has gone; the records are removed all the same.
                        let _ = answer.send(outcome);
                    }
                    Command::Close => self.commands.close(),
                }
            }
        }
        if let Some(connected) = self.connection.take()
            && let Err(error) = connected.sqlite.close().await
        {
            tracing::warn!(error = %unavailable(&self.path, &error), "the log was not closed cleanly; nothing is lost");
        }
    }

    /// The request and what else is queued, up to the size of a group; and the command that ended it.
    fn collect(&mut self, first: Request) -> (Vec<Request>, Option<Command>) {
        let (mut records, mut bytes) = (0, 0);
        let mut group = Vec::new();
        let mut next = first;
        loop {
            // Whoever has given up gets no stray record later.
            if !next.answer.is_closed() {
                records += next.records.len();
                bytes += next.records.iter().map(record_bytes).sum::<usize>();
                group.push(next);
            }
            if records >= GROUP_RECORDS_MAX || bytes >= GROUP_BYTES_MAX {
                return (group, None);
            }
            match self.commands.try_recv() {
                Ok(Command::Append(request)) => next = request,
                Ok(other) => return (group, Some(other)),
                Err(_) => return (group, None),
            }
        }
    }

    async fn append(&mut self, group: Vec<Request>) {
        let mut records = Vec::new();
        let mut callers = Vec::with_capacity(group.len());
        for request in group {
            callers.push((request.answer, request.records.len(), request.room));
            records.extend(request.records);
        }
        if records.is_empty() {
            return;
        }
        let tally = Tally::of(records.iter());
        let count = records.len();
        let outcome = self.write(records).await;
        self.note_health(outcome.as_ref().err());
        if outcome.is_ok() {
            tally.sent(&self.sent);
            metrics::histogram!(metric::COMMIT_RECORDS)
                .record(f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
        }
        let mut positions = outcome.map(Vec::into_iter);
        for (answer, count, _room) in callers {
            let own = match &mut positions {
                Ok(positions) => Ok(positions.by_ref().take(count).collect()),
                Err(error) => Err(error.clone()),
            };
            // A caller that has gone in the meantime does not know that it is written: identity helps.
            let _ = answer.send(own);
        }
    }

    async fn write(&mut self, records: Vec<Record>) -> Result<Vec<Position>, Error> {
        let mut connected = self.connected().await?;
        let outcome = connected.append(records, self.clock.now()).await;
        self.finish(connected, outcome)
    }

    async fn prune(&mut self, before: Timestamp) -> Result<u64, Error> {
        let mut connected = self.connected().await?;
        let outcome = connected.prune(before).await;
        self.finish(connected, outcome)
    }

    async fn connected(&mut self) -> Result<Connected, Error> {
        if let Some(connected) = self.connection.take() {
            return Ok(connected);
        }
        let sqlite = self.connect.connect().await.map_err(|error| unavailable(&self.path, &error))?;
        let bounds = Bounds::empty(self.hub.borrow().partitions());
        Ok(Connected { sqlite, bounds, newest: Timestamp::EPOCH, data_version: None })
    }

    /// Keeps the connection after a success, and tells the readers.
    fn finish<T>(&mut self, connected: Connected, outcome: Result<T, sqlx::Error>) -> Result<T, Error> {
        let value = outcome.map_err(|error| unavailable(&self.path, &error))?;
        self.hub.send_if_modified(|known| known.merge(&connected.bounds));
        self.connection = Some(connected);
        Ok(value)
    }

    /// One line when trouble begins, one when it ends.
    fn note_health(&mut self, error: Option<&Error>) {
        match error {
            Some(error) if self.healthy => tracing::error!(error = %error, "the log takes no records"),
            None if !self.healthy => {
                tracing::info!(path = %self.path.display(), "the log takes records again");
            }
            _ => {}
        }
        self.healthy = error.is_none();
    }
}

impl Connected {
    async fn append(&mut self, records: Vec<Record>, now: Timestamp) -> Result<Vec<Position>, sqlx::Error> {
        let mut transaction = self.sqlite.begin_with("BEGIN IMMEDIATE").await?;
        refresh(&mut transaction, &mut self.bounds, &mut self.newest, &mut self.data_version).await?;
        let taken_at = now.max(self.newest);
        let mut bounds = self.bounds.clone();
        let (positions, rows) =
            records.into_iter().map(|record| place(record, &mut bounds, taken_at)).unzip();
        insert(&mut transaction, rows).await?;
        transaction.commit().await?;
        (self.bounds, self.newest) = (bounds, taken_at);
        Ok(positions)
    }

    async fn prune(&mut self, before: Timestamp) -> Result<u64, sqlx::Error> {
        let mut transaction = self.sqlite.begin_with("BEGIN IMMEDIATE").await?;
        refresh(&mut transaction, &mut self.bounds, &mut self.newest, &mut self.data_version).await?;
        let mut bounds = self.bounds.clone();
        let removed = prune_slice(&mut transaction, &mut bounds, before).await?;
        transaction.commit().await?;
        self.bounds = bounds;
        Ok(removed)
    }
}

/// Reads the bounds anew if another connection has written since; called under the write lock.
async fn refresh(
    sqlite: &mut SqliteConnection,
    bounds: &mut Bounds,
    newest: &mut Timestamp,
    data_version: &mut Option<i64>,
) -> Result<(), sqlx::Error> {
    let current: i64 = sqlx::query_scalar("PRAGMA data_version").fetch_one(&mut *sqlite).await?;
    if *data_version != Some(current) {
        (*bounds, *newest) = file::bounds(&mut *sqlite, bounds.partitions()).await?;
        *data_version = Some(current);
    }
    Ok(())
}

/// Where a record goes, and the row that puts it there. The partition follows from the key's text, as
/// everywhere; a stranger's key that is no text shares the partition of the empty one.
fn place(record: Record, bounds: &mut Bounds, taken_at: Timestamp) -> (Position, Row) {
    let partition = Shard::of(record.key_text()).partition(bounds.partitions());
    let offset = bounds.take_offset(record.topic, partition);
    let row = Row {
        topic: topic_number::of(record.topic),
        partition,
        offset,
        taken_at: taken_at.0,
        headers: headers_to_bytes(&record.headers),
        key: Vec::from(record.key),
        value: Vec::from(record.value),
    };
    (Position { partition, offset }, row)
}
