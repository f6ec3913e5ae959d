//! The roles: each gets its options, its store, its consumer and its loops. Where log and store are is the
//! [`Ground`]'s matter.

pub(crate) mod dispatcher;
pub(crate) mod engine;
pub(crate) mod ingest;
pub(crate) mod journeys;
mod source;
pub(crate) mod vendors;
mod watched;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use afterglow_domain::{Clocks, Timestamp};
use afterglow_durable::janitor::{self, Chore};
use afterglow_durable::turns::{Stopped, Terms};
use afterglow_durable::{Error, Store as _, answered, relay, standing};
use afterglow_events::Encoding;
use afterglow_service::config::{Config, PayloadEncoding};
use afterglow_service::health::Health;
use afterglow_service::lifecycle::Tasks;

use crate::codes;
use crate::ground::Ground;

pub(crate) use journeys::Journeys;
pub(crate) use watched::{Outage, Readiness};

/// How long a recognised event is remembered, counted from when the log took it: half as long again as
/// the log keeps it.
const INBOX_MEMORY: Duration = Duration::from_hours(45 * 24);

/// What the roles of a process are built from.
pub(crate) struct Parts<G> {
    pub(crate) config: Arc<Config>,
    pub(crate) clocks: Clocks,
    pub(crate) ground: G,
    pub(crate) tasks: Tasks,
    pub(crate) health: Health,
    pub(crate) readiness: Readiness,
}

impl<G: Ground> Parts<G> {
    /// Relays a role's outbox to the log, watches its store, and forgets old inbox marks and dead letters. It all
    /// goes on while the roles drain, and the relay until it has sent what they left.
    fn relay(&self, role: &'static str, store: &G::Store) {
        let (log, wall) = (self.ground.log().clone(), self.clocks.wall.clone());
        let stop = self.tasks.shutdown().hard_token();
        let relayed = store.clone();
        self.tasks.spawn_closing(role, async move {
            relay::run(role, relayed, log, &*wall, stop).await;
            anyhow::Ok(())
        });
        self.watch_store(role, store);
        let marks = Chore { role, what: janitor::INBOX_MARKS, keep: INBOX_MEMORY };
        self.forget(marks, store, |store, _, before| async move {
            store.prune_inbox(before, janitor::ROWS_MAX).await
        });
        let letters = Chore { role, what: janitor::DEAD_LETTERS, keep: self.config.keep.dead_letters() };
        self.forget(letters, store, |store, _, before| async move {
            store.prune_parked(before, janitor::ROWS_MAX).await
        });
    }

    /// Notices within seconds that the store is away, also where the role has nothing to do.
    fn watch_store(&self, role: &'static str, store: &G::Store) {
        let (store, wall) = (store.clone(), self.clocks.wall.clone());
        let outage = Outage::new(self, "store");
        self.tasks.spawn_background(role, async move {
            standing::watch(role, &store, &*wall, |problem| outage.tell(problem)).await;
            #[expect(unreachable_code, reason = "the task's type needs an end that it does not have")]
            anyhow::Ok(())
        });
    }

    /// Does a chore for ever; `step` takes the store, now by the wall's clock, and what is old.
    fn forget<F, Fut>(&self, chore: Chore, store: &G::Store, step: F)
    where
        F: Fn(G::Store, Timestamp, Timestamp) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<usize, Error>> + Send + 'static,
    {
        let (store, wall) = (store.clone(), self.clocks.wall.clone());
        self.tasks.spawn_background(chore.role, async move {
            let step = |before| answered(&store, step(store.clone(), wall.now(), before));
            chore.run(|| wall.now(), step).await;
            anyhow::Ok(())
        });
    }

    /// How long a role keeps the details of its rows.
    fn details_of(&self, role: &'static str) -> Chore {
        Chore { role, what: janitor::DETAILS, keep: self.config.keep.details() }
    }
}

/// How the configuration wants payloads to be written.
pub(crate) fn encoding(config: &Config) -> Encoding {
    match config.log.encoding {
        PayloadEncoding::Protobuf => Encoding::Protobuf,
        PayloadEncoding::Json => Encoding::Json,
    }
}

/// What the configuration says about every record that a role reads.
fn terms(config: &Config) -> Terms {
    Terms { encoding: encoding(config), age_max: config.log.retention() }
}

/// A consumer's end as a task's result: only what a person must decide is an error, with the command for it.
/// `named` is [`Ground::named`].
fn ended(stopped: Stopped, named: &str) -> anyhow::Result<()> {
    match stopped {
        Stopped::Asked => Ok(()),
        Stopped::Discontinuity(error) => {
            let code = codes::MISFIT;
            anyhow::bail!("{code}: {error}; decide with `afterglow log continue {named}`")
        }
    }
}
