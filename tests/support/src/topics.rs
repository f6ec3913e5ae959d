//! The product's topics, read from its log file as a neighbour would: read-only, at any time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use afterglow_domain::Timestamp;
use afterglow_eventlog::{Error, LogReader, Source as _};
use afterglow_events::{Event, Topic};

/// How many records are asked for at once.
const BATCH: usize = 500;

/// Reads each topic from its beginning on, each record once.
pub struct Topics {
    log: PathBuf,
    reader: Option<LogReader>,
    next: BTreeMap<(Topic, u16), i64>,
}

impl Topics {
    /// The topics of a data folder; the log need not exist yet.
    pub fn of(data_dir: &Path) -> Self {
        Self { log: data_dir.join("log.db"), reader: None, next: BTreeMap::new() }
    }

    /// What came on any topic since the last call, in order per partition. While the file cannot be read
    /// (it is not there yet, its owner is dying) there is nothing new.
    pub async fn fresh(&mut self) -> Vec<Event> {
        let mut fresh = Vec::new();
        if self.read(&mut fresh).await.is_err() {
            self.reader = None;
        }
        fresh.sort_by_key(|(taken_at, _)| *taken_at);
        fresh.into_iter().map(|(_, event)| event).collect()
    }

    /// Adds what came to `fresh`; after an error it stays there, and is not read again.
    async fn read(&mut self, fresh: &mut Vec<(Timestamp, Event)>) -> Result<(), Error> {
        let reader = match &self.reader {
            Some(reader) => reader.clone(),
            None => LogReader::open_read_only(&self.log).await?,
        };
        self.reader = Some(reader.clone());
        let bounds = reader.bounds().await?;
        for topic in Topic::ALL {
            for (partition, start, end) in bounds.of_topic(topic) {
                let next = self.next.entry((topic, partition)).or_insert(start);
                while *next < end {
                    for received in reader.read(topic, partition, *next, BATCH).await? {
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
