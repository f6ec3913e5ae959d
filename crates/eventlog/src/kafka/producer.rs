//! The producer, and the next one where it has failed for good.
//!
//! librdkafka's idempotent producer ends when it cannot vouch for its sequence any more, or may not have an id:
//! from then on it refuses every record, and only another one helps. What it had queued is reported as failed,
//! record by record, by itself; whoever appended sends again, to the new one, and identity makes a record that
//! was written all the same a repetition.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::producer::{Producer as _, ThreadedProducer};
use tokio::time::Instant;

use super::delivery::Delivery;
use super::settings::{self, Settings};
use crate::error::Error;
use crate::metric;

/// How long after their timeout records may take to be reported: librdkafka looks once a second.
const REPORT_SLACK: Duration = Duration::from_secs(2);

/// How long a producer that has replaced another one is kept although it has failed, too: what a broker's
/// operator has to put right is not tried with every record.
const KEPT: Duration = Duration::from_secs(10);

/// A producer, flushed before it is dropped: librdkafka's own drop throws away what is queued.
pub(super) struct Producer {
    pub(super) client: ThreadedProducer<Delivery>,
    pub(super) flush_timeout: Duration,
    /// What its predecessor has ended with, and when.
    after: Option<(String, Instant)>,
}

impl Producer {
    fn new(settings: &Settings, after: Option<(String, Instant)>) -> Result<Self, Error> {
        let client = settings.producer().create_with_context(Delivery::new(settings));
        let client = client.map_err(|error| settings::refused(&error))?;
        Ok(Self { client, flush_timeout: settings.append_timeout + REPORT_SLACK, after })
    }

    /// Why it refuses every record, where it does.
    pub(super) fn failure(&self) -> Option<Error> {
        let reason = self.fatal()?;
        Some(Error::Unavailable(format!("Kafka's producer has failed, and a new one is tried: {reason}")))
    }

    fn fatal(&self) -> Option<String> {
        let (code, reason) = self.client.client().fatal_error()?;
        Some(if reason.is_empty() { code.to_string() } else { reason })
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        if let Err(error) = self.client.flush(self.flush_timeout) {
            tracing::warn!(error = %error, "Kafka: records that nobody waits for were given up");
        }
    }
}

/// The producer that all clones of a log share.
pub(super) struct Producers {
    settings: Arc<Settings>,
    current: Mutex<Arc<Producer>>,
}

impl Producers {
    pub(super) fn new(settings: Arc<Settings>) -> Result<Self, Error> {
        let first = Arc::new(Producer::new(&settings, None)?);
        Ok(Self { settings, current: Mutex::new(first) })
    }

    /// The one to send with: another one where the last has failed for good.
    pub(super) fn current(&self) -> Arc<Producer> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(reason) = current.fatal() else { return current.clone() };
        let told = match &current.after {
            Some((_, since)) if since.elapsed() < KEPT => return current.clone(),
            Some((last, _)) => *last == reason,
            None => false,
        };
        let next = match Producer::new(&self.settings, Some((reason.clone(), Instant::now()))) {
            Ok(next) => Arc::new(next),
            Err(error) => {
                tracing::debug!(error = %error, "Kafka: no new producer");
                return current.clone();
            }
        };
        let failed = std::mem::replace(&mut *current, next);
        metrics::counter!(metric::PRODUCERS_RENEWED).increment(1);
        // Its last reports take a moment, and nobody here may wait.
        std::thread::spawn(move || drop(failed));
        // What goes on is said once; /readyz says it as long as it lasts.
        if !told {
            tracing::warn!(reason, "Kafka: the producer has failed for good, a new one goes on");
        }
        current.clone()
    }
}
