//! What a log must offer so that it can be consumed and tailed.

use std::future::Future;

use afterglow_events::{Received, Topic};
use tokio::sync::watch;

use crate::bounds::Bounds;
use crate::error::Error;

/// A log that can be read by position. Between a partition's bounds an offset may be without a record only
/// where a stranger's transaction ended on Kafka.
pub trait Source: Clone + Send + Sync + 'static {
    /// Names this log among all others, in hexadecimal digits: a cursor of another one is refused.
    fn log_id(&self) -> &str;

    /// Partitions of each topic.
    fn partitions(&self) -> u16;

    /// The bounds as they are now, all at one moment; what is learnt reaches [`Source::known`] too.
    fn bounds(&self) -> impl Future<Output = Result<Bounds, Error>> + Send;

    /// The bounds as known to this process; changes with every append that it makes or learns of.
    fn known(&self) -> watch::Receiver<Bounds>;

    /// Records from an offset on, at most `max` and at most about a megabyte, but at least one if it
    /// is there. Where the offset is gone, what follows it is returned: callers look at the first.
    fn read(
        &self,
        topic: Topic,
        partition: u16,
        from: i64,
        max: usize,
    ) -> impl Future<Output = Result<Vec<Received>, Error>> + Send;
}
