//! Every default and every bound of the configuration, with the reason for the number.

use std::ops::RangeInclusive;
use std::time::Duration;

use afterglow_domain::{Currency, Money};

/// Beside the configuration file, so that a trial leaves nothing elsewhere.
pub(super) const DATA_DIR: &str = "data";
/// Loopback: a machine is opened to the network on purpose, not by default.
pub(super) const LISTEN: &str = "127.0.0.1:8080";
/// Probes and metrics stay off the public port.
pub(super) const ADMIN_LISTEN: &str = "127.0.0.1:9090";
/// Kubernetes waits 30 s before it kills; five are left for the last writes.
pub(super) const SHUTDOWN: Duration = Duration::from_secs(25);

/// Enough for sixteen consumers; a power of two keeps shard and partition aligned.
pub(super) const PARTITIONS: u16 = 16;
/// The log's memory.
pub(super) const RETENTION_DAYS: u16 = 30;
/// Inboxes are pruned after 45 days; a log that remembers longer could bring an event back as new.
pub(super) const RETENTION_DAYS_RANGE: RangeInclusive<u64> = 1..=44;

/// A record waits this long for company: it costs little latency.
pub(super) const LINGER_MS: u64 = 1;
/// Kafka's names have 249 bytes; ours leave more than half of it to the prefix.
pub(super) const TOPIC_PREFIX_BYTES_MAX: usize = 128;

/// HubSpot's API for every portal.
pub(super) const HUBSPOT_URL: &str = "https://api.hubapi.com";
/// HubSpot's smallest plan gives private apps 100 requests in 10 s.
pub(super) const RATE_PER_10S: u32 = 100;
/// Tremendous' production API.
pub(super) const TREMENDOUS_URL: &str = "https://www.tremendous.com";
/// Tremendous documents 10 requests in a second; half of it leaves room for the customer's own use.
pub(super) const TREMENDOUS_RATE: u32 = 5;
/// Longer than a gift order was ever seen to take; after it the outcome is unknown and looked up.
pub(super) const VENDOR_TIMEOUT: Duration = Duration::from_secs(15);
/// Tremendous draws from the balance where nothing else is said.
pub(super) const FUNDING_SOURCE: &str = "balance";
/// Submission with STARTTLS.
pub(super) const SMTP_PORT: u16 = 587;
/// Slow enough for the strictest shared relays.
pub(super) const SMTP_RATE: u32 = 5;

/// What a customer may receive in gifts within a calendar year: $500.
pub(super) fn budget() -> Money {
    Money::new(50_000, Currency::USD)
}
/// Calls to vendors at the same time.
pub(super) const CONCURRENCY: usize = 8;

/// A stage left and entered again within this time was a slip of the hand.
pub(super) const SETTLE: Duration = Duration::from_secs(30);
/// When hint and record disagree, the CRM's read lags: read again after these seconds.
pub(super) const REREAD_SECONDS: [u64; 3] = [10, 60, 600];

/// A year and a month: last year's gifts can still be explained when its books are closed, and a journey's
/// anniversary falls into it.
pub(super) const DETAILS_DAYS: u16 = 400;
/// Longer than the log and the inbox remember, so that whatever can still come again finds its details; at
/// most ten years, as books are kept.
pub(super) const DETAILS_DAYS_RANGE: RangeInclusive<u64> = 46..=3_650;
/// A quarter: longer than any holiday, shorter than what raw personal data may lie about for.
pub(super) const DEAD_LETTERS_DAYS: u16 = 90;
/// A week is the least in which a person looks.
pub(super) const DEAD_LETTERS_DAYS_RANGE: RangeInclusive<u64> = 7..=3_650;

/// What an operator wants to see of a healthy process.
pub(super) const LOG_LEVEL: &str = "info";
/// The service's name at a collector; roles in processes of their own add theirs.
pub(super) const SERVICE_NAME: &str = "afterglow";
/// How often metrics are sent: as often as Prometheus usually scrapes.
pub(super) const OTLP_INTERVAL: Duration = Duration::from_secs(15);
/// How long a collector may take: it stands near, and what it does not take is dropped.
pub(super) const OTLP_TIMEOUT: Duration = Duration::from_secs(5);

/// Keys that sign or pseudonymise: 256 bits in hexadecimal have 64 bytes, raw ones 32.
pub(super) const KEY_BYTES_MIN: usize = 32;
/// A webhook's shared secret or path token; HubSpot's client secrets have 36 bytes.
pub(super) const WEBHOOK_SECRET_BYTES_MIN: usize = 24;
/// Passwords and tokens are given by others; only an empty one is a mistake.
pub(super) const GIVEN_SECRET_BYTES_MIN: usize = 1;
