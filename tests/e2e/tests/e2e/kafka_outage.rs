//! Broker and database go away under running roles and come back: said, waited for, nothing lost.

use std::time::Duration;

use afterglow_servers::{Kafka, Postgres};
use afterglow_support::{Cluster, Role, Wire, World, customers};

use crate::kafka::{assert_log_is_impersonal, assert_served_once, until_served, world};

/// Within which an outage is said: a question every three seconds, five for its answer, and a busy machine.
const NOTICED: Duration = Duration::from_secs(15);

/// Waits until a role says that a component is away.
async fn until_said(world: &World, role: &mut Role, status: u16, component: &str) {
    let said = |found: u16, body: &str| found == status && body.contains(&format!(r#""{component}":"#));
    let what = format!("{component} is said to be away");
    let noticed = tokio::time::timeout(NOTICED, world.until_readyz(role, &what, said)).await;
    noticed.unwrap_or_else(|_| panic!("not within {NOTICED:?}: {what}; {}", world.log()));
}

/// How many lines say that a component is away.
fn lines(world: &World, component: &str) -> usize {
    let log = world.log();
    log.lines()
        .filter(|line| line.contains("not ready") && line.contains(&format!("\"{component}\"")))
        .count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_say_what_is_away_and_go_on_when_it_is_back() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let servers = tokio::join!(Kafka::start(folders[0].path()), Postgres::start(folders[1].path()));
    let (mut kafka, mut postgres) = (servers.0.unwrap(), servers.1.unwrap());
    let (brokers, database) = (kafka.address(), postgres.database().await.unwrap());
    let cluster = Cluster { brokers, topic_prefix: "outage.".to_owned(), database };
    let world = world(cluster).await;
    world.make_topics().await;
    world.migrate().await;
    let mut ingest = world.start_role("ingest").await;
    let mut engine = world.start_role("journey-engine").await;
    let mut dispatcher = world.start_role("dispatcher").await;
    let deals = [1, 2, 3].map(|n| customers::hubspot(n, world.now()));
    let addresses = deals.each_ref().map(|deal| customers::address(deal).to_owned());
    let [first, second, third] = deals;
    world.win(first).await;
    until_served(&world, &addresses[0]).await;

    postgres.kill().await.unwrap();
    until_said(&world, &mut engine, 503, "store").await;
    until_said(&world, &mut dispatcher, 503, "store").await;
    until_said(&world, &mut ingest, 200, "store").await;
    // The edge needs no database.
    world.win(second).await;
    postgres.start_again().await.unwrap();
    for role in [&mut ingest, &mut engine, &mut dispatcher] {
        world.until_ready(role).await;
    }
    until_served(&world, &addresses[1]).await;
    assert_eq!(lines(&world, "store"), 3, "one line of each role: {}", world.log());

    kafka.kill().await.unwrap();
    until_said(&world, &mut engine, 503, "kafka").await;
    until_said(&world, &mut dispatcher, 503, "kafka").await;
    until_said(&world, &mut ingest, 200, "kafka").await;
    world.sandbox.crm.put(third, world.now());
    let third = world.webhook(&customers::hubspot(3, world.now()).id);
    let answer = world.post(&world.sign(&third)).await.unwrap();
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(answer.headers.contains_key("retry-after"));
    kafka.start_again().await.unwrap();
    for role in [&mut ingest, &mut engine, &mut dispatcher] {
        world.until_ready(role).await;
    }
    assert!(world.deliver(&third).await.is_success());
    until_served(&world, &addresses[2]).await;
    assert_eq!(lines(&world, "kafka"), 3, "one line of each role: {}", world.log());
    for address in &addresses {
        assert_served_once(&world, address);
    }
    assert_log_is_impersonal(&world, &addresses);

    // Nobody is left to answer, and the processes end all the same, in time: by themselves, or cut off at the
    // deadline where a vendor's answer waits to be recorded.
    let (killed, down) = tokio::join!(kafka.kill(), postgres.kill());
    killed.and(down).unwrap();
    let [ingest, engine, dispatcher] = [ingest, engine, dispatcher].map(|role| role.process.terminate());
    let codes: [Option<i32>; 3] = tokio::join!(ingest, engine, dispatcher).into();
    assert!(codes.iter().all(|code| matches!(code, Some(0 | 70))), "{codes:?}: {}", world.log());
}

/// Whether a role counts as alive.
async fn is_alive(world: &World, role: &Role) -> bool {
    let url = format!("http://{}/livez", role.admin);
    world.http.get(&url).send().await.unwrap().status() == 200
}

/// A wire to the database, and the URL by which it is reached through it.
pub(crate) async fn wired(direct: &Cluster) -> (Wire, String) {
    let (_, after) = direct.database.split_once('@').unwrap();
    let (server, _) = after.split_once('/').unwrap();
    let wire = Wire::to(server.to_owned()).await;
    let database = direct.database.replace(server, &wire.address.to_string());
    (wire, database)
}

/// As a database whose host has vanished, or that hangs: connections stay open and say nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_go_on_after_a_database_that_gave_no_answer_without_a_restart() {
    let direct = Cluster::fresh().await;
    let (wire, database) = wired(&direct).await;
    let world = world(Cluster { database, ..direct }).await;
    world.make_topics().await;
    world.migrate().await;
    let mut ingest = world.start_role("ingest").await;
    let mut engine = world.start_role("journey-engine").await;
    let mut dispatcher = world.start_role("dispatcher").await;
    let deals = [1, 2].map(|n| customers::hubspot(n, world.now()));
    let addresses = deals.each_ref().map(|deal| customers::address(deal).to_owned());
    let [first, second] = deals;
    world.win(first).await;
    until_served(&world, &addresses[0]).await;

    wire.cut();
    until_said(&world, &mut engine, 503, "store").await;
    until_said(&world, &mut dispatcher, 503, "store").await;
    until_said(&world, &mut ingest, 200, "store").await;
    world.win(second).await;
    let mut late = world.launch_role("journey-engine");
    let silent = |status: u16, body: &str| status == 503 && body.contains("gives no answer");
    world.until_readyz(&mut late, "a role that starts says that the database is silent", silent).await;
    wire.mend();
    for role in [&mut ingest, &mut engine, &mut dispatcher, &mut late] {
        world.until_ready(role).await;
    }
    until_served(&world, &addresses[1]).await;
    for role in [&ingest, &engine, &dispatcher, &late] {
        assert!(is_alive(&world, role).await, "{}", world.log());
    }
    for address in &addresses {
        assert_served_once(&world, address);
    }
    assert_log_is_impersonal(&world, &addresses);
}
