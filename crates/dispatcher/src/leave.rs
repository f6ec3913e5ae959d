//! The last transaction before a mail leaves: from then on it may have been sent.
//!
//! Invariant: compare-and-set. The mark succeeds only while the attempt is the newest one and still only
//! claimed, so a worker that was stopped and wakes up after somebody else took over sends nothing.

use std::time::Duration;

use afterglow_durable::{Error, ShardSet, Store, Tx as _, answered};
use afterglow_providers::{Class, GiftVendor, Mailer, Rejection};

use crate::attempt::AttemptState;
use crate::case::Case;
use crate::job::{GRACE, Job};
use crate::run::Dispatcher;
use crate::store::DispatcherTx;
use crate::turn::{Turn, load_calls};

impl<S, G, M> Dispatcher<S, G, M>
where
    S: Store,
    S::Tx: DispatcherTx,
    G: GiftVendor + 'static,
    M: Mailer + 'static,
{
    /// Marks the mail of a job as one that may have left; without the mark on disk it must not.
    pub(crate) async fn leave(&self, job: &Job, timeout: Duration) -> Result<(), Rejection> {
        let reason = match answered(&self.store, self.mark_leaving(job, timeout)).await {
            Ok(true) => return Ok(()),
            Ok(false) => "smtp: not sent, another worker has taken the attempt over",
            Err(error) => {
                tracing::warn!(%error, touchpoint = %job.touchpoint, "a mail is held back: its mark is not stored");
                "smtp: not sent, the attempt could not be marked as leaving"
            }
        };
        Err(Rejection { class: Class::Retry { after: None }, reason: reason.to_owned() })
    }

    async fn mark_leaving(&self, job: &Job, timeout: Duration) -> Result<bool, Error> {
        let mut tx = self.store.begin(&ShardSet::new([job.shard])).await?;
        let turn = Turn::new(&self.options, &self.clocks);
        let mut cases = load_calls(&mut tx, &[job.touchpoint]).await?;
        let Some(mut case) = cases.remove(&job.touchpoint) else { return Ok(false) };
        if !case.stands(job.attempt, AttemptState::Claimed) {
            return Ok(false);
        }
        case.leaving(&turn, timeout);
        turn.save(&mut tx, vec![case], &[]).await?;
        tx.commit().await?;
        Ok(true)
    }
}

impl Case {
    /// The time after which others may look counts anew: until here the call may have waited for its turn.
    fn leaving(&mut self, turn: &Turn<'_>, timeout: Duration) {
        if let Some(attempt) = &mut self.attempt {
            attempt.state = AttemptState::InFlight;
            attempt.recover_after = turn.wall.plus(timeout + GRACE);
            self.attempt_changed = true;
            self.wake = Some(attempt.recover_after);
        }
    }
}
