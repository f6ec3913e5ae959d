//! Records that nobody should write: each is a dead letter of each role that reads its topic, raw and with its
//! place and reason; its neighbours go on, and no other tenant notices.
//!
//! The topics are made by hand, without `LogAppendTime`, so that a stranger can write records of long ago; a
//! topic of the product's own does not let it, which [`super::clients`] shows.

use std::collections::BTreeMap;

use afterglow_clients::operator;
use afterglow_clients::stranger::{Message, Stranger};
use afterglow_domain::{ConnectionId, DealRef, Tenant};
use afterglow_events::{Record, identity};
use afterglow_service::unsubscribe::address_hmac;
use afterglow_support::cluster::PARTITIONS;
use afterglow_support::settings::{HUBSPOT, SUPPRESSION_KEY};

use super::bad::{self, Bad};
use super::*;

/// Which roles read which topic.
const READERS: [(Topic, &[&str]); 5] = [
    (Topic::Webhooks, &["ingest"]),
    (Topic::Deals, &["journey-engine", "dispatcher"]),
    (Topic::Signals, &["journey-engine", "dispatcher"]),
    (Topic::Touchpoints, &["dispatcher"]),
    (Topic::Deliveries, &["journey-engine"]),
];

/// Role, topic, partition, offset.
type Place = (String, String, i32, i64);

/// What was written, and what its letters must say.
type Expected = BTreeMap<Place, (Record, &'static str)>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_is_a_dead_letter_and_its_neighbours_go_on() {
    let mut product = Product::new().await;
    for topic in Topic::ALL {
        // The broker must not remove what is old before it is read.
        operator::make_topic(&product.cluster, topic, PARTITIONS, &[("retention.ms", "-1")]).await;
    }
    product.world.migrate().await;
    product.start().await;
    let (topics, now) = (product.topics().await, product.world.now());
    let [first, third] = [1, 3].map(|n| customers::hubspot(n, now));
    let [second, fourth] = [2, 4].map(|n| customers::salesforce(n, now));
    product.serve(&topics, first).await;
    product.serve(&topics, second).await;

    let touchpoint = topics.events(Topic::Touchpoints).await.remove(0);

    let stranger = Stranger::at(&product.cluster);
    let mut expected = Expected::new();
    for (topic, readers) in READERS {
        let bad = bad::of_topic(topic, now);
        // At once, so that a poll has more than one of them.
        for partition in 0..PARTITIONS {
            let of_partition = bad.iter().skip(usize::from(partition)).step_by(usize::from(PARTITIONS));
            let messages: Vec<_> = of_partition.map(|bad| bad.message.clone()).collect();
            stranger.write(topic, partition, &messages);
        }
        expect(&topics, topic, readers, &bad, &mut expected).await;
    }
    for (topic, readers, bad) in bad::foreign(&touchpoint) {
        stranger.write(topic, 0, std::slice::from_ref(&bad.message));
        expect(&topics, topic, readers, &[bad], &mut expected).await;
    }
    wish_ill_of(&stranger, &third, now);
    let letters = until_letters(&product, &topics, expected.len()).await;
    check(letters, expected);

    product.serve(&topics, third).await;
    product.serve(&topics, fourth).await;
    let before = topics.records(Topic::DeadLetters).await.len();
    until_all_is_read(&product, &topics).await;
    assert_eq!(topics.records(Topic::DeadLetters).await.len(), before, "one letter each, and no more");
}

/// Another tenant unsubscribes the address of a customer who is served afterwards, and takes back the touchpoint.
fn wish_ill_of(stranger: &Stranger, deal: &Deal, now: afterglow_domain::Timestamp) {
    let address = customers::address(deal).to_owned();
    let hmac = address_hmac(&SUPPRESSION_KEY.into(), "acme", &address.into());
    let deal = DealRef {
        tenant: Tenant::new("acme").unwrap(),
        connection: ConnectionId::new(HUBSPOT).unwrap(),
        deal: key_of(deal),
    };
    let touchpoint = identity::touchpoint(identity::enrolment("story", &deal, 0), "welcome", 0);
    stranger.write(Topic::Signals, 1, &[bad::foreign_wish(hmac, now)]);
    stranger.write(Topic::Touchpoints, 1, &[bad::foreign_revocation(touchpoint.to_string(), now)]);
}

/// Notes where bad records are and which letters must come of them.
async fn expect(topics: &Topics, topic: Topic, readers: &[&str], bad: &[Bad], expected: &mut Expected) {
    let records = topics.records(topic).await;
    for Bad { message, reason } in bad {
        let written = records.iter().filter(|received| is(message, received)).collect::<Vec<_>>();
        let [found] = written.try_into().expect("what was written is there once");
        for role in readers {
            let (topic, partition) = (topic.name().to_owned(), i32::from(found.partition));
            let place = ((*role).to_owned(), topic, partition, found.offset);
            expected.insert(place, (found.record.clone(), reason));
        }
    }
}

/// What is old differs from what is good in its time only.
fn is(message: &Message, received: &afterglow_events::Received) -> bool {
    let at = received.taken_at.as_millis();
    message.is(&received.record) && message.timestamp.is_none_or(|timestamp| timestamp == at)
}

/// Waits for so many letters.
async fn until_letters(product: &Product, topics: &Topics, count: usize) -> Vec<proto::DeadLetter> {
    let look = async || {
        let letters = topics.events(Topic::DeadLetters).await;
        let letters = letters.into_iter().filter_map(|event| match event.body {
            Body::DeadLetter(letter) => Some(*letter),
            _ => None,
        });
        Some(letters.collect::<Vec<_>>()).filter(|letters| letters.len() >= count)
    };
    product.world.until(&format!("{count} dead letters were told"), PATIENCE, look).await
}

/// Each letter has its record, where it was, and why; what an event has no room for is counted.
fn check(letters: Vec<proto::DeadLetter>, mut expected: Expected) {
    for letter in letters {
        let place = (letter.role.clone(), letter.topic.clone(), letter.partition, letter.offset);
        let unexpected = || panic!("{place:?} came twice or should not: {}", letter.reason);
        let (record, reason) = expected.remove(&place).unwrap_or_else(unexpected);
        assert!(letter.reason.contains(reason), "{place:?}: {} and not {reason}", letter.reason);
        assert_eq!(letter.key, record.key, "{place:?}");
        let headers = letter.headers.iter().map(|header| (header.name.as_str(), &header.value));
        assert!(headers.eq(record.headers.iter().map(|(name, value)| (name.as_ref(), value))), "{place:?}");
        assert!(record.value.starts_with(&letter.value), "{place:?}");
        let cut = usize::try_from(letter.cut_bytes).unwrap();
        assert_eq!(letter.value.len() + cut, record.value.len(), "{place:?}");
        assert_eq!(cut > 0, record.value.len() > 500_000, "{place:?}");
    }
    assert!(expected.is_empty(), "no letters came of {:?}", expected.keys());
}

/// Waits until each group is done with all that its topics hold.
async fn until_all_is_read(product: &Product, topics: &Topics) {
    for (topic, readers) in READERS {
        for role in readers {
            let look = async || {
                let ends = topics.ends(topic).await;
                let done = |(partition, end): (u16, i64)| {
                    end == operator::committed(&product.cluster, role, topic, partition).unwrap_or(0)
                };
                ends.into_iter().all(done).then_some(())
            };
            product.world.until(&format!("{role} has read {topic}"), PATIENCE, look).await;
        }
    }
}
