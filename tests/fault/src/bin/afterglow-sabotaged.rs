//! The product with a seeded bug, for the proof that the fault run's checker would notice one. It exists
//! in this test package only; the product has no such switch.
//!
//! `AFTERGLOW_SABOTAGE=ack-before-commit`: the edge says yes at once and writes a little later.
//! `AFTERGLOW_SABOTAGE=no-dedupe`: every call to the gift vendor carries a key of its own, and nothing is
//! ever found again.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use afterglow::cli::main_with;
use afterglow::embedded::Wiring;
use afterglow_domain::Sensitive;
use afterglow_eventlog::EmbeddedLog;
use afterglow_events::{Append, AppendError, Position, Record};
use afterglow_providers::gift::{Error, Ordered};
use afterglow_providers::{GiftOrder, GiftVendor, Lookup, Outcome, Replay, Tremendous};
use tokio_util::task::TaskTracker;

/// How long after its answer the record is written: longer than a kill takes.
const LATE: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    match std::env::var("AFTERGLOW_SABOTAGE").as_deref() {
        Ok("ack-before-commit") => main_with(&Sabotage { early_answers: true, fresh_keys: false }),
        Ok("no-dedupe") => main_with(&Sabotage { early_answers: false, fresh_keys: true }),
        other => panic!("AFTERGLOW_SABOTAGE is {other:?}; it takes ack-before-commit or no-dedupe"),
    }
}

struct Sabotage {
    early_answers: bool,
    fresh_keys: bool,
}

impl Wiring for Sabotage {
    type EdgeLog = EarlyLog;
    type Gifts = ForgetfulVendor;

    fn edge_log(&self, log: EmbeddedLog) -> EarlyLog {
        EarlyLog { log, early: self.early_answers, writing: TaskTracker::new() }
    }

    fn gifts(&self, vendor: Tremendous) -> ForgetfulVendor {
        ForgetfulVendor { vendor, forgetful: self.fresh_keys, calls: AtomicU64::new(0) }
    }
}

/// A log that says yes before it has anything.
#[derive(Clone)]
struct EarlyLog {
    log: EmbeddedLog,
    early: bool,
    writing: TaskTracker,
}

impl Append for EarlyLog {
    async fn append(&self, records: Vec<Record>) -> Vec<Result<Position, AppendError>> {
        if !self.early {
            return self.log.append(records).await;
        }
        let answers = records.iter().map(|_| Ok(Position { partition: 0, offset: 0 })).collect();
        let log = self.log.clone();
        self.writing.spawn(async move {
            tokio::time::sleep(LATE).await;
            log.append(records).await;
        });
        answers
    }
}

/// A vendor's client whose keys are worth nothing.
struct ForgetfulVendor {
    vendor: Tremendous,
    forgetful: bool,
    calls: AtomicU64,
}

impl ForgetfulVendor {
    /// The stored bytes with a key that no call had before; the process's own id tells restarts apart.
    fn with_fresh_key(&self, bytes: &[u8]) -> Vec<u8> {
        const KEY: &str = "\"external_id\":\"";
        let text = String::from_utf8_lossy(bytes);
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        // The touchpoint's id has 36 characters and stands first; the rest makes the key a new one.
        let end = text.find(KEY).expect("an order carries its key") + KEY.len() + 36;
        format!("{}-{}-{call}{}", &text[..end], std::process::id(), &text[end..]).into_bytes()
    }
}

impl GiftVendor for ForgetfulVendor {
    fn name(&self) -> &'static str {
        self.vendor.name()
    }

    fn replay(&self) -> Replay {
        self.vendor.replay()
    }

    fn call_timeout(&self) -> Duration {
        self.vendor.call_timeout()
    }

    fn request(&self, order: &GiftOrder) -> Result<Vec<u8>, Error> {
        self.vendor.request(order)
    }

    async fn order(&self, bytes: &[u8]) -> Outcome<Ordered> {
        if self.forgetful {
            self.vendor.order(&self.with_fresh_key(bytes)).await
        } else {
            self.vendor.order(bytes).await
        }
    }

    async fn lookup(&self, external_id: &str) -> Lookup<Ordered> {
        if self.forgetful { Lookup::NotFound } else { self.vendor.lookup(external_id).await }
    }

    async fn link(&self, order: &Ordered) -> Lookup<Sensitive<String>> {
        self.vendor.link(order).await
    }
}
