//! The named stories of the resolver.

use std::time::Duration;

use afterglow_crm::{Error, Snapshot};
use afterglow_domain::Crm;
use afterglow_durable::{Store, turns};
use afterglow_events::proto::{WebhookKind, WebhookReceived};
use afterglow_events::{Body, Event, Topic};

use super::world::{World, at, deal, deal_of, moved, on_each, won};
use crate::place;
use crate::store::ResolverTx;
use crate::testing::{UNHURRIED, account, outage};

on_each!(
    a_won_deal_is_published_with_its_trace,
    ping_pong_collapses,
    stale_read_is_read_again,
    hint_during_a_fetch_is_not_lost,
    reopened_and_won_again,
    two_ids_merged,
    a_merge_into_a_deal_that_never_answers_is_asked_ever_more_seldom,
    account_known_only_later,
    outage_of_one_portal_stops_no_other,
    rate_limit_holds_only_its_connection,
    refused_credentials_keep_every_hint,
    shuffled_duplicates_one_deal_won,
    deleted_only_if_it_was_won,
    what_is_never_understood_becomes_a_dead_letter,
    unusable_records_are_parked_and_their_neighbours_go_on,
    a_claim_that_was_taken_over_is_dropped,
    a_connection_that_is_gone_keeps_its_hints,
    a_backlog_beyond_the_places_is_read_bit_by_bit,
);

async fn a_won_deal_is_published_with_its_trace<S: Store<Tx: ResolverTx>>(mut world: World<S>) {
    world.crm.set(1, won(1));
    world.hear(&deal(1), "closedwon").await;
    assert_eq!(world.story(), ["won 1 1/1"]);
    let record = &world.log.records(Topic::Deals)[0];
    let event = Event::from_record(record).unwrap();
    assert_eq!(event.envelope.subject, "acme/hubspot:33:9001");
    assert_eq!(event.envelope.source, "/afterglow/ingest");
    assert!(event.envelope.traceparent.is_some_and(|trace| trace.starts_with("00-")));
    assert_eq!(world.pending(&deal(1)).await, None);
    assert_eq!(world.store.next_due(afterglow_durable::Timeline::Wall).await.unwrap(), None);
}

async fn ping_pong_collapses<S: Store<Tx: ResolverTx>>(mut world: World<S>) {
    world.crm.set(1, won(1));
    world.hear(&deal(1), "closedwon").await;
    world.crm.set(1, moved(1, "sent", 5));
    world.hear(&deal(1), "sent").await;
    world.wait(10).await;
    world.crm.set(1, moved(1, "closedwon", 20));
    world.hear(&deal(1), "closedwon").await;
    world.wait(3600).await;
    assert_eq!(world.story(), ["won 1 1/1"]);
    assert_eq!(world.pending(&deal(1)).await, None);
}

async fn stale_read_is_read_again<S: Store<Tx: ResolverTx>>(mut world: World<S>) {
    world.crm.set(1, moved(1, "sent", 0));
    world.hear(&deal(1), "closedwon").await;
    assert!(world.story().is_empty());
    assert_eq!(world.pending(&deal(1)).await.unwrap().due, at(10));
    world.wait(10).await;
    assert_eq!(world.pending(&deal(1)).await.unwrap().due, at(70));
    world.crm.set(1, moved(1, "closedwon", 59));
    world.wait(60).await;
    assert_eq!(world.story(), ["won 1 1/1"]);
    // An answer from before, by a replica that lags, takes nothing back.
    world.crm.set(1, moved(1, "sent", 0));
    world.hear(&deal(1), "").await;
    for _ in 0..4 {
        world.wait(700).await;
    }
    assert_eq!(world.story(), ["won 1 1/1"]);
    assert_eq!(world.pending(&deal(1)).await, None);
}

async fn hint_during_a_fetch_is_not_lost<S: Store<Tx: ResolverTx>>(mut world: World<S>) {
    world.crm.set(1, moved(1, "sent", 0));
    world.webhook(&deal(1), "").await;
    world.take_hints().await;
    let fetched = world.fetch().await;
    // Between the read and its settlement the deal is won, and the webhook of that is heard.
    world.crm.set(1, won(1));
    world.webhook(&deal(1), "").await;
    world.take_hints().await;
    world.resolver.settle(&world.store, fetched).await.unwrap();
    let pending = world.pending(&deal(1)).await.unwrap();
    assert_eq!((pending.generation, pending.claimed), (2, false));
    world.run().await;
    assert_eq!(world.story(), ["won 1 1/1"]);
}

