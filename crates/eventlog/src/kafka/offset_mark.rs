//! What stands beside a committed offset: when the store wrote the checkpoint that it goes with.
//!
//! A store that was restored from a backup is older than the offsets that were committed since, and another
//! store knows nothing of them; the mark tells both from a member that was only killed.

use afterglow_domain::Timestamp;
use afterglow_events::Cursor;
use rdkafka::error::KafkaResult;
use rdkafka::{Offset, TopicPartitionList};

use super::settings::Settings;

const PREFIX: &str = "afterglow.at=";

/// The mark of a checkpoint.
pub(super) fn of(at: Timestamp) -> String {
    format!("{PREFIX}{}", at.0)
}

/// The cursors' offsets as they are committed, each with the mark of its cursor.
pub(super) fn list(settings: &Settings, cursors: &[Cursor]) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for cursor in cursors {
        let mut element = list.add_partition(&settings.topic_name(cursor.topic), i32::from(cursor.partition));
        element.set_offset(Offset::Offset(cursor.next_offset))?;
        element.set_metadata(of(cursor.at));
    }
    Ok(list)
}

/// The time in a mark; `None` where somebody else has committed.
pub(super) fn read(metadata: &str) -> Option<Timestamp> {
    metadata.strip_prefix(PREFIX)?.parse().ok().map(Timestamp)
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn a_mark_is_read_again_and_no_other_text() {
        let at = Timestamp::from_millis(1_770_000_000_123);
        assert_eq!(read(&of(at)), Some(at));
        for foreign in ["", "afterglow.at=", "afterglow.at=soon", "by hand"] {
            assert_eq!(read(foreign), None, "{foreign:?}");
        }
    }
}
