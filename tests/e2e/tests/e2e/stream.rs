//! The event stream for services without Kafka.

use std::time::Duration;

use afterglow_e2e::{PATIENCE, STORY};
use afterglow_eventlog::{EmbeddedLog, Options};
use afterglow_support::{Settings, World, customers};
use serde_json::Value;

/// An event of the stream.
#[derive(Debug, PartialEq)]
struct Streamed {
    cursor: String,
    data: Value,
}

fn url(world: &World, topic: &str) -> String {
    format!("http://{}/v1/events/{topic}", world.admin)
}

/// The first `count` events behind a cursor.
async fn read(world: &World, topic: &str, cursor: Option<&str>, count: usize) -> Vec<Streamed> {
    let mut request = world.http.get(url(world, topic));
    if let Some(cursor) = cursor {
        request = request.header("last-event-id", cursor);
    }
    let mut answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut text = String::new();
    while text.matches("\n\n").count() < count {
        let chunk = answer.chunk().await.unwrap().expect("the stream goes on");
        text.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    text.split("\n\n").take(count).map(event).collect()
}

fn event(text: &str) -> Streamed {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim();
    Streamed { cursor: field("id:").to_owned(), data: serde_json::from_str(field("data:")).unwrap() }
}

async fn status(world: &World, topic: &str, cursor: &str) -> (u16, Value) {
    let answer = world.http.get(format!("{}?cursor={cursor}", url(world, topic))).send().await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_resumes_from_its_cursor_and_refuses_what_it_did_not_give() {
    let world = World::new(Settings::with_journey(STORY)).await;
    let product = world.start().await;
    for n in 1..=3 {
        world.win(customers::hubspot(n, world.now())).await;
    }
    let three = |history: &afterglow_support::History| history.due().count() >= 3;
    world.until_history("three moments are due", PATIENCE, three).await;
    let all = read(&world, "touchpoints", None, 3).await;
    assert!(all.iter().all(|event| event.data["type"] == "afterglow.touchpoint.due.v1"));
    assert_eq!(read(&world, "touchpoints", Some(&all[0].cursor), 2).await, all[1..]);

    let (forged, problem) = status(&world, "touchpoints", &all[0].cursor.replace('~', "-")).await;
    assert_eq!((forged, &problem["type"]), (400, &Value::from("urn:afterglow:problem:cursor-foreign")));
    assert_eq!(status(&world, "deals", &all[0].cursor).await.0, 400, "a cursor of another topic");
    let secret = world.http.get(url(&world, "webhooks")).send().await.unwrap();
    assert_eq!(secret.status(), 404, "the internal topic is not served");

    // Nothing is under way any more, so that every role's cursor is at the end of the log.
    let kept = |history: &afterglow_support::History| history.closed().count() >= 12;
    world.until_history("every promise is kept", PATIENCE, kept).await;
    assert_eq!(product.terminate().await, Some(0));
    forget_everything(&world).await;
    let _product = world.start().await;
    let (expired, problem) = status(&world, "touchpoints", &all[0].cursor).await;
    assert_eq!((expired, &problem["type"]), (410, &Value::from("urn:afterglow:problem:cursor-expired")));
}

/// What retention does in the end, done now, while the product stands still.
async fn forget_everything(world: &World) {
    let retention = Duration::from_hours(24);
    let options = Options { partitions: 16, retention, clock: world.clock.clone() };
    let log = EmbeddedLog::open(world.data_dir().join("log.db"), options).await.unwrap();
    let pruned = log.prune(world.now().plus(retention * 2)).await.unwrap();
    assert!(pruned > 3);
    log.close().await;
}
