//! A role's members of a consumer group: one for each topic that it reads.
//!
//! Kafka evens out how many partitions each member has, and not how many of each topic: with one member for
//! all topics, one of two replicas may have all of the busy one. Members of one topic share that topic.
//!
//! A member lives on a thread of its own ([`member`]), which polls librdkafka, fills one bounded buffer per
//! partition and commits offsets behind the role's decisions. What the role polls comes from the buffers
//! ([`lanes`]). Where a partition goes on is decided when it is assigned ([`start`]): by the role's own
//! cursor, with the group's committed offset held against it.
//!
//! A partition that is taken away takes its buffered records along. Records of it that were handed out
//! already are decided by both members; identity makes the second decision a repetition.

mod lanes;
mod member;
mod start;
mod watch;

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use afterglow_domain::Shard;
use afterglow_events::{Checkpoints, Consume, ConsumeError, Cursor, Received, Topic};
use tokio::time::Instant;

use super::settings::Settings;
use crate::error::Error;
use crate::metric::{self, Tally};
use lanes::Shared;
use member::Member;
use start::Place;

/// How long leaving the group may take: librdkafka's close can hang, and a process must be able to end. The
/// group then learns of it when the session times out.
const LEAVE_MAX: Duration = Duration::from_secs(10);

/// A role's members of a group. Dropping them leaves the group, within [`LEAVE_MAX`].
pub struct KafkaConsumer {
    shared: Arc<Shared>,
    /// Says that the threads have ended, by being closed.
    ended: Receiver<Infallible>,
    group: String,
    partitions: u16,
}

/// Counts what a producer with a partitioner of its own has written elsewhere.
fn count_foreign(records: &[Received], partitions: u16) {
    for received in records {
        if received.partition != Shard::of(received.record.key_text()).partition(partitions) {
            metrics::counter!(metric::FOREIGN, "topic" => received.record.topic.short_name()).increment(1);
        }
    }
}

impl KafkaConsumer {
    /// Joins the group; nothing here waits for the broker. Runs on the current Tokio runtime's checkpoints.
    pub(super) fn start<C: Checkpoints>(
        settings: &Arc<Settings>,
        group: &str,
        topics: &[Topic],
        checkpoints: C,
    ) -> Result<Self, Error> {
        let shared = Arc::new(Shared::new(topics));
        let join = |topic: &Topic| {
            let (settings, group) = (settings.clone(), group.to_owned());
            let runtime = tokio::runtime::Handle::current();
            Member::join(Place { settings, group, topic: *topic, runtime }, shared.clone())
        };
        let members = topics.iter().map(join).collect::<Result<Vec<_>, _>>()?;
        let (ending, ended) = std::sync::mpsc::channel();
        let (group, partitions) = (group.to_owned(), settings.partitions);
        let consumer = Self { shared, ended, group, partitions };
        let checkpoints = Arc::new(checkpoints);
        let mut members = members.into_iter();
        let spawned =
            members.try_for_each(|member| consumer.spawn(member, checkpoints.clone(), ending.clone()));
        // Only threads hold it from here on: whoever drops the consumer waits for all that have it.
        drop(ending);
        spawned.map(|()| consumer)
    }

    /// Gives a member its thread, which drops `ending` when it has left.
    fn spawn<C: Checkpoints>(
        &self,
        member: Member,
        checkpoints: Arc<C>,
        ending: Sender<Infallible>,
    ) -> Result<(), Error> {
        let thread = std::thread::Builder::new().name(format!("kafka-{}", member.topic().short_name()));
        let told = self.shared.clone();
        let spawned = thread.spawn(move || {
            // The checkpoints are somebody else's code, and a thread that is gone must not look like no records.
            let ran = catch_unwind(AssertUnwindSafe(|| member.run(&*checkpoints)));
            if ran.is_err() {
                let what = "Kafka's consumer crashed; restart the process and report the panic in its log";
                told.stop(ConsumeError::Unavailable(what.to_owned()));
            }
            drop(ending);
        });
        spawned.map_err(|error| Error::Unavailable(format!("no thread for Kafka's consumer: {error}")))?;
        Ok(())
    }
}

impl Consume for KafkaConsumer {
    /// Also waits, for some seconds, until a partition that was assigned a moment ago has been read up to
    /// where it ended then: empty means that there was nothing.
    async fn poll(&mut self, max: usize, wait: Duration) -> Result<Vec<Received>, ConsumeError> {
        let until = Instant::now() + wait;
        loop {
            let changed = self.shared.changed();
            let now = Instant::now();
            let turn = self.shared.turn(max, now)?;
            if !turn.records.is_empty() {
                Tally::of(turn.records.iter().map(|received| &received.record)).received(&self.group);
                count_foreign(&turn.records, self.partitions);
                return Ok(turn.records);
            }
            if now >= until {
                if let Some(trouble) = turn.trouble {
                    return Err(ConsumeError::Unavailable(trouble));
                }
                if !turn.behind {
                    return Ok(Vec::new());
                }
            }
            let next_look = if turn.behind || now >= until { now + lanes::LOOK_INTERVAL } else { until };
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep_until(next_look) => {}
            }
        }
    }

    /// Kafka is told soon, with what has come together until then. A commit that gets lost is no loss: the
    /// cursor is durable in the store.
    async fn commit(&mut self, cursors: &[Cursor]) -> Result<(), ConsumeError> {
        self.shared.committed(cursors);
        Ok(())
    }

    async fn rewind(&mut self) -> Result<(), ConsumeError> {
        self.shared.rewind(Instant::now());
        Ok(())
    }
}

impl Drop for KafkaConsumer {
    fn drop(&mut self) {
        self.shared.close();
        let left = self.ended.recv_timeout(LEAVE_MAX);
        if matches!(left, Err(RecvTimeoutError::Timeout)) {
            tracing::warn!(
                group = self.group,
                "Kafka: the group was not left in time; it notices in seconds"
            );
        }
    }
}
