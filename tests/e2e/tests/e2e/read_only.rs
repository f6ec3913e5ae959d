//! A data folder that cannot be written: from the start, or from some moment on.

use std::collections::BTreeSet;

use afterglow_e2e::{PATIENCE, STORY, kept};
use afterglow_support::{Answer, ReadOnlyDisk, Settings, World, customers, key_of};

/// Refusals that are waited for before the log is looked at: with the sender's pauses some seconds, in which
/// a loop that complains at each of its tries would have said dozens of lines.
const REFUSALS: u64 = 80;

fn on(disk: &ReadOnlyDisk) -> Settings {
    Settings { env: disk.env(), ..Settings::with_journey(STORY) }
}

/// The lines that complain, without their times.
fn complaints(world: &World) -> Vec<String> {
    let log = world.log();
    let loud = |line: &&str| line.contains("WARN") || line.contains("ERROR");
    let untimed = |line: &str| line.split_once(' ').map_or(line, |(_time, rest)| rest).to_owned();
    log.lines().filter(loud).map(untimed).collect()
}

/// Tells of customer `n`, once.
async fn told(world: &World, n: u64) -> Answer {
    let deal = customers::hubspot(n, world.now());
    world.sandbox.crm.put(deal.clone(), world.now());
    world.post(&world.sign(&world.webhook(&deal.id))).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_on_a_read_only_folder_is_one_clear_line_and_73() {
    let disk = ReadOnlyDisk::new();
    let world = World::new(on(&disk)).await;
    assert_eq!(world.start().await.terminate().await, Some(0), "the folder is one that was in use");
    disk.freeze();
    let refused = world.command(&["run", "--config", world.config().to_str().unwrap()]).await;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(73), "{said}");
    // Before it come only the warnings that the configuration deserves.
    let line = said.lines().last().unwrap();
    let folder = world.data_dir();
    assert!(line.starts_with("AG0022 ") && line.contains(folder.to_str().unwrap()), "{said}");
    assert!(line.contains("Read-only file system") && line.contains("remount"), "{said}");
    assert_eq!(said.matches("Read-only").count(), 1, "{said}");
    disk.thaw();
    assert_eq!(world.start().await.terminate().await, Some(0), "and it is as it was");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_becomes_read_only_is_503_and_told_once_and_nothing_accepted_is_lost() {
    let disk = ReadOnlyDisk::new();
    let world = World::new(on(&disk)).await;
    let mut product = world.start().await;
    let before = customers::hubspot(1, world.now());
    world.win(before.clone()).await;
    let under_way = |history: &afterglow_support::History| !kept(history, &key_of(&before)).is_empty();
    world.until_history("the first promise is kept", PATIENCE, under_way).await;

    disk.freeze();
    let refused = told(&world, 2).await;
    assert_eq!(refused.status, 503, "{}", refused.body);
    assert!(refused.headers.contains_key("retry-after"));
    refused_so_often(&world, REFUSALS).await;
    let said = complaints(&world);
    let different: BTreeSet<_> = said.iter().collect();
    assert_eq!(said.len(), different.len(), "told once, not at every try: {said:#?}");
    let edge: Vec<_> = said.iter().filter(|line| line.contains("AG1002")).collect();
    assert_eq!(edge.len(), 1, "{said:#?}");
    assert!(
        edge[0].contains("log.db") && edge[0].contains("read-only"),
        "it names file and remedy: {edge:?}"
    );
    assert!(product.runs(), "it stays, and says no itself");

    disk.thaw();
    let mut deals = BTreeSet::from([key_of(&before)]);
    for n in 2..4 {
        let deal = customers::hubspot(n, world.now());
        deals.insert(key_of(&deal));
        world.win(deal).await;
    }
    world
        .until_history("every promise to everybody is kept", PATIENCE, |history| {
            deals.iter().all(|deal| kept(history, deal).len() == 4)
        })
        .await;
    for deal in [1, 2, 3].map(|n| customers::hubspot(n, world.now())) {
        assert_eq!(world.gifts_for(customers::address(&deal)).len(), 2, "each gift once");
    }
    assert_eq!(product.terminate().await, Some(0));
}

/// Sends until so many deliveries were refused; none may be taken.
async fn refused_so_often(world: &World, times: u64) {
    let mut refusals = 0;
    let refused = async || {
        let answer = told(world, 2).await;
        assert_eq!(answer.status, 503, "{}", answer.body);
        refusals += 1;
        (refusals == times).then_some(())
    };
    world.until("the edge has refused", PATIENCE, refused).await;
}