async fn reopened_and_won_again<S: Store<Tx: ResolverTx>>(mut world: World<S>) {
    world.crm.set(1, won(1));
    world.hear(&deal(1), "closedwon").await;
    world.crm.set(1, moved(1, "sent", 10));
    world.hear(&deal(1), "sent").await;
    world.wait(30).await;
    world.crm.set(1, moved(1, "closedwon", 100));
    world.hear(&deal(1), "closedwon").await;
    assert_eq!(world.story(), ["won 1 1/1", "reopened 1 2/1", "won 1 3/2"]);
}

async fn two_ids_merged<S: Store<Tx: ResolverTx>>(mut world: World<S>) {
    world.crm.set(1, won(1));
    world.hear(&deal(1), "closedwon").await;
    // Deal 1 is merged into deal 2: both ids answer as 2, which is won too and was never heard of.
    world.crm.set(1, won(2));
    world.crm.set(2, won(2));
    world.hear(&deal(1), "").await;
    world.wait(5).await;
    assert_eq!(world.story(), ["won 1 1/1", "won 2 1/1", "merged into 2 2/1"]);
    let Body::DealMerged(merged) = &world.log.events(Topic::Deals)[2].body else { panic!("no merge") };
    assert_eq!(merged.survivor_home_key, "acme/hubspot:33:9002");
    assert_eq!(merged.merged.as_ref().unwrap().deal, "hubspot:33:deal:1");
    assert_eq!(world.log.records(Topic::Deals)[2].key_text(), "acme/hubspot:33:9001");
    world.hear(&deal(1), "").await;
    world.wait(3600).await;
    assert_eq!(world.story().len(), 3, "told once");
    assert_eq!(world.known(&deal(1)).await.unwrap().merged_into, Some(deal(2).deal));
    assert_eq!(world.pending(&deal(1)).await, None);
}

async fn a_merge_into_a_deal_that_never_answers_is_asked_ever_more_seldom<S: Store<Tx: ResolverTx>>(
    mut world: World<S>,
) {
    world.crm.set(1, won(1));
    world.hear(&deal(1), "closedwon").await;
    world.crm.set(1, won(2));
    world.crm.fails(2, outage());
    world.hear(&deal(1), "").await;
    for _ in 0..3600 {
        world.wait(1).await;
    }
    let asked = world.crm.asked();
    assert!((10..60).contains(&asked), "asked {asked} times in an hour");
    let pending = world.pending(&deal(1)).await.unwrap();
    assert!(pending.failures > 3 && pending.problem.is_some_and(|why| why.contains("not known")));
    world.crm.set(2, won(2));
    for _ in 0..60 {
        world.wait(60).await;
    }
    assert_eq!(world.story(), ["won 1 1/1", "won 2 1/1", "merged into 2 2/1"]);
    assert_eq!(world.pending(&deal(1)).await, None);
}

async fn account_known_only_later<S: Store<Tx: ResolverTx>>(mut world: World<S>) {
    world.crm.set(1, Snapshot { account: None, ..won(1) });
    world.hear(&deal(1), "closedwon").await;
    let home = "acme/hubspot:33:deal:1";
    assert_eq!(world.log.records(Topic::Deals)[0].key_text(), home);
    world.crm.set(1, Snapshot { account: Some(account(77)), modified: at(1), ..won(1) });
    world.hear(&deal(1), "").await;
    let events = world.log.events(Topic::Deals);
    assert_eq!(events[1].envelope.subject, home, "the home key stays");
    let Body::DealAmended(amended) = &events[1].body else { panic!("no amendment") };
    assert_eq!(amended.changed, ["account"]);
    assert_eq!(amended.deal.as_ref().unwrap().account, "hubspot:33:77");
}

async fn outage_of_one_portal_stops_no_other<S: Store<Tx: ResolverTx>>(mut world: World<S>) {
    for n in 1..=40 {
        world.crm.fails(n, outage());
        world.webhook(&deal_of("other", n), "closedwon").await;
    }
    world.crm.set(99, won(99));
    world.hear(&deal(99), "closedwon").await;
    assert_eq!(world.story(), ["won 99 1/1"]);
    for n in 1..=40 {
        world.crm.set(n, won(n));
    }
    for _ in 0..20 {
        world.wait(60).await;
    }
    assert_eq!(world.story().len(), 41, "every hint of the other portal was kept");
}

