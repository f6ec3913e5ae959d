//! The product as a process: it drains, goes on, and shares its folder with nobody.

use afterglow_e2e::{PATIENCE, STORY, STORY_SUBJECTS, kept};
use afterglow_support::product::program;
use afterglow_support::{Settings, World, customers, key_of};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_in_the_middle_goes_on_where_it_stopped() {
    let world = World::new(Settings::with_journey(STORY)).await;
    let product = world.start().await;
    let deal = customers::salesforce(1, world.now());
    let (key, address) = (key_of(&deal), customers::address(&deal).to_owned());
    world.win(deal).await;
    let first_two = async || (world.mails_to(&address).len() >= 2).then_some(());
    world.until("the first two mails have come", PATIENCE, first_two).await;
    assert_eq!(product.terminate().await, Some(0));

    let _product = world.start().await;
    let history =
        world.until_history("all four were kept", PATIENCE, |history| kept(history, &key).len() >= 4).await;
    assert_eq!(history.due_of(&key).count(), 4);
    let mut ids: Vec<_> = history.events.iter().map(|event| event.envelope.id).collect();
    ids.sort_unstable();
    assert!(ids.windows(2).all(|two| two[0] != two[1]), "who stops in order repeats nothing");
    let letters = world.mails_to(&address);
    let subjects: Vec<&str> = letters.iter().map(|letter| letter.subject.as_str()).collect();
    assert_eq!(subjects, STORY_SUBJECTS);
    assert_eq!(world.gifts_for(&address).len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_run_on_the_folder_is_refused_while_readers_are_not() {
    let world = World::new(Settings::with_journey(STORY)).await;
    let mut product = world.start().await;
    let deal = customers::hubspot(1, world.now());
    let address = customers::address(&deal).to_owned();
    world.win(deal).await;
    let mail = async || world.mails_to(&address).into_iter().next();
    world.until("the first mail has come", PATIENCE, mail).await;
    let kept = |history: &afterglow_support::History| history.closed().count() >= 1;
    world.until_history("the first promise is kept", PATIENCE, kept).await;

    let second = world.command(&["run", "--config", world.config().to_str().unwrap()]).await;
    assert_eq!(second.status.code(), Some(75));
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains("AG0020") && said.contains("is in use by process"), "{said}");

    assert!(product.runs());
    let told = world.ask(&["explain", "Customer 1"]).await;
    assert!(told.contains("welcome") && told.contains("delivered"), "{told}");
    let folder = world.data_dir();
    let mut by_variable = tokio::process::Command::new(program());
    by_variable.args(["explain", "Customer 1"]).env("AFTERGLOW_DATA_DIR", &folder);
    let told = by_variable.output().await.unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let data = ["--data-dir", folder.to_str().unwrap()];
    for mistyped in [
        [&["explain", "Customer 1", "--moment", "nonsense"][..], &data].concat(),
        [&["tail", "touchpoints", "--cursor", "nonsense"][..], &data].concat(),
        vec!["journey", "lint", "no-such-file.yaml"],
    ] {
        let refused = world.command(&mistyped).await;
        assert_eq!(refused.status.code(), Some(64), "{mistyped:?}");
    }
    let lines = world.ask(&["tail", "touchpoints", "--limit", "1"]).await;
    let line: serde_json::Value = serde_json::from_str(lines.trim()).unwrap();
    assert_eq!(line["type"], "afterglow.touchpoint.due.v1");
    assert_eq!(line["data"]["moment"], "welcome");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_configuration_is_told_whole_before_anything_starts() {
    let world = World::new(Settings::default()).await;
    let text = std::fs::read_to_string(world.config()).unwrap();
    let broken = text
        .replace("zone = \"Europe/Berlin\"", "zone = \"Mars\"")
        .replace("settle_seconds", "setle_seconds");
    std::fs::write(world.config(), broken).unwrap();
    let refused = world.command(&["run", "--config", world.config().to_str().unwrap()]).await;
    assert_eq!(refused.status.code(), Some(64));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        said.matches("Mars").count() == 3 && said.contains("setle_seconds"),
        "every problem at once: {said}"
    );
    assert!(!world.data_dir().exists(), "nothing was started");
}

/// The log's file is lost; the state beside it is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_product_without_its_log_names_the_command_that_lets_it_go_on() {
    let world = World::new(Settings::with_journey(STORY)).await;
    let product = world.start().await;
    let first = customers::hubspot(1, world.now());
    let address = customers::address(&first).to_owned();
    world.win(first).await;
    let mail = async || world.mails_to(&address).into_iter().next();
    world.until("the first mail has come", PATIENCE, mail).await;
    let folder = world.data_dir();
    let data = ["--data-dir", folder.to_str().unwrap()];
    let running = world.command(&[&["log", "continue"][..], &data].concat()).await;
    assert_eq!(running.status.code(), Some(75), "not beside a running product");
    assert_eq!(product.terminate().await, Some(0));
    for file in ["log.db", "log.db-wal", "log.db-shm"] {
        let _not_all_are_there = std::fs::remove_file(folder.join(file));
    }
    assert_eq!(world.launch(None).ended().await, Some(70));
    let command = format!("decide with `afterglow log continue --data-dir {}`", folder.display());
    assert!(world.log().contains("AG5005: afterglow.") && world.log().contains(&command), "{}", world.log());

    let told = world.ask(&["log", "continue", "--dry-run"]).await;
    assert!(told.contains("goes on at 0 (was at 1)") && told.contains("would be moved"), "{told}");
    let moved = world.ask(&["log", "continue"]).await;
    assert_eq!(moved.replace("moved", "would be moved"), told);
    let _product = world.start().await;
    let second = customers::hubspot(2, world.now());
    let address = customers::address(&second).to_owned();
    world.win(second).await;
    let mail = async || world.mails_to(&address).into_iter().next();
    world.until("the second customer's mail has come", PATIENCE, mail).await;
}
