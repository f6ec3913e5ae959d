//! A broker behind TLS and a login: what is right works, and what is wrong is one line that says what.

use afterglow_servers::Kafka;
use afterglow_servers::kafka::{PASSWORD, USER};
use futures::future::join_all;
use tempfile::TempDir;

use super::*;

/// Brokers and properties of which something is wrong, and what is said of it.
type Mistake<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

struct Secured {
    kafka: Kafka,
    broker: Broker,
    folder: TempDir,
}

impl Secured {
    async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let kafka = Kafka::start_secured(folder.path()).await.unwrap();
        let broker = Broker::at(&kafka.address(), options().1);
        broker.create_topics(PARTITIONS, &[]).await;
        Self { kafka, broker, folder }
    }

    /// A log of `ann`'s, with some properties as they are given.
    fn log(&self, brokers: &str, given: &[(&str, &str)]) -> KafkaLog {
        let ca = self.folder.path().join("ca.pem");
        let right = [
            ("security.protocol", "sasl_ssl"),
            ("sasl.mechanism", "SCRAM-SHA-512"),
            ("sasl.username", USER),
            ("sasl.password", PASSWORD),
            ("ssl.ca.location", ca.to_str().unwrap()),
            ("broker.address.family", "v4"),
        ];
        let mut settings = Settings::of(brokers, PARTITIONS, Arc::new(self.broker.clock.clone()));
        settings.topic_prefix.clone_from(&self.broker.settings.topic_prefix);
        for (name, value) in right.iter().chain(given) {
            settings.properties.insert((*name).to_owned(), (*value).to_owned());
        }
        settings.properties.retain(|_, value| !value.is_empty());
        KafkaLog::new(settings).unwrap()
    }

    /// A record there and back.
    async fn works(&self, given: &[(&str, &str)]) {
        let log = self.log(&self.kafka.secured_address(), given);
        log.check_topics().await.unwrap();
        let at = append(&log, record(Topic::Deals, "a", &format!("{given:?}"))).await.unwrap();
        let reader = log.reader().await.unwrap();
        let read = reader.read(Topic::Deals, at.partition, at.offset, 1).await.unwrap();
        assert_eq!(ids(&read), [format!("{given:?}")]);
    }

    /// Nothing works, and whoever looks is told why, in one line.
    async fn fails(&self, (brokers, given, cause): Mistake<'_>) {
        let log = self.log(brokers, given);
        let record = record(Topic::Deals, "a", "1");
        let (checked, appended, reader) =
            tokio::join!(log.check_topics(), append(&log, record), log.reader());
        let read = reader.err().unwrap().to_string();
        for told in [checked.unwrap_err().to_string(), appended.unwrap_err().to_string(), read] {
            assert!(told.contains(cause), "{cause}: {told}");
            assert!(!told.contains('\n') && !told.contains(PASSWORD) && !told.contains("hunter22"), "{told}");
        }
    }
}

#[tokio::test]
async fn a_login_over_tls_works_or_says_why_not() {
    let secured = Secured::start().await;
    secured.works(&[("sasl.mechanism", "PLAIN")]).await;
    secured.works(&[("compression.type", "zstd")]).await;
    let (right, other) = (secured.kafka.secured_address(), secured.kafka.secured_address());
    let other = other.replace("localhost", "127.0.0.1");
    let mistakes: [Mistake<'_>; 4] = [
        (&right, &[("sasl.password", "hunter22")], "SASL authentication error: Authentication failed"),
        (
            &right,
            &[("sasl.password", "hunter22"), ("sasl.mechanism", "PLAIN")],
            "Invalid username or password",
        ),
        (&right, &[("ssl.ca.location", "")], "signed by no CA that ssl.ca.location names"),
        (&other, &[], "for another host name than the broker is called by"),
    ];
    join_all(mistakes.map(|mistake| secured.fails(mistake))).await;
}
