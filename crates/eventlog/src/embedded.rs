//! The log of one machine: one SQLite file, one writer, any number of readers.
//!
//! Appends are committed in groups: the writer takes what has queued up, writes it in one transaction
//! and answers every caller after COMMIT has returned, with `synchronous=FULL`. A lone record does not
//! wait for company; under load the queue that grows during one commit is the next group.
//!
//! Deliberately absent: a lock against a second product on the same folder (whoever owns the folder
//! takes it). A second process may append; offsets are given out inside the transaction.

mod fault;
mod file;
mod insert;
mod prune;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use reader::LogReader;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use afterglow_domain::{Clock, Timestamp};
use afterglow_events::{Append, AppendError, Checkpoints, Position, Record, Topic};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::task::TaskTracker;

use crate::admission::admit;
use crate::consumer::Consumer;
use crate::error::Error;
use crate::metric::{self, record_bytes};
use crate::options::Options;
use writer::{Command, Request, Writer};

/// How much may wait for the writer, in KiB: two thousand large webhooks, or some seconds of a slow
/// disk. Beyond it callers wait outside, and give up when their own patience ends.
const QUEUE_KIB_MAX: u32 = 32 * 1024;

/// How often retention is applied.
const PRUNE_INTERVAL: Duration = Duration::from_hours(1);

/// A log in a file. Clones share it.
#[derive(Clone)]
pub struct EmbeddedLog {
    queue: mpsc::UnboundedSender<Command>,
    /// The bound of `queue`, in KiB: every request holds its size until it is answered.
    room: Arc<Semaphore>,
    writer: TaskTracker,
    reader: LogReader,
    clock: Arc<dyn Clock>,
    retention: Duration,
}

impl EmbeddedLog {
    /// Opens the log, making or migrating the file as needed, and starts its writer.
    ///
    /// Errors: [`Error::Newer`], [`Error::Partitions`], [`Error::PartitionCount`] need a person,
    /// [`Error::Unavailable`] (disk, permissions, a lock held for seconds) may pass.
    pub async fn open(path: impl AsRef<Path>, options: Options) -> Result<Self, Error> {
        let path = path.as_ref();
        options.check()?;
        Self::open_with(path, file::write_options(path), options).await
    }

    async fn open_with(
        path: &Path,
        connect: sqlx::sqlite::SqliteConnectOptions,
        options: Options,
    ) -> Result<Self, Error> {
        file::prepare(path, &connect, options.partitions).await?;
        let reader = LogReader::open_read_only(path).await?;
        let (queue, commands) = mpsc::unbounded_channel();
        let writer = Writer::new(path, connect, commands, reader.hub(), options.clock.clone());
        let tracker = TaskTracker::new();
        tracker.spawn(writer.run());
        tracker.close();
        Ok(Self {
            queue,
            room: Arc::new(Semaphore::new(QUEUE_KIB_MAX as usize)),
            writer: tracker,
            reader,
            clock: options.clock,
            retention: options.retention,
        })
    }

    /// The group's reader of some topics, behind the cursors that `checkpoints` remembers.
    pub fn consumer<C: Checkpoints>(
        &self,
        group: &str,
        topics: &[Topic],
        checkpoints: C,
    ) -> Consumer<LogReader, C> {
        Consumer::new(self.reader.clone(), group, topics, checkpoints)
    }

    /// Reads and tails; it learns of this process's appends at once.
    pub fn reader(&self) -> LogReader {
        self.reader.clone()
    }

    /// Removes what is older than the retention at `now`, a thousand records per transaction, and says
    /// how many went. The file keeps its size; what is freed is used again.
    pub async fn prune(&self, now: Timestamp) -> Result<u64, Error> {
        let before = now.minus(self.retention);
        let mut pruned = 0;
        loop {
            let (answer, slice) = oneshot::channel();
            self.queue.send(Command::Prune { before, answer }).map_err(|_| stopped())?;
            let removed = slice.await.map_err(|_| stopped())??;
            if removed == 0 {
                metrics::counter!(metric::PRUNED).increment(pruned);
                return Ok(pruned);
            }
            pruned += removed;
        }
    }

    /// Applies the retention every hour. It ends only when the log's writer has ended: after
    /// [`Self::close`], or because it crashed. Dropping it does no harm.
    pub async fn maintain(&self) {
        loop {
            if let Err(error) = self.prune(self.clock.now()).await {
                tracing::warn!(error = %error, "retention of the log was not applied; next try in an hour");
            }
            tokio::select! {
                () = self.queue.closed() => return,
                () = tokio::time::sleep(PRUNE_INTERVAL) => {}
            }
        }
    }

    /// Takes nothing more, writes what is queued, and closes the file.
    pub async fn close(&self) {
        // An error means that the writer has ended already.
        let _ = self.queue.send(Command::Close);
        self.writer.wait().await;
        self.reader.close().await;
    }

    async fn write(&self, records: Vec<Record>) -> Result<Vec<Position>, AppendError> {
        let bytes: usize = records.iter().map(record_bytes).sum();
        // A call larger than the whole room takes all of it and goes alone.
        let kib = u32::try_from(bytes / 1024 + 1).unwrap_or(u32::MAX).min(QUEUE_KIB_MAX);
        let room = self.room.clone().acquire_many_owned(kib).await;
        let room = room.expect("nobody closes the semaphore");
        let (answer, outcome) = oneshot::channel();
        let unavailable = |error: Error| AppendError::Unavailable(error.to_string());
        let request = Request { records, answer, room };
        self.queue.send(Command::Append(request)).map_err(|_| unavailable(stopped()))?;
        outcome.await.map_err(|_| unavailable(stopped()))?.map_err(unavailable)
    }
}

impl Append for EmbeddedLog {
    /// One call is one transaction: all that is not too large is durable, or none of it is known to be.
    /// The future may be dropped at any time; what has not begun to be written then never is.
    async fn append(&self, records: Vec<Record>) -> Vec<Result<Position, AppendError>> {
        let (admitted, admission) = admit(records);
        let outcome = if admitted.is_empty() { Ok(Vec::new()) } else { self.write(admitted).await };
        admission.answer(outcome)
    }
}

fn stopped() -> Error {
    Error::Unavailable("the log has been closed; if nobody closed it, its writer crashed: restart".to_owned())
}
