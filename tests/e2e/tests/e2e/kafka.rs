//! The product as three processes on Kafka and PostgreSQL.

use afterglow_e2e::PATIENCE;
use afterglow_support::{Cluster, ONE_GIFT, Settings, World, customers};

use crate::traces::PERSONAL;

pub(crate) async fn world(cluster: Cluster) -> World {
    World::new(Settings { cluster: Some(cluster), ..Settings::with_journey(ONE_GIFT) }).await
}

/// A product whose days are days, as outside sandboxes.
async fn in_real_time(cluster: Cluster) -> World {
    World::new(Settings { cluster: Some(cluster), seconds_per_day: 0, ..Settings::default() }).await
}

/// Waits for the mail of a customer, and counts mails and gifts.
pub(crate) async fn until_served(world: &World, address: &str) {
    let served = async || (!world.mails_to(address).is_empty()).then_some(());
    world.until(&format!("{address} has its mail"), PATIENCE, served).await;
    assert_served_once(world, address);
}

/// What people are called, where they are reached and what they are told stands in no log, whatever went wrong.
pub(crate) fn assert_log_is_impersonal(world: &World, addresses: &[String]) {
    let log = world.log();
    for personal in addresses.iter().map(String::as_str).chain(PERSONAL) {
        assert!(!log.contains(personal), "{personal:?} was logged: {log}");
    }
}

pub(crate) fn assert_served_once(world: &World, address: &str) {
    assert_eq!(world.gifts_for(address).len(), 1, "{address}");
    let letters = world.mails_to(address);
    let subjects: Vec<&str> = letters.iter().map(|letter| letter.subject.as_str()).collect();
    assert_eq!(subjects, ["Welcome, Robin. Coffee is on us"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_processes_serve_each_customer_once_and_go_on_after_a_kill() {
    let world = world(Cluster::fresh().await).await;
    world.make_topics().await;
    world.migrate().await;
    let _ingest = world.start_role("ingest").await;
    let engine = world.start_role("journey-engine").await;
    let _dispatcher = world.start_role("dispatcher").await;
    let [first, second] = [customers::hubspot(1, world.now()), customers::salesforce(2, world.now())];
    let addresses = [&first, &second].map(|deal| customers::address(deal).to_owned());
    world.win(first).await;
    until_served(&world, &addresses[0]).await;

    engine.process.kill().await;
    world.win(second).await;
    let _engine = world.start_role("journey-engine").await;
    until_served(&world, &addresses[1]).await;
    assert_served_once(&world, &addresses[0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_start_at_once_publish_one_version_and_serve_each_customer_once() {
    let world = world(Cluster::fresh().await).await;
    world.make_topics().await;
    world.migrate().await;
    let roles = ["ingest", "journey-engine", "journey-engine", "dispatcher", "dispatcher"];
    let mut processes = roles.map(|role| world.launch_role(role));
    for process in &mut processes {
        world.until_ready(process).await;
    }
    assert_eq!(world.log().matches("journey published").count(), 1, "{}", world.log());
    let deals = [1, 2, 3, 4].map(|n| customers::hubspot(n, world.now()));
    let addresses = deals.each_ref().map(|deal| customers::address(deal).to_owned());
    for deal in deals {
        world.win(deal).await;
    }
    for address in &addresses {
        until_served(&world, address).await;
    }
    let [.., dispatcher] = processes;
    dispatcher.process.kill().await;
    let late = customers::salesforce(5, world.now());
    let address = customers::address(&late).to_owned();
    world.win(late).await;
    until_served(&world, &address).await;
    for address in &addresses {
        assert_served_once(&world, address);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_names_what_is_missing_and_goes_on_when_it_is_there() {
    let world = in_real_time(Cluster::fresh().await).await;
    let mut engine = world.launch_role("journey-engine");
    let topics = |status: u16, body: &str| status == 503 && body.contains("afterglow topics --create");
    world.until_readyz(&mut engine, "the missing topics are named", topics).await;
    world.make_topics().await;
    let schema = |status: u16, body: &str| status == 503 && body.contains("run `afterglow migrate`");
    world.until_readyz(&mut engine, "the missing schema is named", schema).await;
    let told = world.migrate().await;
    assert_eq!(told.lines().count(), 6, "{told}");
    assert!(told.contains("schema engine (role): version 0 to "), "{told}");
    world.until_ready(&mut engine).await;
    let again = world.migrate().await;
    assert_eq!(again.matches("nothing to do").count(), 6, "{again}");
    assert_eq!(engine.process.terminate().await, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_kafka_and_the_database_are_away_the_edge_answers_503_itself() {
    let world = in_real_time(Cluster::away()).await;
    let (mut ingest, mut dispatcher) = (world.launch_role("ingest"), world.launch_role("dispatcher"));
    let told = |status: u16, body: &str| status == 200 && body.contains("AG5003: Kafka at 127.0.0.1:");
    world.until_readyz(&mut ingest, "the edge is ready and says what is away", told).await;
    let told = |status: u16, body: &str| status == 503 && body.contains("AG5003: Kafka at 127.0.0.1:");
    world.until_readyz(&mut dispatcher, "the dispatcher says what is away", told).await;
    world.sandbox.crm.put(customers::hubspot(1, world.now()), world.now());
    let answer =
        world.post(&world.sign(&world.webhook(&customers::hubspot(1, world.now()).id))).await.unwrap();
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(world.log().matches("not ready").count(), 2, "one line each: {}", world.log());
    assert_eq!(ingest.process.terminate().await, Some(0));
    assert_eq!(dispatcher.process.terminate().await, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_of_a_json_log_is_json_from_the_first_to_the_last() {
    let env = vec![("AFTERGLOW__TELEMETRY__LOG", "json".to_owned())];
    let settings = Settings { cluster: Some(Cluster::away()), env, ..Settings::default() };
    let world = World::new(settings).await;
    let mut engine = world.launch_role("journey-engine");
    world.until_readyz(&mut engine, "it waits for the database", |status, _| status == 503).await;
    assert_eq!(engine.process.terminate().await, Some(0));
    let log = world.log();
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let unwise = lines.iter().find(|line| line["code"] == "AG0009").expect("its secrets stand in the file");
    assert_eq!(unwise["level"], "WARN");
    assert!(lines.iter().any(|line| line["role"] == "journey-engine"), "{log}");
}

/// What a command with the world's configuration says on standard error; it must end with 64.
async fn refused(world: &World, command: &str) -> String {
    let output = world.command(&[command, "--config", world.config().to_str().unwrap()]).await;
    assert_eq!(output.status.code(), Some(64), "{command}");
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_refuses_the_configuration_of_the_other_product() {
    let scaled = world(Cluster::away()).await;
    let told = refused(&scaled, "run").await;
    for command in ["`afterglow ingest`", "`afterglow journey-engine`", "`afterglow dispatcher`"] {
        assert!(told.contains(command), "{told}");
    }
    let embedded = World::new(Settings::default()).await;
    for command in ["ingest", "journey-engine", "dispatcher", "migrate", "topics"] {
        let told = refused(&embedded, command).await;
        assert!(told.contains("`afterglow run`"), "{told}");
    }
    assert!(!embedded.data_dir().exists(), "nothing was started");
}
