//! Removes the details of what is long concluded: texts, recipients, requests to vendors, gift links.
//!
//! What stays recognises the touchpoint for ever and tells how it ended: its ids, its outcome, its money,
//! when which vendor was called and what it answered.
//! Deliberately absent: what is not concluded, however old; a person or a deadline ends it first.

use afterglow_domain::{Shard, Timestamp, TouchpointId};
use afterglow_durable::{Error, ShardSet, Store, Tx as _};
use afterglow_events::proto::{self, DeliveryCause, DeliveryOutcome, touchpoint_due::Deed};
use afterglow_providers::Ordered;

use crate::events::outcome_word;
use crate::store::DispatcherTx;
use crate::touchpoint::{Conclusion, State, Status, Touchpoint};
use crate::turn::Turn;

/// Takes the details from touchpoints that were concluded before `before`, by the wall's clock, in one
/// transaction; from how many of the oldest `max`. 0 means that there is none left.
pub async fn forget<S>(store: &S, now: Timestamp, before: Timestamp, max: usize) -> Result<usize, Error>
where
    S: Store,
    S::Tx: DispatcherTx,
{
    // Found before the lock: a touchpoint never changes its shard, and what is concluded never changes.
    let mut tx = store.begin(&ShardSet::default()).await?;
    let found = tx.find_detailed(before, max).await?;
    drop(tx);
    let (ids, shards) = one_class(&found);
    if ids.is_empty() {
        return Ok(0);
    }
    let mut tx = store.begin(&shards).await?;
    let mut rows = tx.load_touchpoints(&ids).await?;
    for row in &mut rows {
        row.remove_details(now);
    }
    tx.save_touchpoints(&rows).await?;
    tx.strip_attempts(&ids).await?;
    tx.commit().await?;
    Ok(ids.len())
}

/// Those that are of the first one's class of shards: a transaction holds one class.
fn one_class(found: &[(TouchpointId, Shard)]) -> (Vec<TouchpointId>, ShardSet) {
    let class = found.first().map(|(_, shard)| shard.class());
    let of_class = || found.iter().filter(|(_, shard)| Some(shard.class()) == class);
    (of_class().map(|(id, _)| *id).collect(), ShardSet::new(of_class().map(|(_, shard)| *shard)))
}

impl Conclusion {
    /// An end that happens now.
    pub(crate) fn now(
        turn: &Turn<'_>,
        (outcome, cause): (DeliveryOutcome, DeliveryCause),
        reason: &str,
    ) -> Self {
        Self {
            outcome: outcome_word(outcome).to_owned(),
            cause: cause.as_str_name().to_owned(),
            reason: reason.to_owned(),
            at: turn.journey,
            wall_at: Some(turn.wall),
        }
    }
}

impl Touchpoint {
    /// Since when, by the wall's clock, it is concluded with its details still there.
    pub(crate) fn detailed_since(&self) -> Option<Timestamp> {
        let conclusion = self.state.conclusion.as_ref()?;
        let open = self.status != Status::Concluded || self.state.details_removed.is_some();
        (!open).then(|| conclusion.wall_at.unwrap_or(self.received_at))
    }

    /// Keeps what is named here, and nothing that a later version may add.
    fn remove_details(&mut self, now: Timestamp) {
        if self.detailed_since().is_none() {
            return;
        }
        *self.due = slim(&self.due);
        let old = &self.state;
        self.state = State {
            gift: old.gift.as_ref().map(without_link),
            without_gift: old.without_gift.clone(),
            reservation: old.reservation.clone(),
            revoked: old.revoked.clone(),
            counter: old.counter,
            conclusion: old.conclusion.clone(),
            details_removed: Some(now),
            ..State::new(old.step, None)
        };
    }
}

fn without_link(order: &Ordered) -> Ordered {
    Ordered { link: None, ..order.clone() }
}

/// Which moment of whom it was, and what it was worth.
fn slim(due: &proto::TouchpointDue) -> proto::TouchpointDue {
    let deed = due.deed.as_ref().map(|deed| match deed {
        Deed::Gift(gift) => Deed::Gift(proto::GiftDeed {
            worth: gift.worth.clone(),
            pick: gift.pick.clone(),
            ..Default::default()
        }),
        Deed::Mail(_) => Deed::Mail(proto::MailDeed::default()),
        Deed::Task(_) => Deed::Task(proto::TaskDeed::default()),
    });
    proto::TouchpointDue {
        touchpoint_id: due.touchpoint_id.clone(),
        enrolment_id: due.enrolment_id.clone(),
        journey: due.journey.clone(),
        journey_version: due.journey_version,
        moment: due.moment.clone(),
        occurrence: due.occurrence,
        intent: due.intent,
        channel: due.channel,
        day: due.day,
        deal: due.deal.clone(),
        enrolled_deal: due.enrolled_deal.clone(),
        account: due.account.clone(),
        planned_at: due.planned_at,
        deadline_at: due.deadline_at,
        budget_cap: due.budget_cap.clone(),
        deed,
        ..Default::default()
    }
}
