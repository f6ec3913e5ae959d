//! The edge: a stranger leaves nothing behind, a friend who mumbles is kept.

use std::time::Duration;

use afterglow_crm::hubspot::signature::V3_HEADER;
use afterglow_crm::salesforce::reply::ACK;
use afterglow_support::{Settings, Webhook, World, customers};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_signature_stores_nothing_and_unusable_input_is_kept() {
    let world = World::new(Settings::default()).await;
    let _product = world.start().await;
    let deal = customers::hubspot(1, world.now());
    world.sandbox.crm.put(deal.clone(), world.now());
    let signed = world.sign(&world.webhook(&deal.id));
    let forged = signed.with_header(V3_HEADER, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    let refused = world.post(&forged).await.unwrap();
    assert_eq!(
        (refused.status, refused.headers["content-type"].as_bytes()),
        (401, &b"application/problem+json"[..])
    );

    let mumbled = world.deliver(&Webhook::hubspot("[{\"objectId\":")).await;
    assert_eq!(mumbled.status, 200, "{}", mumbled.body);
    let history = world
        .until_history("the unusable delivery is a dead letter", Duration::from_secs(20), |history| {
            history.dead_letters().count() == 1
        })
        .await;
    assert_eq!(history.webhooks().count(), 1, "only what was authentic is in the log");
    let listed = world.ask(&["dead-letters", "list"]).await;
    assert!(listed.contains("not a JSON array") && listed.contains("1 dead letter\n"), "{listed}");
    let raw = world.ask(&["dead-letters", "list", "--raw"]).await;
    assert!(raw.contains("objectId"), "{raw}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn salesforce_gets_its_exact_acknowledgement() {
    let world = World::new(Settings::default()).await;
    let _product = world.start().await;
    let deal = customers::salesforce(1, world.now());
    world.sandbox.crm.put(deal.clone(), world.now());
    let answer = world.deliver(&world.webhook(&deal.id)).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ACK));
    assert!(answer.headers["content-type"].to_str().unwrap().starts_with("text/xml"));
}
