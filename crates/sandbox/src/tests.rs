//! Driven from outside, over sockets, by the product's own clients and by independent ones.

use std::sync::{Arc, Once};

use afterglow_domain::Timestamp;
use afterglow_domain::clock::ManualClock;

use super::*;

mod crm;
mod gifts;
mod mailbox;
mod readers;

/// A sandbox with its clock at a known time.
struct World {
    sandbox: Sandbox,
    tasks: TaskTracker,
    http: reqwest::Client,
}

fn noon() -> Timestamp {
    "2026-03-06T12:00:00Z".parse().unwrap()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the product's client builder lives in a crate that this one does not need"
)]
fn http() -> reqwest::Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| rustls::crypto::ring::default_provider().install_default().unwrap());
    reqwest::Client::builder().no_proxy().build().unwrap()
}

async fn world_in(folder: Option<PathBuf>) -> World {
    world_with(folder, false).await
}

async fn world_with(folder: Option<PathBuf>, bulk: bool) -> World {
    let tasks = TaskTracker::new();
    let options = Options {
        clock: Arc::new(ManualClock::new(noon())),
        folder,
        bulk,
        gift_key: "key".to_owned(),
        crm: crate::crm::Settings::default(),
    };
    let sandbox = Sandbox::start(options, &tasks).await.unwrap();
    World { sandbox, tasks, http: http() }
}

async fn world() -> World {
    world_in(None).await
}

impl World {
    async fn page(&self, path: &str) -> String {
        self.http.get(self.sandbox.page_url(path)).send().await.unwrap().text().await.unwrap()
    }

    async fn json(&self, path: &str) -> serde_json::Value {
        serde_json::from_str(&self.page(path).await).unwrap()
    }

    async fn end(self) {
        self.sandbox.stop();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

#[tokio::test]
async fn it_stops_with_connections_open() {
    let world = world().await;
    assert!(world.page("gifts").await.contains("<h1>Gifts</h1>"));
    let _idle = tokio::net::TcpStream::connect(world.sandbox.smtp).await.unwrap();
    world.end().await;
}
