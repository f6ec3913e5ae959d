//! A disk that takes no more, played by a limit on the size of files.

use std::collections::BTreeSet;
use std::time::Duration;

use afterglow_e2e::PATIENCE;
use afterglow_support::{Settings, Webhook, World, customers, key_of};

/// Room for the empty databases and a hundred or two of large webhooks.
const FILE_KIB_MAX: u64 = 3 * 1024;

/// A webhook of twenty kilobytes for customer `n`.
fn large(world: &World, id: &str) -> Webhook {
    let Webhook::Hubspot { connection, secret, body } = world.webhook(id) else {
        panic!("the deal is HubSpot's")
    };
    let text = String::from_utf8(body).unwrap();
    let padded = text.replacen('{', &format!("{{\"padding\":\"{}\",", "x".repeat(20_000)), 1);
    Webhook::Hubspot { connection, secret, body: padded.into_bytes() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_503_and_one_clear_line_and_nothing_accepted_is_lost() {
    let world = World::new(Settings::default()).await;
    let mut product = world.launch(Some(FILE_KIB_MAX));
    let mut accepted = BTreeSet::new();
    let mut refused = None;
    for n in 0..2_000 {
        let deal = customers::hubspot(n, world.now());
        let (id, key) = (deal.id.clone(), key_of(&deal).to_string());
        world.sandbox.crm.put(deal, world.now());
        let webhook = large(&world, &id);
        // The first one waits until the product listens.
        let sent = async || world.post(&world.sign(&webhook)).await.ok();
        let answer = world.until("the edge answers", PATIENCE, sent).await;
        if answer.status != 200 {
            refused = Some(answer);
            break;
        }
        accepted.insert(key);
    }
    let refused = refused.expect("three megabytes are not enough for two thousand large webhooks");
    assert_eq!(refused.status, 503, "{}", refused.body);
    assert!(refused.headers.contains_key("retry-after"));
    assert!(accepted.len() > 20, "only {} were taken", accepted.len());
    assert!(product.runs(), "it stays, and says no itself");
    let log = world.log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("AG1002")).collect();
    assert!(!lines.is_empty() && lines[0].contains("log.db"), "one clear line names the file: {log:.4000}");
    product.kill().await;

    let _product = world.start().await;
    world
        .until_history("everything accepted is there", Duration::from_secs(30), |history| {
            let heard: BTreeSet<_> = history.webhooks().map(|(_, webhook)| webhook.deal.clone()).collect();
            accepted.is_subset(&heard)
        })
        .await;
    let again = world.deliver(&large(&world, &customers::hubspot(0, world.now()).id)).await;
    assert_eq!(again.status, 200, "with room again, it takes again");
}
