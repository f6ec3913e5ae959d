//! What is counted of deliveries. Each counter is looked up once, when the edge is made: to look one up by its
//! labels costs more than all else that is done to count.

use std::time::Duration;

use afterglow_crm::Matched;
use afterglow_domain::ConnectionId;
use metrics::{Counter, Histogram};

use super::delivery::Counts;
use crate::metric;

/// How a delivery was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Accepted,
    Unauthentic,
    Unavailable,
}

/// The counters of one CRM's deliveries.
pub(super) struct Meters {
    accepted: Counter,
    unauthentic: Counter,
    unavailable: Counter,
    ack_seconds: Histogram,
    events: Counter,
    ignored: Counter,
    unusable: Counter,
}

impl Meters {
    pub(super) fn of(source: &'static str) -> Self {
        let received =
            |result| metrics::counter!(metric::WEBHOOK_RECEIVED, "source" => source, "result" => result);
        let events = |kind| metrics::counter!(metric::WEBHOOK_EVENTS, "source" => source, "kind" => kind);
        Self {
            accepted: received("accepted"),
            unauthentic: received("unauthentic"),
            unavailable: received("unavailable"),
            ack_seconds: metrics::histogram!(metric::ACK_SECONDS, "source" => source),
            events: events("event"),
            ignored: events("ignored"),
            unusable: events("unusable"),
        }
    }

    /// A delivery was answered, so long after it had come.
    pub(super) fn answered(&self, outcome: Outcome, after: Duration) {
        let received = match outcome {
            Outcome::Accepted => &self.accepted,
            Outcome::Unauthentic => &self.unauthentic,
            Outcome::Unavailable => &self.unavailable,
        };
        received.increment(1);
        if outcome != Outcome::Unauthentic {
            self.ack_seconds.record(after);
        }
    }

    /// What an accepted delivery held.
    pub(super) fn held(&self, counts: Counts) {
        for (counter, count) in [
            (&self.events, counts.events),
            (&self.ignored, counts.ignored),
            (&self.unusable, counts.unusable),
        ] {
            counter.increment(count as u64);
        }
    }
}

/// By which of its secrets a connection's deliveries were known.
pub(super) struct SecretsUsed {
    current: Counter,
    previous: Counter,
}

impl SecretsUsed {
    pub(super) fn of(connection: &ConnectionId) -> Self {
        let used = |matched: Matched| {
            let id = connection.to_string();
            metrics::counter!(metric::SECRET_USED, "connection" => id, "key" => matched.as_str())
        };
        Self { current: used(Matched::Current), previous: used(Matched::Previous) }
    }

    pub(super) fn count(&self, matched: Matched) {
        match matched {
            Matched::Current => self.current.increment(1),
            Matched::Previous => self.previous.increment(1),
        }
    }
}
