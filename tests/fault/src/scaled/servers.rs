//! The run's own broker and database: others' tests must not lose theirs.

use std::path::Path;

use afterglow_servers::{Kafka, Postgres};
use afterglow_support::Cluster;
use tokio::sync::Mutex;

/// A broker and a database that can be killed.
pub(super) struct Servers {
    kafka: Mutex<Kafka>,
    postgres: Mutex<Postgres>,
    cluster: Cluster,
}

impl Servers {
    /// Starts both on the folder; they go on with what they had there.
    pub(super) async fn start(folder: &Path) -> Self {
        let [kafka, postgres] = ["kafka", "postgres"].map(|name| folder.join(name));
        for folder in [&kafka, &postgres] {
            std::fs::create_dir_all(folder).unwrap();
        }
        let (kafka, postgres) = tokio::join!(Kafka::start(&kafka), Postgres::start(&postgres));
        let (kafka, postgres) = (kafka.unwrap(), postgres.unwrap());
        let cluster = Cluster {
            brokers: kafka.address(),
            topic_prefix: "fault.".to_owned(),
            database: postgres.address(),
        };
        Self { kafka: Mutex::new(kafka), postgres: Mutex::new(postgres), cluster }
    }

    /// Where they are.
    pub(super) fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// SIGKILL to the broker, and a new start on its folder.
    pub(super) async fn kill_broker(&self) {
        let mut kafka = self.kafka.lock().await;
        kafka.kill().await.unwrap();
        kafka.start_again().await.unwrap();
    }

    /// SIGKILL to the database, and a new start, which recovers.
    pub(super) async fn kill_database(&self) {
        let mut postgres = self.postgres.lock().await;
        postgres.kill().await.unwrap();
        postgres.start_again().await.unwrap();
    }
}
