//! The text by which a tail is resumed.
//!
//! `topic~log~offset.offset.…~check`: URL-safe, opaque to those who keep it. The check catches slips
//! of the hand, not malice; a cursor names no data, so there is nothing to gain by making one up.

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use afterglow_domain::shard::murmur2;
use afterglow_events::Topic;

use crate::error::Error;

/// A place in one topic of one log: the next offset of each partition.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TailCursor {
    topic: Topic,
    log_id: String,
    offsets: Vec<i64>,
}

impl TailCursor {
    pub(super) fn new(topic: Topic, log_id: &str, offsets: Vec<i64>) -> Self {
        Self { topic, log_id: log_id.to_owned(), offsets }
    }

    /// The topic that it belongs to.
    pub fn topic(&self) -> Topic {
        self.topic
    }

    pub(super) fn offsets(&self) -> &[i64] {
        &self.offsets
    }

    pub(super) fn advance(&mut self, partition: u16, next_offset: i64) {
        self.offsets[usize::from(partition)] = next_offset;
    }

    /// The cursor, if it is one of this topic and log and everything behind it is still there.
    pub(super) fn checked(
        self,
        topic: Topic,
        log_id: &str,
        bounds: &[(u16, i64, i64)],
    ) -> Result<Self, Error> {
        if self.topic != topic {
            return Err(Error::Cursor(format!("it is one of {}, not of {topic}", self.topic)));
        }
        if self.log_id != log_id || self.offsets.len() != bounds.len() {
            return Err(Error::Cursor("it is one of another log".to_owned()));
        }
        for (&offset, &(partition, start, end)) in self.offsets.iter().zip(bounds) {
            if offset > end {
                let what = format!("partition {partition} ends at offset {end}, it stands at {offset}");
                return Err(Error::Cursor(what));
            }
            if offset < start {
                return Err(Error::Expired { topic, partition, offset, start });
            }
        }
        Ok(self)
    }

    fn body(&self) -> String {
        let mut text = format!("{}~{}~", self.topic.short_name(), self.log_id);
        for (index, offset) in self.offsets.iter().enumerate() {
            let dot = if index == 0 { "" } else { "." };
            write!(text, "{dot}{offset}").expect("writing into a string cannot fail");
        }
        text
    }
}

impl fmt::Display for TailCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = self.body();
        write!(f, "{body}~{:08x}", murmur2(body.as_bytes()))
    }
}

impl FromStr for TailCursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let cursor = parse(text).ok_or_else(|| Error::Cursor("it is not a cursor".to_owned()))?;
        // Equal text means a right check, and nothing that parses to the same but is written otherwise.
        if cursor.to_string() != text {
            return Err(Error::Cursor("it has been changed or cut off".to_owned()));
        }
        Ok(cursor)
    }
}

fn parse(text: &str) -> Option<TailCursor> {
    let mut parts = text.split('~');
    let topic = Topic::parse(parts.next()?)?;
    let log_id = parts.next()?;
    // As many as the largest log has partitions, before anything is allocated for a stranger's text.
    let offsets: Vec<i64> =
        parts.next()?.split('.').take(65).map(|offset| offset.parse().ok()).collect::<Option<_>>()?;
    parts.next()?;
    let sound = parts.next().is_none() && offsets.iter().all(|offset| *offset >= 0);
    sound.then(|| TailCursor::new(topic, log_id, offsets))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_text() {
        let cursor = TailCursor::new(Topic::DeadLetters, "00ff", vec![0, 17, i64::MAX]);
        let text = cursor.to_string();
        assert!(text.starts_with("dead-letters~00ff~0.17.9223372036854775807~"), "{text}");
        assert_eq!(text.parse(), Ok(cursor));
    }

    #[test]
    fn what_we_did_not_write_is_refused() {
        let text = TailCursor::new(Topic::Deals, "00ff", vec![3, 17]).to_string();
        let changed = text.replace(".17~", ".18~");
        let endless = format!("deals~00ff~{}~00000000", vec!["1"; 100_000].join("."));
        for bad in [
            "",
            "deals",
            "deals~00ff~1~",
            "fax~00ff~1~0",
            "deals~00ff~-1~0",
            "deals~00ff~1.x~0",
            &text[1..],
            &changed,
            &endless,
        ] {
            assert!(matches!(bad.parse::<TailCursor>(), Err(Error::Cursor(_))), "{bad}");
        }
    }

    #[test]
    fn a_cursor_fits_one_topic_of_one_log_and_its_bounds() {
        let cursor = || TailCursor::new(Topic::Deals, "00ff", vec![3]);
        assert!(cursor().checked(Topic::Deals, "00ff", &[(0, 3, 3)]).is_ok());
        assert!(matches!(cursor().checked(Topic::Signals, "00ff", &[(0, 0, 9)]), Err(Error::Cursor(_))));
        assert!(matches!(cursor().checked(Topic::Deals, "00fe", &[(0, 0, 9)]), Err(Error::Cursor(_))));
        assert!(matches!(cursor().checked(Topic::Deals, "00ff", &[(0, 0, 2)]), Err(Error::Cursor(_))));
        let expired = cursor().checked(Topic::Deals, "00ff", &[(0, 4, 9)]);
        assert!(matches!(expired, Err(Error::Expired { offset: 3, start: 4, .. })));
    }
}
