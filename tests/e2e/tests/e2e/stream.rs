//! The event stream for services without Kafka.

use std::net::SocketAddr;
use std::time::Duration;

use afterglow_e2e::{PATIENCE, STORY};
use afterglow_eventlog::{EmbeddedLog, Options};
use afterglow_support::{Settings, World, customers};
use serde_json::Value;

/// An event of the stream.
#[derive(Debug, PartialEq)]
pub(super) struct Streamed {
    pub(super) cursor: String,
    pub(super) data: Value,
}

/// The event streams of an admin address.
pub(super) struct Streams<'a> {
    pub(super) http: &'a reqwest::Client,
    pub(super) admin: SocketAddr,
}

impl Streams<'_> {
    fn url(&self, topic: &str) -> String {
        format!("http://{}/v1/events/{topic}", self.admin)
    }

    /// The first `count` events behind a cursor.
    pub(super) async fn read(&self, topic: &str, cursor: Option<&str>, count: usize) -> Vec<Streamed> {
        let mut request = self.http.get(self.url(topic));
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

    /// The status and the problem behind a cursor that is refused.
    pub(super) async fn refused(&self, topic: &str, cursor: &str) -> (u16, Value) {
        let answer = self.http.get(format!("{}?cursor={cursor}", self.url(topic))).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap())
    }

    /// The status of a topic.
    pub(super) async fn status(&self, topic: &str) -> u16 {
        self.http.get(self.url(topic)).send().await.unwrap().status().as_u16()
    }
}

fn event(text: &str) -> Streamed {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim();
    Streamed { cursor: field("id:").to_owned(), data: serde_json::from_str(field("data:")).unwrap() }
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
    let streams = Streams { http: &world.http, admin: world.admin };
    let all = streams.read("touchpoints", None, 3).await;
    assert!(all.iter().all(|event| event.data["type"] == "afterglow.touchpoint.due.v1"));
    assert_eq!(streams.read("touchpoints", Some(&all[0].cursor), 2).await, all[1..]);

    let (forged, problem) = streams.refused("touchpoints", &all[0].cursor.replace('~', "-")).await;
    assert_eq!((forged, &problem["type"]), (400, &Value::from("urn:afterglow:problem:cursor-foreign")));
    assert_eq!(streams.refused("deals", &all[0].cursor).await.0, 400, "a cursor of another topic");
    assert_eq!(streams.status("webhooks").await, 404, "the internal topic is not served");

    // Nothing is under way any more, so that every role's cursor is at the end of the log.
    let kept = |history: &afterglow_support::History| history.closed().count() >= 12;
    world.until_history("every promise is kept", PATIENCE, kept).await;
    assert_eq!(product.terminate().await, Some(0));
    forget_everything(&world).await;
    let _product = world.start().await;
    let (expired, problem) = streams.refused("touchpoints", &all[0].cursor).await;
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
