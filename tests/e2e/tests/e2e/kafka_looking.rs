//! The commands that look at a product, and change one thing, on Kafka and PostgreSQL.

use afterglow_domain::Crm;
use afterglow_e2e::PATIENCE;
use afterglow_events::Topic;
use afterglow_sandbox::crm::Trouble;
use afterglow_sandbox::mailbox::Faults;
use afterglow_support::{Cluster, ONE_GIFT, Role, Settings, World, customers};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use serde_json::Value;

use super::kafka::{assert_served_once, until_served, world};
use super::stream::Streams;

/// The three processes of a product, with everything that they need.
async fn started(world: &World) -> [Role; 3] {
    world.make_topics().await;
    world.migrate().await;
    let [mut ingest, mut engine, mut dispatcher] =
        ["ingest", "journey-engine", "dispatcher"].map(|role| world.launch_role(role));
    for role in [&mut ingest, &mut engine, &mut dispatcher] {
        world.until_ready(role).await;
    }
    [ingest, engine, dispatcher]
}

/// What a command with the product's configuration prints; it must succeed.
async fn ask(world: &World, args: &[&str]) -> String {
    let output = world.command(&[args, &["--config", world.config().to_str().unwrap()]].concat()).await;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`afterglow {}` failed: {errors}", args.join(" "));
    String::from_utf8(output.stdout).unwrap()
}

/// Waits until the first customer's journey is completed, and gives the whole page about it.
async fn page(world: &World) -> String {
    let look = async || {
        let output = world
            .command(&["explain", "Customer 1", "--all", "--config", world.config().to_str().unwrap()])
            .await;
        Some(String::from_utf8(output.stdout).unwrap()).filter(|page| page.contains(", completed;"))
    };
    world.until("the journey is completed", PATIENCE, look).await
}