async fn rate_limit_holds_only_its_connection<S: Store<Tx: ResolverTx>>(mut world: World<S>) {
    let limited = Error::RateLimited { vendor: Crm::Hubspot, retry_after: Duration::from_secs(100) };
    world.crm.fails(1, limited);
    world.hear(&deal_of("other", 1), "closedwon").await;
    world.crm.set(1, won(1));
    world.crm.set(2, won(2));
    world.crm.set(3, won(3));
    world.hear(&deal_of("other", 2), "closedwon").await;
    world.hear(&deal(3), "closedwon").await;
    assert_eq!(world.story(), ["won 3 1/1"], "the limited connection is left alone, whole");
    world.wait(99).await;
    assert_eq!(world.story().len(), 1);
    world.wait(3).await;
    assert_eq!(world.story().len(), 3);
    assert_eq!(world.pending(&deal_of("other", 1)).await, None);
}

async fn refused_credentials_keep_every_hint<S: Store<Tx: ResolverTx>>(mut world: World<S>) {
    let refused = Error::Unauthorised { vendor: Crm::Hubspot, status: 401, remedy: "renew the token" };
    world.crm.fails(1, refused);
    world.hear(&deal(1), "closedwon").await;
    let pending = world.pending(&deal(1)).await.unwrap();
    assert!(pending.due >= at(300) && pending.problem.is_some_and(|why| why.contains("renew the token")));
    world.wait(302).await;
    assert!(world.pending(&deal(1)).await.unwrap().due >= at(602));
    world.crm.set(1, won(1));
    world.wait(302).await;
    assert_eq!(world.story(), ["won 1 1/1"]);
}

async fn shuffled_duplicates_one_deal_won<S: Store<Tx: ResolverTx>>(mut world: World<S>) {
    world.crm.set(1, won(1));
    for round in 0..7_u64 {
        for step in 0..10 {
            let stage =
                ["sent", "closedwon", "", "negotiation"][usize::try_from((round + step) % 4).unwrap()];
            world.webhook(&deal(1), stage).await;
            if (round * 3 + step) % 5 == 0 {
                world.run().await;
            }
        }
        world.wait(round * 7).await;
    }
    for _ in 0..5 {
        world.wait(700).await;
    }
    assert_eq!(world.story(), ["won 1 1/1"]);
    assert_eq!(world.pending(&deal(1)).await, None);
}

async fn deleted_only_if_it_was_won<S: Store<Tx: ResolverTx>>(mut world: World<S>) {
    world.crm.set(1, moved(1, "sent", 0));
    world.crm.set(2, won(2));
    world.hear(&deal(1), "").await;
    world.hear(&deal(2), "").await;
    world.crm.gone(1);
    world.crm.gone(2);
    world.hear(&deal(1), "").await;
    world.hear(&deal(2), "").await;
    world.wait(30).await;
    assert_eq!(world.story(), ["won 2 1/1", "deleted 2 2/1"]);
    world.hear(&deal(3), "").await;
    assert_eq!(world.known(&deal(3)).await, None, "nobody ever saw it");
}

async fn what_is_never_understood_becomes_a_dead_letter<S: Store<Tx: ResolverTx>>(mut world: World<S>) {
    world.crm.fails(1, Error::Invalid { vendor: Crm::Hubspot, what: "a date that is none".to_owned() });
    world.hear(&deal(1), "closedwon").await;
    for _ in 0..5 {
        world.wait(900).await;
    }
    assert_eq!(world.pending(&deal(1)).await, None);
    let parked = world.store.parked(10).await.unwrap();
    assert_eq!(parked.len(), 1);
    assert!(parked[0].reason.contains("a date that is none"));
    assert_eq!(parked[0].attempts, 5);
    assert_eq!(world.log.events(Topic::DeadLetters).len(), 1);
    // Replayed, it asks for the same look.
    world.crm.set(1, won(1));
    let letter = &parked[0];
    let record = afterglow_events::Record {
        topic: Topic::Webhooks,
        key: letter.key.clone(),
        headers: letter.headers.clone(),
        value: letter.value.clone(),
    };
    let Body::WebhookReceived(message) = Event::from_record(&record).unwrap().body else { panic!("no hint") };
    world.record(place::record_key(&deal(1)), *message).await;
    world.run().await;
    assert_eq!(world.story(), ["won 1 1/1"]);
}

