//! The second transaction: what was read is compared with what is known, published and kept.
//!
//! One transaction per shard class, and one of its own for each merge, since a merge looks at two deals
//! that may be of different classes. A claim that somebody else took over meanwhile is dropped: the
//! other one read later.

mod retry;

use std::collections::{BTreeMap, BTreeSet};

use afterglow_crm::{Reader, Reading, Snapshot};
use afterglow_domain::{DealRef, Shard, Timestamp};
use afterglow_durable::{Error, ShardSet, Store, Tx, Writes, answered};
use uuid::Uuid;

use super::compare::{Question, Verdict, compare, merged};
use super::emit::Emission;
use super::pending::{News, Pending};
use super::{Fetched, Resolver};
use crate::store::{KnownDeal, Refresh, ResolverTx};
use crate::{metric, place};

impl<R: Reader + Send + Sync + 'static> Resolver<R> {
    /// Settles readings. What is refused is settled one by one, so that one broken row holds up nobody;
    /// the first failure is returned after everything was tried.
    pub async fn settle<S>(&self, store: &S, batch: Vec<Fetched>) -> Result<(), Error>
    where
        S: Store<Tx: ResolverTx>,
    {
        let mut outcome = Ok(());
        for group in groups(batch, store.splits_classes()) {
            let mut result = self.settle_group(store, &group).await;
            if matches!(result, Err(Error::Refused(_))) && group.len() > 1 {
                result = Ok(());
                for one in &group {
                    result = result.and(self.settle_group(store, std::slice::from_ref(one)).await);
                }
            }
            outcome = outcome.and(result);
        }
        outcome
    }

    async fn settle_group<S>(&self, store: &S, group: &[Fetched]) -> Result<(), Error>
    where
        S: Store<Tx: ResolverTx>,
    {
        answered(store, self.settle_in_one(store, group)).await
    }

    async fn settle_in_one<S>(&self, store: &S, group: &[Fetched]) -> Result<(), Error>
    where
        S: Store<Tx: ResolverTx>,
    {
        let deals: Vec<DealRef> = group.iter().flat_map(deals_of).collect();
        let ids: Vec<Uuid> = deals.iter().map(place::row_id).collect();
        let mut tx = store.begin(&ShardSet::new(deals.iter().map(place::shard))).await?;
        let pending = Pending::load(&mut tx, &ids).await?;
        let known = tx.load_deals(&ids).await?;
        let mut turn = Turn {
            resolver: self,
            now: self.clocks.wall.now(),
            pending,
            known: known.into_iter().map(|deal| (deal.id(), deal)).collect(),
            changed: BTreeSet::new(),
            writes: Writes::default(),
            emitted: Vec::new(),
        };
        for fetched in group {
            turn.decide(fetched);
        }
        let Turn { mut pending, known, changed, mut writes, emitted, .. } = turn;
        pending.store(&mut tx, &mut writes).await?;
        let rows: Vec<KnownDeal> = changed.iter().filter_map(|id| known.get(id)).cloned().collect();
        tx.save_deals(&rows).await?;
        tx.write(writes).await?;
        tx.commit().await?;
        for (deal, kind) in emitted {
            metrics::counter!(metric::EMITTED, "kind" => kind).increment(1);
            tracing::info!(deal = %deal, kind, "resolver: deal event");
        }
        Ok(())
    }
}

/// The deal asked for and, after a merge, the one that answered.
fn deals_of(fetched: &Fetched) -> impl Iterator<Item = DealRef> {
    let asked = &fetched.claimed.deal;
    let other = survivor(fetched).map(|snapshot| DealRef { deal: snapshot.deal.clone(), ..asked.clone() });
    std::iter::once(asked.clone()).chain(other)
}

/// The snapshot, where it is another deal's than was asked for.
fn survivor(fetched: &Fetched) -> Option<&Snapshot> {
    match &fetched.result {
        Ok(Reading::Found(snapshot)) if snapshot.deal != fetched.claimed.deal.deal => Some(snapshot),
        _ => None,
    }
}

