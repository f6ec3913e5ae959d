//! The product's topics, read as a neighbour would: its log file opened read-only, or Kafka by position.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use afterglow_domain::{Clock, Timestamp};
use afterglow_eventlog::kafka::{KafkaLog, KafkaReader, Settings};
use afterglow_eventlog::{Error, LogReader, Source};
use afterglow_events::{Event, Topic};

use crate::cluster::{Cluster, PARTITIONS};

/// How many records are asked for at once.
const BATCH: usize = 500;

/// How many records one look takes: a history of millions is folded in pieces and never held as a whole.
const LOOK_MAX: usize = 20_000;

/// Reads each topic from its beginning on, each record once.
pub struct Topics {
    place: Place,
    reader: Option<Reader>,
    next: BTreeMap<(Topic, u16), i64>,
}

/// Where the log is.
enum Place {
    File(PathBuf),
    Kafka(Settings),
}

#[derive(Clone)]
enum Reader {
    File(LogReader),
    Kafka(KafkaReader),
}

impl Topics {
    /// The topics of a data folder; the log need not exist yet.
    pub fn of_folder(data_dir: &Path) -> Self {
        Self::at(Place::File(data_dir.join("log.db")))
    }

    /// The topics of a cluster; the broker need not answer yet.
    pub fn of_cluster(cluster: &Cluster, clock: Arc<dyn Clock>) -> Self {
        let settings = Settings::of(&cluster.brokers, PARTITIONS, clock);
        Self::at(Place::Kafka(Settings { topic_prefix: cluster.topic_prefix.clone(), ..settings }))
    }

    fn at(place: Place) -> Self {
        Self { place, reader: None, next: BTreeMap::new() }
    }

    /// Some of what came on any topic since the last call, with when the log took it, in order per partition;
    /// nothing where nothing came. While the log cannot be read (it is not there yet, its owner is dying) there
    /// is nothing new.
    pub async fn fresh(&mut self) -> Vec<(Timestamp, Event)> {
        let mut fresh = Vec::new();
        if self.read(&mut fresh).await.is_err() {
            self.reader = None;
        }
        fresh.sort_by_key(|(taken_at, _)| *taken_at);
        fresh
    }

    async fn read(&mut self, fresh: &mut Vec<(Timestamp, Event)>) -> Result<(), Error> {
        let reader = match (self.reader.clone(), &self.place) {
            (Some(reader), _) => reader,
            (None, Place::File(path)) => Reader::File(LogReader::open_read_only(path).await?),
            (None, Place::Kafka(settings)) => Reader::Kafka(KafkaLog::new(settings.clone())?.reader().await?),
        };
        self.reader = Some(reader.clone());
        match &reader {
            Reader::File(reader) => self.read_from(reader, fresh).await,
            Reader::Kafka(reader) => self.read_from(reader, fresh).await,
        }
    }

    /// Adds what came to `fresh`; after an error it stays there, and is not read again.
    async fn read_from(
        &mut self,
        source: &impl Source,
        fresh: &mut Vec<(Timestamp, Event)>,
    ) -> Result<(), Error> {
        let bounds = source.bounds().await?;
        for topic in Topic::ALL {
            for (partition, start, end) in bounds.of_topic(topic) {
                let next = self.next.entry((topic, partition)).or_insert(start);
                while *next < end && fresh.len() < LOOK_MAX {
                    for received in source.read(topic, partition, *next, BATCH).await? {
                        assert_eq!(received.offset, *next, "{topic} partition {partition} has a hole");
                        let event = Event::from_record(&received.record);
                        let event = event.unwrap_or_else(|error| panic!("{topic}: {error}"));
                        fresh.push((received.taken_at, event));
                        *next += 1;
                    }
                }
            }
        }
        Ok(())
    }
}
