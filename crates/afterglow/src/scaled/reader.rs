//! A log on Kafka, which may be away when the process starts.

use std::sync::Arc;

use afterglow_eventlog::Error;
use afterglow_eventlog::kafka::{KafkaLog, KafkaReader};
use tokio::sync::OnceCell;

use crate::ground::Opens;

/// The log and its one reader, made when somebody asks for the first time: most roles are never asked.
#[derive(Clone)]
pub(crate) struct OnKafka {
    log: KafkaLog,
    reader: Arc<OnceCell<KafkaReader>>,
}

impl OnKafka {
    /// Of this log; no broker is asked.
    pub(crate) fn of(log: KafkaLog) -> Self {
        Self { log, reader: Arc::default() }
    }
}

impl Opens for OnKafka {
    type Log = KafkaReader;

    async fn open(&self) -> Result<KafkaReader, Error> {
        self.reader.get_or_try_init(|| self.log.reader()).await.cloned()
    }
}