/// The page with `#` for each number: times differ.
fn without_numbers(page: &str) -> String {
    let mut text = String::with_capacity(page.len());
    for letter in page.chars() {
        match letter {
            '0'..='9' if text.ends_with('#') => {}
            '0'..='9' => text.push('#'),
            other => text.push(other),
        }
    }
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_life_is_explained_with_the_same_page() {
    // Days that are long enough to be on time in, and short enough to wait for.
    let settings = || Settings { seconds_per_day: 20, ..Settings::with_journey(ONE_GIFT) };
    let scaled = World::new(Settings { cluster: Some(Cluster::fresh().await), ..settings() }).await;
    let embedded = World::new(settings()).await;
    let _roles = started(&scaled).await;
    let _product = embedded.start().await;
    for world in [&scaled, &embedded] {
        world.win(customers::hubspot(1, world.now())).await;
    }
    let pages = [page(&scaled).await, page(&embedded).await];
    let [on_servers, in_files] = pages.each_ref().map(|page| without_numbers(page));
    assert_eq!(on_servers, in_files);
    for told in ["Customer 1", "gift ordered at Tremendous", "mail sent, accepted by smtp", "budget"] {
        assert!(pages[0].contains(told), "{told:?} is not in {}", pages[0]);
    }
    for asked in ["hubspot:24801:deal:100001", "100001", "customer 1"] {
        assert!(ask(&scaled, &["explain", asked]).await.contains("welcome"), "{asked}");
    }
    let config = scaled.config().to_str().unwrap();
    let nobody = scaled.command(&["explain", "Customer 2", "--config", config]).await;
    assert_eq!(nobody.status.code(), Some(1), "{}", String::from_utf8_lossy(&nobody.stdout));
    // A configuration of the product in one process means its data folder.
    let by_folder = embedded.ask(&["explain", "Customer 1", "--all"]).await;
    assert_eq!(ask(&embedded, &["explain", "Customer 1", "--all"]).await, by_folder);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_are_read_by_command_and_as_a_stream() {
    let cluster = Cluster::fresh().await;
    let world = world(cluster.clone()).await;
    let [_ingest, engine, _dispatcher] = started(&world).await;
    let customers = [1, 2].map(|n| customers::hubspot(n, world.now()));
    let addresses = customers.each_ref().map(|deal| customers::address(deal).to_owned());
    for deal in customers {
        world.win(deal).await;
    }
    for address in &addresses {
        until_served(&world, address).await;
    }
    let told = ask(&world, &["tail", "touchpoints"]).await;
    let lines: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "{told}");
    let first = lines[0]["cursor"].as_str().unwrap();
    let behind = ask(&world, &["tail", "touchpoints", "--cursor", first]).await;
    assert_eq!(behind.lines().collect::<Vec<_>>(), [told.lines().nth(1).unwrap()]);
    assert_eq!(ask(&world, &["tail", "touchpoints", "--now"]).await, "");

    let streams = Streams { http: &world.http, admin: engine.admin };
    let events = streams.read("touchpoints", None, 2).await;
    let data: Vec<&Value> = events.iter().map(|event| &event.data).collect();
    assert_eq!(data, [&lines[0], &lines[1]], "the same lines");
    assert_eq!(streams.read("touchpoints", Some(&events[0].cursor), 1).await, events[1..]);
    let foreign = &Value::from("urn:afterglow:problem:cursor-foreign");
    for (topic, cursor) in [("touchpoints", first.replace('~', "-")), ("deals", first.to_owned())] {
        let (status, problem) = streams.refused(topic, &cursor).await;
        assert_eq!((status, &problem["type"]), (400, foreign));
    }
    assert_eq!(streams.status("webhooks").await, 404, "the internal topic is not served");

    forget_everything(&cluster, Topic::Touchpoints).await;
    let (status, problem) = streams.refused("touchpoints", &events[0].cursor).await;
    let expired = &Value::from("urn:afterglow:problem:cursor-expired");
    assert_eq!((status, &problem["type"]), (410, expired));
}

/// What retention does in the end, done now.
async fn forget_everything(cluster: &Cluster, topic: Topic) {
    let name = format!("{}{topic}", cluster.topic_prefix);
    let mut config = ClientConfig::new();
    let admin: AdminClient<DefaultClientContext> =
        config.set("bootstrap.servers", &cluster.brokers).create().unwrap();
    let found = admin.inner().fetch_metadata(Some(&name), PATIENCE).unwrap();
    let mut list = TopicPartitionList::new();
    for partition in found.topics()[0].partitions() {
        list.add_partition_offset(&name, partition.id(), Offset::End).unwrap();
    }
    let removed = admin.delete_records(&list, &AdminOptions::new()).await.unwrap();
    assert!(removed.elements().iter().all(|element| element.error().is_ok()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_is_replayed_beside_the_running_roles() {
    let world = world(Cluster::fresh().await).await;
    let _roles = started(&world).await;
    let deal = customers::hubspot(1, world.now());
    let address = customers::address(&deal).to_owned();
    world.sandbox.crm.set_trouble(deal.crm, Some(Trouble::Nonsense));
    world.win(deal.clone()).await;
    let parked = async || {
        Some(ask(&world, &["dead-letters", "list"]).await).filter(|list| list.contains("1 dead letter\n"))
    };
    let listed = world.until("the hint became a dead letter", PATIENCE, parked).await;
    let (_, id) = listed.lines().next().unwrap().rsplit_once('(').unwrap();
    let id = id.trim_end_matches(')');
    let shown = ask(&world, &["dead-letters", "show", id]).await;
    for part in ["of ingest", "tried 5 times", "on its way to afterglow.webhooks.v1", &deal.id, "00000000  "]
    {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
    world.sandbox.crm.set_trouble(Crm::Hubspot, None);
    let told = ask(&world, &["dead-letters", "replay", "--all", "--role", "dispatcher"]).await;
    assert!(told.contains("0 dead letters replayed"), "{told}");
    let told = ask(&world, &["dead-letters", "replay", id]).await;
    assert!(told.contains("1 dead letter replayed"), "{told}");
    let again = ask(&world, &["dead-letters", "replay", id]).await;
    assert!(again.contains("nothing was done"), "{again}");
    until_served(&world, &address).await;
    assert!(ask(&world, &["dead-letters", "list"]).await.contains("0 dead letters"));
    assert!(ask(&world, &["dead-letters", "list", "--all"]).await.contains(id));
    assert_served_once(&world, &address);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_decides_on_a_gift_that_was_not_handed_over() {
    let world = world(Cluster::fresh().await).await;
    let _roles = started(&world).await;
    let deal = customers::hubspot(1, world.now());
    let refusal = (customers::address(&deal).to_owned(), "550 5.1.1 no such user".to_owned());
    world.sandbox.mailbox.set_faults(Faults { refuse_recipients: [refusal].into(), ..Faults::default() });
    world.win(deal).await;
    let waits = async || {
        let list = ask(&world, &["attempts", "list"]).await;
        Some(list).filter(|list| list.contains("1 call waits for a person"))
    };
    let listed = world.until("the gift waits for a person", PATIENCE, waits).await;
    assert!(listed.contains("not_handed_over"), "{listed}");
    let id = listed.split_whitespace().next().unwrap();
    let told = ask(&world, &["attempts", "resolve", id, "--sent"]).await;
    assert_eq!(told, format!("{id} is sent\n"));
    assert!(ask(&world, &["attempts", "list"]).await.contains("0 calls wait for a person"));
    let config = world.config().to_str().unwrap();
    let again = world.command(&["attempts", "resolve", id, "--config", config, "--not-sent"]).await;
    let refused = String::from_utf8(again.stderr).unwrap();
    assert!(!again.status.success() && refused.contains("nothing was changed"), "{refused}");
    let progressed = async || {
        ask(&world, &["tail", "deliveries"]).await.contains("a person handed the gift over").then_some(())
    };
    world.until("the decision is told", PATIENCE, progressed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_away_is_named_with_the_remedy() {
    let away = world(Cluster::away()).await;
    let config = away.config().to_str().unwrap();
    for (command, part) in [
        (&["explain", "Customer 1"][..], "AG5004: PostgreSQL at 127.0.0.1:"),
        (&["attempts", "list"], "AG5004: PostgreSQL at 127.0.0.1:"),
        (&["dead-letters", "list"], "AG5004: PostgreSQL at 127.0.0.1:"),
        (&["tail", "deals"], "AG5003: Kafka at 127.0.0.1:"),
        (&["log", "continue"], "AG5003: Kafka at 127.0.0.1:"),
    ] {
        let output = away.command(&[command, &["--config", config]].concat()).await;
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(69) && told.contains(part), "{command:?}: {told}");
    }
    let empty = world(Cluster::fresh().await).await;
    let config = empty.config().to_str().unwrap();
    let output = empty.command(&["explain", "Customer 1", "--config", config]).await;
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("AG5004") && told.contains("run `afterglow migrate`"), "{told}");
    let output = empty.command(&["tail", "deals", "--config", config]).await;
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("AG5003") && told.contains("afterglow topics --create"), "{told}");
    let both = ["explain", "x", "--config", config, "--data-dir", "data"];
    assert_eq!(empty.command(&both).await.status.code(), Some(2), "one product at a time");
}
