//! What follows from a read that failed: the row waits, and stays until it is read or parked.

use std::time::Duration;

use afterglow_crm::Error as ReadError;
use afterglow_domain::shard::murmur2;
use afterglow_domain::{Disposition, EventId};
use afterglow_durable::{ParkedLetter, parked};
use afterglow_events::proto::{WebhookKind, WebhookReceived};
use afterglow_events::{Body, Envelope, Event, convert, identity};
use uuid::Uuid;

use super::Turn;
use crate::resolver::Options;
use crate::store::Refresh;
use crate::{ROLE, SOURCE, codes, place};

/// Spreads the rows of a connection that wakes up again.
const WAKE_SPREAD: Duration = Duration::from_secs(1);

impl<R> Turn<'_, R> {
    /// Keeps the row for later. A whole connection waits where the CRM says so; a deal alone otherwise.
    pub(super) fn failed(&mut self, row: &Refresh, error: &ReadError) {
        let options = &self.resolver.options;
        let lane = self.resolver.lanes.of(&row.deal);
        let failures = row.failures + 1;
        let spread = fraction(options.seed, row.id(), failures);
        let (failures, due) = match error {
            ReadError::RateLimited { retry_after, .. } => {
                let until = self.now.plus(*retry_after);
                lane.inspect(|lane| lane.pause(until));
                (row.failures, until.plus(WAKE_SPREAD.mul_f64(spread)))
            }
            ReadError::Unauthorised { .. } => {
                let until = self.now.plus(options.unauthorised_pause);
                lane.inspect(|lane| {
                    lane.pause(until);
                    lane.broken(true, &error.to_string());
                });
                (row.failures, until.plus(WAKE_SPREAD.mul_f64(spread)))
            }
            ReadError::Unavailable { .. } | ReadError::Invalid { .. } => {
                (failures, self.now.plus(backoff(options, failures, spread)))
            }
        };
        if error.disposition() == Disposition::Park && failures >= options.invalid_attempts_max {
            self.park(row, error);
            return;
        }
        tracing::warn!(code = codes::READ_FAILS, deal = %row.deal, failures, %error,
            "resolver: a deal cannot be read now; its hint is kept");
        let problem = Some(error.to_string());
        self.pending.put(Refresh { claimed: false, failures, due, problem, ..row.clone() });
    }

    /// Keeps the row until the deal that it went into is known; perhaps that one never answers, so it is
    /// waited for as for a failing read.
    pub(super) fn unmerged(&mut self, row: &Refresh) {
        let options = &self.resolver.options;
        let failures = row.failures + 1;
        let due = self.now.plus(backoff(options, failures, fraction(options.seed, row.id(), failures)));
        tracing::debug!(deal = %row.deal, failures, "resolver: a merged deal waits for its survivor");
        let problem = Some("it went into a deal that is not known yet".to_owned());
        self.pending.put(Refresh { claimed: false, failures, due, problem, ..row.clone() });
    }

    fn park(&mut self, row: &Refresh, error: &ReadError) {
        tracing::error!(code = codes::READ_UNUSABLE, deal = %row.deal, %error,
            "resolver: a deal's hint became a dead letter");
        let letter = self.letter(row, error);
        let encoding = self.resolver.options.encoding;
        self.writes.outbox.push(parked::outbox_of(ROLE, &letter, row.shard(), encoding));
        self.writes.parked.push(letter);
        self.pending.remove(row.id());
    }

    /// A letter that says "look at this deal" again when it is replayed.
    fn letter(&self, row: &Refresh, error: &ReadError) -> ParkedLetter {
        let key = place::record_key(&row.deal);
        let message = WebhookReceived {
            tenant: row.deal.tenant.to_string(),
            connection: row.deal.connection.to_string(),
            kind: WebhookKind::Event.into(),
            event_type: "refresh".to_owned(),
            deal: row.deal.deal.to_string(),
            received_at: Some(convert::timestamp(self.now)),
            ..WebhookReceived::default()
        };
        let envelope = Envelope {
            id: EventId(row.id()),
            source: SOURCE.into(),
            time: self.now,
            subject: key.clone(),
            tenant: row.deal.tenant.clone(),
            traceparent: row.traceparent.clone(),
        };
        let record = Event { envelope, body: Body::from(message) }.to_record(self.resolver.options.encoding);
        ParkedLetter {
            id: identity::dead_letter(ROLE, &format!("refresh/{key}"), 0, row.since.0),
            reason: error.to_string(),
            topic: record.topic.name().to_owned(),
            partition: 0,
            offset: -1,
            key: record.key,
            headers: record.headers,
            value: record.value,
            attempts: row.failures + 1,
            at: self.now,
            replayed: None,
        }
    }
}

/// Full jitter: anything up to the doubled pause, so that the rows of an outage do not march in step.
fn backoff(options: &Options, failures: u32, spread: f64) -> Duration {
    let doubled = options.backoff_base.saturating_mul(1 << (failures - 1).min(16));
    doubled.min(options.backoff_cap).mul_f64(spread).max(Duration::from_millis(100))
}

/// A number from 0 to 1 that differs by row and attempt, and is the same for the same seed.
fn fraction(seed: u64, id: Uuid, failures: u32) -> f64 {
    let mut input = Vec::with_capacity(28);
    input.extend_from_slice(id.as_bytes());
    input.extend_from_slice(&seed.to_be_bytes());
    input.extend_from_slice(&failures.to_be_bytes());
    f64::from(murmur2(&input)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_cap_and_are_spread() {
        let options = Options::default();
        assert_eq!(backoff(&options, 1, 1.0), Duration::from_secs(2));
        assert_eq!(backoff(&options, 4, 1.0), Duration::from_secs(16));
        assert_eq!(backoff(&options, 40, 1.0), Duration::from_mins(15));
        let spread: Vec<f64> = (0..100_u128).map(|n| fraction(1, Uuid::from_u128(n), 1)).collect();
        assert!(spread.iter().all(|part| (0.0..=1.0).contains(part)));
        assert!(spread.iter().any(|part| *part < 0.2) && spread.iter().any(|part| *part > 0.8));
    }
}
