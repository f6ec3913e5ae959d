//! 7: per key the log, without its repetitions, is what the roles committed, in that order; and 2: the
//! resolver says each thing once.

use std::collections::{BTreeMap, BTreeSet};

use afterglow_events::{Body, Event, Record, Topic};

use crate::ground::Ground;
use crate::world::World;

type Sequences = BTreeMap<(Topic, String), Vec<String>>;

/// Each key's ids without repetitions, in the order of their first appearance.
fn sequences<'a>(records: impl Iterator<Item = &'a Record>) -> Sequences {
    let mut sequences = Sequences::new();
    let mut seen = BTreeSet::new();
    for record in records {
        let id = record.header("ce_id").unwrap_or_default().to_owned();
        if seen.insert((record.topic, id.clone())) {
            sequences.entry((record.topic, record.key_text().to_owned())).or_default().push(id);
        }
    }
    sequences
}

pub(super) async fn the_log_is_the_commit_order<G: Ground>(world: &World<G>, broken: &mut Vec<String>) {
    let mut logged = Vec::new();
    for topic in Topic::ALL {
        let records = crate::ground::all(&world.ground.source(), topic).await;
        logged.extend(records.into_iter().map(|received| received.record));
    }
    for (role, committed) in world.watch.committed.iter().enumerate() {
        let committed = sequences(committed.values());
        let source = world.watch.committed[role].values().find_map(|record| record.header("ce_source"));
        let of_role = |record: &&Record| record.header("ce_source") == source;
        let signal = |record: &&Record| matches!(record.topic, Topic::Webhooks | Topic::Signals);
        let logged = sequences(logged.iter().filter(of_role).filter(|record| !signal(record)));
        if committed.is_empty() || committed == logged {
            continue;
        }
        for (key, ids) in &committed {
            if logged.get(key) != Some(ids) {
                let found = logged.get(key).map_or(0, Vec::len);
                broken.push(format!("7: {key:?}: {} committed, {found} in the log, or reordered", ids.len()));
            }
        }
        broken.extend(
            logged
                .keys()
                .filter(|key| !committed.contains_key(key))
                .map(|key| format!("7: {key:?} has events that nobody committed")),
        );
    }
}

pub(super) async fn revisions_have_no_gaps<G: Ground>(world: &World<G>, broken: &mut Vec<String>) {
    let mut revisions: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    let mut wins = BTreeSet::new();
    for event in world.events(Topic::Deals).await {
        let Some((deal, rev, won)) = of(&event) else { continue };
        if let Some(won_no) = won
            && !wins.insert((deal.clone(), won_no))
        {
            broken.push(format!("2: {deal} has two DealWon with won_no {won_no}"));
        }
        revisions.entry(deal).or_default().push(rev);
    }
    for (deal, revisions) in revisions {
        if !revisions.iter().copied().eq(1..=i64::try_from(revisions.len()).unwrap_or(i64::MAX)) {
            broken.push(format!("7: the revisions of {deal} are {revisions:?}"));
        }
    }
}

/// The deal, its revision, and for a win its number.
fn of(event: &Event) -> Option<(String, i64, Option<i32>)> {
    let key = |deal: Option<&afterglow_events::proto::DealSnapshot>| {
        deal.and_then(|deal| deal.deal.as_ref()).map(|deal| deal.deal.clone())
    };
    Some(match &event.body {
        Body::DealWon(m) => (key(m.deal.as_ref())?, m.rev, Some(m.won_no)),
        Body::DealAmended(m) => (key(m.deal.as_ref())?, m.rev, None),
        Body::DealReopened(m) => (key(m.deal.as_ref())?, m.rev, None),
        Body::DealLost(m) => (key(m.deal.as_ref())?, m.rev, None),
        Body::DealDeleted(m) => (key(m.deal.as_ref())?, m.rev, None),
        Body::DealMerged(m) => (m.merged.as_ref()?.deal.clone(), m.rev, None),
        _ => return None,
    })
}
