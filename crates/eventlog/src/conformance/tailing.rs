//! What a tail shows, and where its cursors lead.

use std::time::Duration;

use afterglow_events::Topic;

use super::{RETENTION, Subject, append, append_deals, keys, record};
use crate::error::Error;
use crate::source::Source;
use crate::tail::{Tail, TailStart, Tailed};

async fn tail<S: Subject>(subject: &S, start: TailStart) -> Result<Tail<S::Source>, Error> {
    Tail::open(subject.source(), Topic::Deals, start).await
}

async fn rest<S: Source>(tail: &mut Tail<S>) -> Vec<Tailed> {
    let mut records = Vec::new();
    loop {
        let next = tail.next(7, Duration::ZERO).await.expect("readable");
        if next.is_empty() {
            return records;
        }
        assert!(next.len() <= 7);
        records.extend(next);
    }
}

fn ids(records: &[Tailed]) -> Vec<String> {
    records.iter().map(|tailed| super::id(&tailed.received)).collect()
}

fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|n| n.to_string()).collect()
}

/// Over all partitions, in the order in which the log took them.
pub async fn tail_is_in_order_of_time(subject: impl Subject) {
    append_deals(&subject, 300).await;
    append(&subject.log(), vec![record(Topic::Signals, "acme/ext:shop:1", "of another topic")]).await;
    let mut tail = tail(&subject, TailStart::Beginning).await.expect("opens");
    assert_eq!(ids(&rest(&mut tail).await), numbers(0..300));
}

/// From any record's cursor the tail goes on with exactly what follows, also as text, also after a
/// restart.
pub async fn tail_resumes_behind_every_record(subject: impl Subject) {
    append_deals(&subject, 25).await;
    let first = tail(&subject, TailStart::Beginning).await.expect("opens");
    let begin = first.cursor().clone();
    let records = rest(&mut { first }).await;
    let subject = subject.reopen().await;
    let cursors = std::iter::once(&begin).chain(records.iter().map(|tailed| &tailed.cursor));
    for (n, cursor) in cursors.enumerate() {
        let cursor = cursor.to_string().parse().expect("our own text");
        let mut tail = tail(&subject, TailStart::After(cursor)).await.expect("opens");
        assert_eq!(ids(&rest(&mut tail).await), numbers(n..25));
    }
}

/// From now on means from now on; a waiting tail wakes up.
pub async fn tail_from_now_sees_only_what_follows(subject: impl Subject) {
    append_deals(&subject, 10).await;
    let mut tail = tail(&subject, TailStart::Now).await.expect("opens");
    assert!(tail.next(10, Duration::ZERO).await.expect("readable").is_empty());
    let log = subject.log();
    let (next, _) = tokio::join!(
        tail.next(10, Duration::from_mins(1)),
        append(&log, vec![record(Topic::Deals, &keys(1)[0], "new")])
    );
    assert_eq!(ids(&next.expect("readable")), ["new"]);
}

/// A cursor of another topic or log is refused, and so is one whose next record is gone.
pub async fn foreign_and_expired_cursors_are_refused(subject: impl Subject) {
    append_deals(&subject, 300).await;
    let mut first = tail(&subject, TailStart::Beginning).await.expect("opens");
    let records = first.next(3, Duration::ZERO).await.expect("readable");
    let cursor = || records[2].cursor.clone();
    let topic = Tail::open(subject.source(), Topic::Signals, TailStart::After(cursor())).await;
    assert!(matches!(topic.err(), Some(Error::Cursor(_))));
    let foreign: Result<crate::tail::TailCursor, _> = "deals~feed~0.0.0.0~00000000".parse();
    assert!(matches!(foreign, Err(Error::Cursor(_))));
    subject.clock().advance(RETENTION + Duration::from_secs(1));
    subject.prune().await;
    let expired = tail(&subject, TailStart::After(cursor())).await;
    assert!(matches!(expired.err(), Some(Error::Expired { .. })));
    // And one that was open all the time is told, too, once it has given out what it had read ahead.
    let mut last = 2;
    let told = loop {
        match first.next(100, Duration::ZERO).await {
            Ok(records) => {
                assert_eq!(ids(&records), numbers(last + 1..last + 1 + records.len()));
                last += records.len();
                assert!(!records.is_empty(), "a removed record is passed over in silence");
            }
            Err(error) => break error,
        }
    };
    assert!(matches!(told, Error::Expired { .. }), "{told}");
}
