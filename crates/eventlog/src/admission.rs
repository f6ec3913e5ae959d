//! What a log lets in, and how its answers find back to the records of a call.

use std::collections::{BTreeMap, HashSet};

use afterglow_events::{AppendError, Position, Record};

use crate::metric::{self, record_bytes};

/// The most that key, headers and value may have together: the largest payload, and 64 KiB beside
/// it, which is many times what our headers need. It stays far below Kafka's default message limit.
pub(crate) const RECORD_BYTES_MAX: usize = Record::VALUE_BYTES_MAX + 64 * 1024;

/// What of one call is refused here, by its place in the call.
pub(crate) struct Admission {
    records: usize,
    refused: BTreeMap<usize, AppendError>,
}

/// Takes out what the log will never take, and what may not overtake it: later records of its key.
pub(crate) fn admit(mut records: Vec<Record>) -> (Vec<Record>, Admission) {
    let mut admission = Admission { records: records.len(), refused: BTreeMap::new() };
    let mut stopped = HashSet::new();
    let mut places = 0..;
    records.retain(|record| {
        let place = places.next().expect("without end");
        let bytes = record_bytes(record);
        let error = if bytes > RECORD_BYTES_MAX {
            stopped.insert((record.topic, record.key.clone()));
            AppendError::TooLarge { bytes, max: RECORD_BYTES_MAX }
        } else if !stopped.is_empty() && stopped.contains(&(record.topic, record.key.clone())) {
            let reason = "an earlier record of the same key in the same call was too large";
            AppendError::Unavailable(reason.to_owned())
        } else {
            return true;
        };
        admission.refused.insert(place, error);
        false
    });
    (records, admission)
}

impl Admission {
    fn admitted(&self) -> usize {
        self.records - self.refused.len()
    }

    /// One result per record of the call, where the log takes all that was admitted or none of it.
    pub(crate) fn answer(
        self,
        outcome: Result<Vec<Position>, AppendError>,
    ) -> Vec<Result<Position, AppendError>> {
        let outcomes = match outcome {
            Ok(positions) => positions.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error); self.admitted()],
        };
        self.answer_each(outcomes)
    }

    /// One result per record of the call: the log's own for each that was admitted.
    pub(crate) fn answer_each(
        self,
        mut results: Vec<Result<Position, AppendError>>,
    ) -> Vec<Result<Position, AppendError>> {
        assert_eq!(results.len(), self.admitted(), "the log answers for each record that it was given");
        // From the front on, so that each lands in its place.
        for (place, error) in self.refused {
            results.insert(place, Err(error));
        }
        for error in results.iter().filter_map(|result| result.as_ref().err()) {
            let reason = match error {
                AppendError::TooLarge { .. } => "too_large",
                AppendError::Unavailable(_) => "unavailable",
            };
            metrics::counter!(metric::ERRORED, "reason" => reason).increment(1);
        }
        results
    }
}

#[cfg(test)]
mod tests {
    use afterglow_events::Topic;
    use bytes::Bytes;

    use super::*;

    fn record(key: &'static str, bytes: usize) -> Record {
        let value = Bytes::from(vec![0; bytes]);
        Record { topic: Topic::Deals, key: Bytes::from(key), headers: Vec::new(), value }
    }

    #[test]
    fn a_refused_record_stops_its_key_and_no_other() {
        let (admitted, admission) =
            admit(vec![record("a", 1), record("a", RECORD_BYTES_MAX), record("a", 2), record("b", 3)]);
        assert_eq!(admitted.iter().map(|record| record.value.len()).collect::<Vec<_>>(), [1, 3]);
        let position = |offset| Position { partition: 0, offset };
        let results = admission.answer(Ok(vec![position(7), position(8)]));
        assert_eq!(results[0].as_ref().unwrap(), &position(7));
        assert!(matches!(results[1], Err(AppendError::TooLarge { .. })));
        assert!(matches!(results[2], Err(AppendError::Unavailable(_))));
        assert_eq!(results[3].as_ref().unwrap(), &position(8));
    }
}
