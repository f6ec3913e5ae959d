//! The product's topics, read from its log file as a neighbour would: read-only, at any time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

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

    /// What came since the last call, in order per partition. While the file cannot be read (it is
    /// not there yet, its owner is dying) there is nothing new.
    pub async fn fresh(&mut self, topic: Topic) -> Vec<Event> {
        match self.read(topic).await {
            Ok(events) => events,
            Err(_) => {
                self.reader = None;
                Vec::new()
            }
        }
    }

    async fn read(&mut self, topic: Topic) -> Result<Vec<Event>, Error> {
        let reader = match &self.reader {
            Some(reader) => reader.clone(),
            None => LogReader::open_read_only(&self.log).await?,
        };
        self.reader = Some(reader.clone());
        let mut fresh = Vec::new();
        for (partition, start, end) in reader.ends(topic).await? {
            let mut next = *self.next.get(&(topic, partition)).unwrap_or(&start);
            while next < end {
                let records = reader.read(topic, partition, next, BATCH).await?;
                for received in records {
                    assert_eq!(received.offset, next, "{topic} partition {partition} has a hole");
                    next += 1;
                    let event = Event::from_record(&received.record);
                    fresh.push((received.taken_at, event.unwrap_or_else(|e| panic!("{topic}: {e}"))));
                    // Noted at once: what is in `fresh` is never read again, even if a later read fails.
                    self.next.insert((topic, partition), next);
                }
            }
        }
        fresh.sort_by_key(|(taken_at, _)| *taken_at);
        Ok(fresh.into_iter().map(|(_, event)| event).collect())
    }
}
