//! Processes that share shards, one of which is stopped at the worst moment.
//!
//! A stopped process keeps its connection and its locks, and does not know that time passes. The server's
//! timeouts end it; its successor goes on; and when it wakes up, nothing that it does has an effect.

use afterglow_domain::{EventId, HomeKey, Shard, Timestamp};
use afterglow_durable::postgres::{Store, Tx};
use afterglow_durable::{Error, InboxMark, OutboxRow, ShardSet, Store as _, Tx as _, Writes};
use afterglow_events::{Body, Encoding, Envelope, Event, proto};
use uuid::Uuid;

/// When everything here happens.
pub const NOW: Timestamp = Timestamp(1_772_787_600_000_000);

/// The customer of the record that everybody here decides on.
const HOME: &str = "acme/ext:test:a";

/// Decides on one and the same record, up to the COMMIT; whether it was new.
pub async fn decide(store: &Store) -> Result<(Tx, bool), Error> {
    let shard = Shard::of(HOME);
    let mut tx = store.begin(&ShardSet::new([shard])).await?;
    let event = EventId(Uuid::from_u128(1));
    let first = tx.first_seen(&[InboxMark { event, home: HOME.to_owned(), taken_at: NOW }]).await?[0];
    if first {
        let outbox = vec![OutboxRow { shard, record: event_of(event).to_record(Encoding::Protobuf) }];
        tx.write(Writes { outbox, ..Writes::default() }).await?;
    }
    Ok((tx, first))
}

fn event_of(id: EventId) -> Event {
    let home = HomeKey::new(HOME).expect("a constant of the right form");
    let body = Body::from(proto::Signal::default());
    Event { envelope: Envelope::of(id, "/test", NOW, &home), body }
}
