//! A role that no longer fits its log stops and names one command; that command, as it was printed, lets it
//! go on, and nothing that is in the log is lost.

use std::path::PathBuf;
use std::process::Output;

use afterglow_e2e::PATIENCE;
use afterglow_events::Topic;
use afterglow_servers::postgres;
use afterglow_support::product::program;
use afterglow_support::{Cluster, Role, World, customers};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;

use super::kafka::{assert_served_once, until_served, world};

const ROLES: [&str; 3] = ["ingest", "journey-engine", "dispatcher"];

async fn start_all(world: &World) -> [Role; 3] {
    let mut roles = ROLES.map(|role| world.launch_role(role));
    for role in &mut roles {
        world.until_ready(role).await;
    }
    roles
}

async fn stop_all(roles: [Role; 3]) {
    for role in roles {
        assert_eq!(role.process.terminate().await, Some(0));
    }
}

/// Starts a role that ends by itself, and gives the command that it has named.
async fn stops(world: &World, role: &str) -> String {
    let before = world.log().len();
    let mut started = world.launch_role(role);
    assert_eq!(started.process.ended().await, Some(70), "{role} stops");
    let log = world.log()[before..].to_owned();
    let line = log.lines().find(|line| line.starts_with("afterglow: ")).unwrap_or_else(|| panic!("{log}"));
    assert!(line.contains("AG5005: afterglow."), "{line}");
    let (_, command) = line.split_once("decide with `").unwrap();
    command.trim_end_matches('`').to_owned()
}

/// Runs a command line as a person types it, in another folder.
async fn run(line: &str) -> Output {
    let folder: PathBuf = program().parent().unwrap().to_owned();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let shell =
        tokio::process::Command::new("sh").args(["-c", line]).env("PATH", path).current_dir("/").output();
    tokio::time::timeout(PATIENCE, shell).await.unwrap().unwrap()
}

/// What it prints, on both ways out, behind its exit code.
fn told(output: &Output) -> (Option<i32>, String) {
    let both = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    (output.status.code(), both.concat())
}

/// Deletes a topic, and waits until it is gone.
async fn delete_topic(world: &World, cluster: &Cluster, topic: Topic) {
    let name = format!("{}{topic}", cluster.topic_prefix);
    let mut config = ClientConfig::new();
    let admin: AdminClient<DefaultClientContext> =
        config.set("bootstrap.servers", &cluster.brokers).create().unwrap();
    admin.delete_topics(&[&name], &AdminOptions::new()).await.unwrap().remove(0).unwrap();
    let gone = async || {
        let found = admin.inner().fetch_metadata(None, PATIENCE).unwrap();
        (!found.topics().iter().any(|topic| topic.name() == name)).then_some(())
    };
    world.until("the topic is gone", PATIENCE, gone).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_topic_was_made_anew_the_printed_command_lets_the_roles_go_on() {
    let cluster = Cluster::fresh().await;
    let world = world(cluster.clone()).await;
    world.make_topics().await;
    world.migrate().await;
    let roles = start_all(&world).await;
    let [first, second, third] = [1, 2, 3].map(|n| customers::hubspot(n, world.now()));
    let addresses = [&first, &second, &third].map(|deal| customers::address(deal).to_owned());
    world.win(first).await;
    until_served(&world, &addresses[0]).await;
    stop_all(roles).await;

    delete_topic(&world, &cluster, Topic::Deals).await;
    world.make_topics().await;
    // The ingest reads another topic and goes on: what it says now must not be lost by the command.
    let _ingest = world.start_role("ingest").await;
    world.win(second).await;
    let config = world.config().to_str().unwrap().to_owned();
    let tail = async || {
        let output = world.command(&["tail", "deals", "--config", &config]).await;
        String::from_utf8(output.stdout).unwrap().contains("afterglow.deal.won.v1").then_some(())
    };
    world.until("the second deal is in the new topic", PATIENCE, tail).await;

    let commands = [stops(&world, "journey-engine").await, stops(&world, "dispatcher").await];
    assert_eq!(commands[0], commands[1], "one command for all");
    assert_eq!(commands[0], format!("afterglow log continue --config {config}"));
    let looked = told(&run(&format!("{} --dry-run", commands[0])).await);
    assert!(looked.0 == Some(0) && looked.1.contains("would be moved"), "{looked:?}");
    let (code, moved) = told(&run(&commands[0]).await);
    assert_eq!(code, Some(0), "{moved}");
    for role in ["journey-engine", "dispatcher"] {
        let line = format!("{role}: afterglow.deals.v1 partition ");
        assert!(moved.contains(&line) && !moved.contains("ingest: "), "{moved}");
    }
    let again = told(&run(&commands[0]).await);
    assert_eq!(again, (Some(0), "0 cursors moved\n".to_owned()));

    let _engine = world.start_role("journey-engine").await;
    let _dispatcher = world.start_role("dispatcher").await;
    until_served(&world, &addresses[1]).await;
    world.win(third).await;
    until_served(&world, &addresses[2]).await;
    assert_served_once(&world, &addresses[0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_database_was_restored_the_printed_command_lets_the_roles_go_on() {
    let cluster = Cluster::fresh().await;
    let world = world(cluster.clone()).await;
    world.make_topics().await;
    world.migrate().await;
    let [first, second, third] = [1, 2, 3].map(|n| customers::hubspot(n, world.now()));
    let addresses = [&first, &second, &third].map(|deal| customers::address(deal).to_owned());
    let roles = start_all(&world).await;
    world.win(first).await;
    until_served(&world, &addresses[0]).await;
    stop_all(roles).await;
    let backup = postgres::copy(&cluster.database).await.unwrap();
    let roles = start_all(&world).await;
    let id = second.id.clone();
    world.win(second).await;
    let again = world.webhook(&id);
    until_served(&world, &addresses[1]).await;

    postgres::restore(&cluster.database, &backup).await.unwrap();
    // A role that still runs writes no newer cursor over what is gone.
    assert!(world.deliver(&again).await.is_success());
    let said = async || world.log().contains("the database has gone back").then_some(());
    world.until("the resolver says that the database has gone back", PATIENCE, said).await;
    let command = format!("afterglow log continue --config {}", world.config().display());
    let (code, refused) = told(&run(&command).await);
    assert!(code == Some(75) && refused.contains("Nothing was moved"), "{code:?}: {refused}");
    // One member for each topic that a role reads.
    for (role, members) in ROLES.into_iter().zip(["1 member", "3 members", "3 members"]) {
        assert!(refused.contains(&format!("{role} runs: its group has {members}")), "{refused}");
    }
    stop_all(roles).await;
    for role in ROLES {
        assert_eq!(stops(&world, role).await, command, "one command for all");
    }
    let (code, moved) = told(&run(&command).await);
    assert!(code == Some(0) && !moved.contains("0 cursors moved"), "{code:?}: {moved}");

    let _roles = start_all(&world).await;
    world.win(third).await;
    until_served(&world, &addresses[2]).await;
    assert_served_once(&world, &addresses[0]);
    assert_eq!(world.gifts_for(&addresses[1]).len(), 1, "what happened since is recognised at the vendor");
}