/// Readings that share a transaction.
fn groups(batch: Vec<Fetched>, by_class: bool) -> Vec<Vec<Fetched>> {
    let (merges, plain): (Vec<_>, Vec<_>) = batch.into_iter().partition(|one| survivor(one).is_some());
    let mut classes: BTreeMap<u8, Vec<Fetched>> = BTreeMap::new();
    for one in plain {
        let class = if by_class { Shard::class(one.claimed.shard()) } else { 0 };
        classes.entry(class).or_default().push(one);
    }
    classes.into_values().chain(merges.into_iter().map(|merge| vec![merge])).collect()
}

/// The decisions of one transaction: pure, on rows that were loaded under the lock.
struct Turn<'a, R> {
    resolver: &'a Resolver<R>,
    now: Timestamp,
    pending: Pending,
    known: BTreeMap<Uuid, KnownDeal>,
    changed: BTreeSet<Uuid>,
    writes: Writes,
    emitted: Vec<(DealRef, &'static str)>,
}

impl<R> Turn<'_, R> {
    fn decide(&mut self, fetched: &Fetched) {
        let claimed = &fetched.claimed;
        let ours = |row: &&Refresh| row.claimed && row.due == claimed.due;
        let Some(row) = self.pending.get(claimed.id()).filter(ours).cloned() else {
            tracing::debug!(deal = %claimed.deal, "resolver: a claim was taken over; its reading is dropped");
            return;
        };
        match &fetched.result {
            Ok(reading) => match self.verdict(&row, reading) {
                Some(verdict) => self.conclude(&row, claimed, verdict),
                None => self.unmerged(&row),
            },
            Err(error) => self.failed(&row, error),
        }
    }

    /// What follows; `None` where the deal went into one that is not known.
    fn verdict(&mut self, row: &Refresh, reading: &Reading) -> Option<Verdict> {
        let resolver = self.resolver;
        let Some(lane) = resolver.lanes.of(&row.deal) else { return Some(Verdict::default()) };
        lane.broken(false, "");
        let question = Question {
            deal: &row.deal,
            hint: row.stage.as_ref(),
            rereads: row.rereads,
            zone: &lane.connection.zone,
            options: &resolver.options,
            now: self.now,
        };
        match reading {
            Reading::Found(snapshot) if snapshot.deal != row.deal.deal => self.merge(snapshot, &question),
            reading => Some(compare(self.known.get(&row.id()), reading, &question)),
        }
    }

    /// The survivor is read in its own right first, so that its home key is known.
    fn merge(&mut self, snapshot: &Snapshot, question: &Question<'_>) -> Option<Verdict> {
        let survivor = DealRef { deal: snapshot.deal.clone(), ..question.deal.clone() };
        let known = self.known.get(&place::row_id(&survivor));
        if known.is_none_or(|known| known.modified < snapshot.modified) {
            self.pending.heard(&survivor, News::default(), self.now);
        }
        known.map(|survivor| {
            merged(self.known.get(&place::row_id(question.deal)), survivor, snapshot, question)
        })
    }

    fn conclude(&mut self, row: &Refresh, claimed: &Refresh, verdict: Verdict) {
        let id = row.id();
        if let Some(known) = verdict.known {
            if let Some(what) = &verdict.what {
                self.publish(claimed, &known, what);
            }
            self.known.insert(id, known);
            self.changed.insert(id);
        }
        let again = Refresh { claimed: false, failures: 0, problem: None, ..row.clone() };
        if row.generation != claimed.generation {
            // A hint came during the read: what was read may be older than it.
            self.pending.put(Refresh { due: self.now, ..again });
        } else if let Some(wait) = verdict.reread {
            let rereads = again.rereads + u32::from(verdict.lagging);
            self.pending.put(Refresh { due: self.now.plus(wait), rereads, ..again });
        } else {
            metrics::histogram!(metric::HINT_AGE).record(self.now.since(row.since).as_secs_f64());
            self.pending.remove(id);
        }
    }

    fn publish(&mut self, claimed: &Refresh, known: &KnownDeal, what: &super::compare::What) {
        let resolver = self.resolver;
        let Some(lane) = resolver.lanes.of(&claimed.deal) else { return };
        let emission = Emission {
            clocks: &resolver.clocks,
            zone: &lane.connection.zone,
            traceparent: claimed.traceparent.as_deref(),
            encoding: resolver.options.encoding,
        };
        self.writes.outbox.extend(emission.row(known, what));
        self.emitted.push((claimed.deal.clone(), what.kind()));
    }
}