async fn unusable_records_are_parked_and_their_neighbours_go_on<S: Store<Tx: ResolverTx>>(
    mut world: World<S>,
) {
    world.crm.set(1, won(1));
    let unparsed = WebhookReceived {
        kind: WebhookKind::Unparsed.into(),
        reason: "the body is not a JSON array or object".to_owned(),
        ..WebhookReceived::default()
    };
    world.record("acme/hub/unparsed/1".to_owned(), unparsed).await;
    world.record("acme/hub/unparsed/2".to_owned(), WebhookReceived::default()).await;
    let nothing = WebhookReceived { kind: WebhookKind::Event.into(), ..WebhookReceived::default() };
    world.record("acme/hub/other/3".to_owned(), nothing).await;
    // A record under another deal's key would be decided under another deal's lock.
    let foreign = WebhookReceived {
        kind: WebhookKind::Event.into(),
        tenant: "acme".to_owned(),
        connection: "hub".to_owned(),
        deal: deal(1).deal.to_string(),
        ..WebhookReceived::default()
    };
    world.record(place::record_key(&deal(2)), foreign).await;
    world.hear(&deal(1), "closedwon").await;
    assert_eq!(world.story(), ["won 1 1/1"]);
    let reasons: Vec<String> =
        world.store.parked(10).await.unwrap().into_iter().map(|it| it.reason).collect();
    assert_eq!(reasons.len(), 3, "{reasons:?}");
    assert!(reasons.iter().any(|reason| reason == "the body is not a JSON array or object"));
    assert_eq!(world.log.events(Topic::DeadLetters).len(), 3);
}

async fn a_claim_that_was_taken_over_is_dropped<S: Store<Tx: ResolverTx>>(mut world: World<S>) {
    world.crm.set(1, moved(1, "sent", 0));
    world.webhook(&deal(1), "").await;
    world.take_hints().await;
    let slow = world.fetch().await;
    assert!(world.pending(&deal(1)).await.unwrap().claimed);
    world.crm.set(1, won(1));
    world.clock.advance(Duration::from_mins(1));
    let second = world.fetch().await;
    assert_eq!(second.len(), 1, "the claim ended, another reader goes on");
    world.resolver.settle(&world.store, slow.clone()).await.unwrap();
    assert!(world.pending(&deal(1)).await.unwrap().claimed, "the row is the other's");
    world.resolver.settle(&world.store, second).await.unwrap();
    world.resolver.settle(&world.store, slow).await.unwrap();
    world.wait(3600).await;
    assert_eq!(world.story(), ["won 1 1/1"]);
}

async fn a_connection_that_is_gone_keeps_its_hints<S: Store<Tx: ResolverTx>>(mut world: World<S>) {
    let orphan = deal_of("removed", 1);
    world.hear(&orphan, "closedwon").await;
    assert_eq!(world.pending(&orphan).await.unwrap().due, at(900));
    world.wait(900).await;
    assert_eq!(world.pending(&orphan).await.unwrap().due, at(1800));
}

async fn a_backlog_beyond_the_places_is_read_bit_by_bit<S: Store<Tx: ResolverTx>>(mut world: World<S>) {
    let places = UNHURRIED.reads_at_once;
    let deals = 3 * u64::try_from(places).unwrap();
    for n in 1..=deals {
        world.crm.set(n, won(n));
        world.webhook(&deal(n), "closedwon").await;
    }
    world.take_hints().await;
    let mut claims = Vec::new();
    for _ in 0..turns::TURN_ROWS_MAX {
        claims.extend(world.resolver.claim(&world.store).await.unwrap());
    }
    assert_eq!(claims.len(), places, "no more than its places, whatever is due");
    let mut fetched = Vec::new();
    for claim in claims {
        fetched.push(world.resolver.read(claim).await);
    }
    world.resolver.settle(&world.store, fetched).await.unwrap();
    world.wait(1).await;
    world.wait(1).await;
    assert_eq!(world.story().len(), usize::try_from(deals).unwrap());
}
