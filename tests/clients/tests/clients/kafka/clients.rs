//! Python, Node and kcat read what the product writes, in both encodings; what Python and Node say is taken in once.

use afterglow_clients::examples::Examples;
use afterglow_clients::stranger::{Message, Stranger};
use afterglow_domain::{EventId, HomeKey, Shard};
use afterglow_events::{Envelope, Event};
use afterglow_support::cluster::PARTITIONS;

use super::lines::{of_kcat, sorted, without_times, written};
use super::*;

const JSON: &str = "[log]\nencoding = \"json\"\n";

/// One whom two of the user's own services know.
const CUSTOMER: &str = "acme/ext:newsletter:3";

/// The place of the roles that hear signals.
const ENGINE: usize = 1;
const DISPATCHER: usize = 2;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_read_what_is_written_and_what_they_say_is_taken_in_once() {
    let (python, kafkajs, kcat) = tokio::join!(Examples::python(), Examples::kafkajs(), Examples::kcat());
    let (python, kafkajs, kcat) = (python.unwrap(), kafkajs.unwrap(), kcat.unwrap());
    let mut product = Product::new().await;
    product.world.make_topics().await;
    product.world.migrate().await;
    let topics = product.topics().await;

    product.configure("[log]\n", JSON);
    product.start().await;
    product.serve(&topics, customers::hubspot(1, product.world.now())).await;
    let in_json = written(&topics).await;
    assert!(in_json.iter().all(|line| line["headers"]["content-type"] == "application/json"));
    let by_kcat = kcat.run("read.sh", &[], &product.cluster).await.unwrap();
    assert_eq!(sorted(by_kcat.iter().map(of_kcat).collect()), in_json);

    // The encoding may be changed at any time: both are read, also by the product itself.
    product.stop().await;
    product.configure(JSON, "[log]\n");
    product.start().await;
    product.serve(&topics, customers::salesforce(2, product.world.now())).await;
    let in_both = written(&topics).await;
    assert!(in_both.iter().any(|line| line["headers"]["content-type"] == "application/protobuf"));
    let (by_python, by_kafkajs) = tokio::join!(
        python.run("read.py", &[], &product.cluster),
        kafkajs.run("read.js", &[], &product.cluster)
    );
    assert_eq!(sorted(by_python.unwrap()), in_both);
    assert_eq!(without_times(&sorted(by_kafkajs.unwrap())), without_times(&in_both));

    let now = product.world.now();
    let [third, fourth, fifth] = [3, 4, 5].map(|n| customers::hubspot(n, now));
    say_twice(&product, &python, "unsubscribe.py", customers::address(&third)).await;
    say_twice(&product, &kafkajs, "unsubscribe.js", customers::address(&fourth)).await;
    say_long_ago(&product);
    assert_taken_in_once(&product, &topics).await;
    for deal in [third, fourth] {
        let address = customers::address(&deal).to_owned();
        let done = product.conclude(&topics, deal).await;
        assert_eq!(done.outcome(), proto::DeliveryOutcome::Refused, "{done:?}");
        assert_eq!(done.cause(), proto::DeliveryCause::Suppressed);
        assert_eq!((product.world.gifts_for(&address).len(), product.world.mails_to(&address).len()), (0, 0));
    }
    product.serve(&topics, fifth).await;
}

/// Two strangers use the same id for two things about one customer, and each says its own twice.
async fn say_twice(product: &Product, examples: &Examples, script: &str, address: &str) {
    for _ in 0..2 {
        let told = examples.run(script, &[CUSTOMER, address, "42"], &product.cluster).await.unwrap();
        // Java's hash is ours, and kafkajs has it, too; librdkafka's own is another one.
        let ours = Shard::of(CUSTOMER).partition(PARTITIONS);
        assert_eq!(told[0]["partition"] == ours, script == "unsubscribe.js", "{script}: {told:?}");
    }
}

/// A signal whose sender's clock is decades behind: what counts is when the log took it.
fn say_long_ago(product: &Product) {
    let home = HomeKey::new("acme/ext:shop:1").unwrap();
    let id = EventId("9f0c2e46-0000-5000-8000-000000000001".parse().unwrap());
    let envelope = Envelope::of(id, "/shop", product.world.now(), &home);
    let event = Event { envelope, body: proto::Signal::default().into() };
    let message = Message { timestamp: Some(1_000_000_000_000), ..Message::of_event(&event) };
    Stranger::at(&product.cluster).write(Topic::Signals, 0, &[message]);
}

async fn assert_taken_in_once(product: &Product, topics: &Topics) {
    for role in [ENGINE, DISPATCHER] {
        let received = async || product.counter(role, "afterglow_received_total", "topic=\"signals\"").await;
        let all = async || (received().await >= 5.0).then_some(());
        product.world.until("all five signals were decided on", PATIENCE, all).await;
        let repeated = product.counter(role, "afterglow_repeated_total", "").await;
        assert_eq!((received().await, repeated), (5.0, 2.0));
    }
    assert_eq!(topics.records(Topic::Signals).await.len(), 5, "the log has each as often as it was said");
    assert_eq!(topics.records(Topic::DeadLetters).await, []);
}
