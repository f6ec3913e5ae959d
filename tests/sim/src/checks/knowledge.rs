//! 1: no loss. What was answered with success is in the log, and what is known in the end is the truth.

use afterglow_events::proto::WebhookKind;
use afterglow_events::{Body, Topic};
use afterglow_ingest::store::{KnownDeal, State};

use crate::crm::Truth;
use crate::ground::Ground;
use crate::trace::Rows;
use crate::world::World;

/// Every 2xx is found again in the log; what nobody could read, and nothing else, is a dead letter.
pub(super) async fn nothing_accepted_is_lost<G: Ground>(world: &World<G>, broken: &mut Vec<String>) {
    let webhooks = world.events(Topic::Webhooks).await;
    let received = || {
        webhooks.iter().filter_map(|event| match &event.body {
            Body::WebhookReceived(message) => Some(message),
            _ => None,
        })
    };
    for body in &world.watch.accepted {
        if !received().any(|message| message.body == body.as_bytes()) {
            broken.push(format!("1: accepted and not in the log: {body}"));
        }
    }
    let unparsed = received().filter(|message| message.kind() == WebhookKind::Unparsed).count();
    let mut letters = 0;
    for event in world.events(Topic::DeadLetters).await {
        let Body::DeadLetter(letter) = event.body else { continue };
        letters += 1;
        if letter.topic != Topic::Webhooks.name() {
            broken.push(format!("1: {} parked a record of {}: {}", letter.role, letter.topic, letter.reason));
        }
    }
    // A repeated record is parked once more: it came from another offset.
    if letters < unparsed {
        broken.push(format!("1: {unparsed} deliveries could not be read, {letters} are dead letters"));
    }
}

/// At rest the resolver knows each deal that ever changed as it is.
pub(super) fn what_is_known_is_true<G: Ground>(world: &World<G>, rows: &Rows, broken: &mut Vec<String>) {
    if !rows.refreshes.is_empty() {
        broken.push(format!("1: hints wait for ever: {:?}", rows.refreshes));
    }
    for (deal, truth) in &world.around.crm.truths() {
        if truth.owed {
            broken.push(format!("1: nobody told of the last change of {}", deal.deal));
        }
        let known = rows.known.iter().find(|known| known.deal == *deal);
        if let Some(why) = wrong(truth, known) {
            broken.push(format!("1: {} is {why}", deal.deal));
        }
    }
}

fn wrong(truth: &Truth, known: Option<&KnownDeal>) -> Option<String> {
    let Some(known) = known else {
        // A deal that was deleted, or went into another one, before anybody looked never mattered.
        let hidden = truth.gone || truth.into.is_some() || !truth.changed();
        return (!hidden).then(|| "not known".to_owned());
    };
    if truth.into.is_some() {
        // Where the survivor was deleted when somebody looked, the merge was a deletion.
        let told = known.merged_into.is_some() || known.state == State::Deleted;
        return (!told).then(|| "merged, and nobody knows".to_owned());
    }
    let state = if truth.gone { State::Deleted } else { State::from(truth.snapshot.status) };
    if known.state != state {
        return Some(format!("{state:?} and known as {:?}", known.state));
    }
    let (mine, theirs) = (&known.snapshot, &truth.snapshot);
    let people = known.rev == 0 || (mine.owner == theirs.owner && mine.contacts == theirs.contacts);
    let same = mine.amount == theirs.amount && mine.account == theirs.account && people;
    (!truth.gone && !same).then(|| "known with old fields".to_owned())
}

/// The engine decided on every event of every deal.
pub(super) fn the_engine_heard_every_event(rows: &Rows, broken: &mut Vec<String>) {
    for known in rows.known.iter().filter(|known| known.rev > 0) {
        let heard = rows.deals.iter().find(|deal| deal.deal == known.deal).map_or(0, |deal| deal.rev);
        if heard != known.rev {
            broken.push(format!("1: {} is at rev {}, the engine heard {heard}", known.deal.deal, known.rev));
        }
    }
}
