//! Removes the details of journeys that ended long ago: the people of the deal, traces.
//!
//! What stays recognises every event for ever and lets a deal that is won again go on: ids, the pinned
//! version, every promise with its end, the deal's `rev` and names. A deal's people come back with its next
//! event, which carries a whole reading.
//! Deliberately absent: events that wait for an earlier one. Whoever replays that one needs them.

use afterglow_domain::{Shard, Timestamp};
use afterglow_durable::{Error, ShardSet, Store, Tx as _};
use afterglow_events::proto::DealSnapshot;

use crate::rows::{DealRow, EnrolmentRow};
use crate::store::EngineTx;

/// Takes the details from enrolments that ended before `before`, by the wall's clock, and from deals that
/// no enrolment needs any more, in one transaction; from how many of the oldest `max`. 0 means that there
/// is none left.
pub async fn forget<S>(store: &S, now: Timestamp, before: Timestamp, max: usize) -> Result<usize, Error>
where
    S: Store,
    S::Tx: EngineTx,
{
    // Found before the lock, so what was found is looked at again under it.
    let mut tx = store.begin(&ShardSet::default()).await?;
    let enrolments = tx.find_detailed_enrolments(before, max).await?;
    let deals = if enrolments.is_empty() { tx.find_detailed_deals(before, max).await? } else { Vec::new() };
    drop(tx);
    let (ids, shards) = one_class(enrolments);
    if !ids.is_empty() {
        let mut tx = store.begin(&shards).await?;
        let mut rows = tx.load_enrolments(&ids).await?;
        rows.retain(|row| row.ended_at.is_some_and(|at| at < before));
        for row in &mut rows {
            row.remove_details(now);
        }
        tx.save_enrolments(&rows).await?;
        tx.commit().await?;
        return Ok(ids.len());
    }
    let (ids, shards) = one_class(deals);
    if ids.is_empty() {
        return Ok(0);
    }
    let mut tx = store.begin(&shards).await?;
    let mut rows = tx.load_deals(&ids).await?;
    rows.retain(|row| row.heard_at < before);
    for row in &mut rows {
        row.remove_details(now);
    }
    tx.save_deals(&rows).await?;
    tx.commit().await?;
    Ok(ids.len())
}

/// Those that are of the first one's class of shards: a transaction holds one class.
fn one_class<T>(found: Vec<(T, Shard)>) -> (Vec<T>, ShardSet) {
    let class = found.first().map(|(_, shard)| shard.class());
    let of_class = found.into_iter().filter(|(_, shard)| Some(shard.class()) == class);
    let (ids, shards): (Vec<T>, Vec<Shard>) = of_class.unzip();
    (ids, ShardSet::new(shards))
}

impl EnrolmentRow {
    fn remove_details(&mut self, now: Timestamp) {
        self.state.forget_people();
        self.traceparent = None;
        self.details_removed = Some(now);
    }
}

impl DealRow {
    /// Keeps what is named here, and nothing that a later version may add.
    fn remove_details(&mut self, now: Timestamp) {
        let known = &self.snapshot;
        self.snapshot = DealSnapshot {
            deal: known.deal.clone(),
            name: known.name.clone(),
            account: known.account.clone(),
            account_name: known.account_name.clone(),
            status: known.status,
            close_date: known.close_date.clone(),
            won_date: known.won_date.clone(),
            modified_at: known.modified_at,
            zone: known.zone.clone(),
            ..DealSnapshot::default()
        };
        self.details_removed = Some(now);
    }
}
