//! The product as three processes on Kafka, and what its neighbours there see and do.

mod bad;
mod bad_records;
mod clients;
mod lines;
mod partitions;

use std::time::Duration;

use afterglow_clients::topics::Topics;
use afterglow_events::{Body, Topic, proto};
use afterglow_sandbox::crm::Deal;
use afterglow_support::{Cluster, ONE_GIFT, Role, Settings, World, customers, key_of};

/// How long a story of several processes may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// The product, and the topics beside it.
struct Product {
    world: World,
    cluster: Cluster,
    /// Ingest, journey engine, dispatcher.
    roles: Vec<Role>,
}

impl Product {
    /// A world in which nothing runs yet, and whose topics are not made.
    async fn new() -> Self {
        let cluster = Cluster::fresh().await;
        let settings = Settings { cluster: Some(cluster.clone()), ..Settings::with_journey(ONE_GIFT) };
        Self { world: World::new(settings).await, cluster, roles: Vec::new() }
    }

    /// Changes the configuration's text; what runs does not notice.
    fn configure(&self, old: &str, new: &str) {
        let text = std::fs::read_to_string(self.world.config()).unwrap();
        assert!(text.contains(old), "{text}");
        std::fs::write(self.world.config(), text.replace(old, new)).unwrap();
    }

    async fn start(&mut self) {
        self.roles =
            ["ingest", "journey-engine", "dispatcher"].map(|role| self.world.launch_role(role)).into();
        for role in &mut self.roles {
            self.world.until_ready(role).await;
        }
    }

    async fn stop(&mut self) {
        for role in self.roles.drain(..) {
            assert_eq!(role.process.terminate().await, Some(0));
        }
    }

    async fn topics(&self) -> Topics {
        Topics::of(&self.cluster).await
    }

    /// Wins a deal and waits until its touchpoint is concluded; how.
    async fn conclude(&self, topics: &Topics, deal: Deal) -> proto::DeliveryConcluded {
        let key = key_of(&deal);
        self.world.win(deal).await;
        let look = async || {
            let events = topics.events(Topic::Deliveries).await;
            events.into_iter().find_map(|event| match event.body {
                Body::DeliveryConcluded(done) if is_of(&done, key.as_str()) => Some(*done),
                _ => None,
            })
        };
        self.world.until(&format!("the touchpoint of {key} is concluded"), PATIENCE, look).await
    }

    /// Wins a deal, and the customer gets what was promised, once.
    async fn serve(&self, topics: &Topics, deal: Deal) {
        let address = customers::address(&deal).to_owned();
        let done = self.conclude(topics, deal).await;
        assert_eq!(done.outcome(), proto::DeliveryOutcome::Delivered, "{done:?}");
        assert_eq!((self.world.gifts_for(&address).len(), self.world.mails_to(&address).len()), (1, 1));
    }

    /// A counter of a role; 0 while it is not there.
    async fn counter(&self, role: usize, name: &str, labels: &str) -> f64 {
        let url = format!("http://{}/metrics", self.roles[role].admin);
        let text = self.world.http.get(url).send().await.unwrap().text().await.unwrap();
        let line = text.lines().find(|line| line.starts_with(name) && line.contains(labels));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_default()
    }
}

fn is_of(done: &proto::DeliveryConcluded, deal: &str) -> bool {
    done.of.as_ref().and_then(|of| of.deal.as_ref()).is_some_and(|of| of.deal == deal)
}
