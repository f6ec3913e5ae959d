//! Where a person decides what became of an attempt that nobody can look up, or says that a gift which was
//! not handed over is dealt with.

use afterglow_domain::{AttemptId, Clocks};
use afterglow_durable::{Error, ShardSet, Store, Tx as _};
use afterglow_events::proto::{DeliveryCause, StepState};
use afterglow_providers::{OrderStatus, Ordered};

use crate::attempt::AttemptState;
use crate::case::Case;
use crate::options::Options;
use crate::store::DispatcherTx;
use crate::touchpoint::Step;
use crate::turn::Turn;

/// What the person found at the vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// The call had worked; or a person has handed the gift over.
    Sent,
    /// It had not; or the gift is given up.
    NotSent,
}

/// Why a decision was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Unresolved {
    /// There is no such attempt.
    #[error("there is no attempt {0}; see `afterglow attempts list`")]
    NoSuchAttempt(AttemptId),
    /// It does not wait for a person (any more).
    #[error("attempt {id} is {state} and does not wait for a person; nothing was changed")]
    NotInDoubt {
        /// Which attempt.
        id: AttemptId,
        /// The state it is in.
        state: &'static str,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] Error),
}

/// Decides on an attempt in doubt. A gift goes on from there: sent, its link is asked for and its mail
/// follows; not sent, the same bytes are sent again. A mail's touchpoint is closed already, so only the
/// attempt says what was found. So is that of a gift that was not handed over, and its money stays spent.
pub async fn resolve<S>(
    store: &S,
    options: &Options,
    clocks: &Clocks,
    id: AttemptId,
    resolution: Resolution,
) -> Result<(), Unresolved>
where
    S: Store,
    S::Tx: DispatcherTx,
{
    // An attempt never moves to another touchpoint, so it may be read before the lock.
    let mut tx = store.begin(&ShardSet::default()).await?;
    let attempt = tx.load_attempt(id).await?.ok_or(Unresolved::NoSuchAttempt(id))?;
    let touchpoints = tx.load_touchpoints(&[attempt.touchpoint]).await?;
    let shards = ShardSet::new(touchpoints.iter().map(crate::Touchpoint::shard));
    drop(tx);

    let mut tx = store.begin(&shards).await?;
    let mut turn = Turn::new(options, clocks);
    let mut cases = turn.load(&mut tx, &[attempt.touchpoint]).await?;
    let case = cases.remove(&attempt.touchpoint);
    let newest = |case: &Case| case.attempt.as_ref().map(|newest| (newest.id, newest.state));
    let found = case.as_ref().and_then(newest);
    let waits = found.is_some_and(|(newest, state)| newest == id && state.waits_for_a_person());
    let Some(mut case) = case.filter(|_| waits) else {
        let state = found.map_or(attempt.state, |(_, state)| state).as_str();
        return Err(Unresolved::NotInDoubt { id, state });
    };
    case.resolved(&mut turn, resolution);
    turn.save(&mut tx, vec![case], &[]).await?;
    Ok(tx.commit().await?)
}

impl Case {
    fn resolved(&mut self, turn: &mut Turn<'_>, resolution: Resolution) {
        if self.attempt.as_ref().is_some_and(|attempt| attempt.state == AttemptState::NotHandedOver) {
            return self.dealt_with(turn, resolution);
        }
        let is_order = self.attempt.as_ref().is_some_and(|attempt| attempt.step == Step::Order);
        match (is_order, resolution) {
            (true, Resolution::Sent) => {
                // Nobody has its details yet; the vendor's look-up may know them.
                let order = Ordered {
                    order_id: String::new(),
                    reward_id: None,
                    link: None,
                    charged: None,
                    status: OrderStatus::Pending,
                };
                self.gift_ordered(turn, order, AttemptState::ResolvedSent);
            }
            (true, Resolution::NotSent) => {
                self.not_sent(turn);
                match self.touchpoint.state.revoked.clone() {
                    Some(reason) => self.end(turn, DeliveryCause::Revoked, &reason),
                    None => self.wait(turn, None, turn.wall),
                }
            }
            (false, Resolution::Sent) => {
                self.mark(turn, AttemptState::ResolvedSent, "a person found that it was sent");
                self.progress(turn, StepState::Accepted, "a person found that it was sent");
            }
            (false, Resolution::NotSent) => self.not_sent(turn),
        }
    }

    /// A gift that was not handed over is off the list.
    fn dealt_with(&mut self, turn: &mut Turn<'_>, resolution: Resolution) {
        let (state, step, reason) = match resolution {
            Resolution::Sent => {
                (AttemptState::ResolvedSent, StepState::Accepted, "a person handed the gift over")
            }
            Resolution::NotSent => {
                (AttemptState::ResolvedNotSent, StepState::Rejected, "a person gave the gift up")
            }
        };
        self.mark(turn, state, reason);
        self.progress(turn, step, reason);
    }

    fn not_sent(&mut self, turn: &mut Turn<'_>) {
        let reason = "a person found that it was not sent";
        self.mark(turn, AttemptState::ResolvedNotSent, reason);
        self.progress(turn, StepState::Rejected, reason);
    }
}
