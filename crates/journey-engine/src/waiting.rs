//! A deal's events in the order of their `rev`, whatever the order in which they come.
//!
//! The log keeps a key's order, but a replay, a restored log or a second producer does not. An event
//! that comes before an earlier one waits in the deal's row until the gap is filled; one that came
//! before is ignored. So any shuffling and repetition of the same events has the same effect.

use std::collections::BTreeMap;

use afterglow_domain::{DealRef, Timestamp};
use afterglow_events::{Body, Encoding, Envelope, Topic, convert, proto};

use crate::codes;
use crate::rows::DealRow;

/// How many events of one deal may wait: far more than any replay shuffles, and few enough that a row
/// stays small when an event is lost for good.
const WAITING_MAX: usize = 64;

/// A deal event, taken apart as far as its order needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct DealEvent {
    /// Whose `rev` it carries: the merged deal for a merge, else the deal itself.
    pub deal: DealRef,
    /// Its number, from 1 without gaps.
    pub rev: i64,
    /// When it was emitted, on the wall's clock.
    pub emitted: Timestamp,
    /// Its trace.
    pub traceparent: Option<String>,
    /// What happened.
    pub body: Body,
}

impl DealEvent {
    /// Takes a deal event apart; `None` for events of other topics.
    pub fn of(envelope: &Envelope, body: Body) -> Option<Result<Self, String>> {
        Some(numbered(envelope, &body)?.map(|(deal, rev)| Self {
            deal,
            rev,
            emitted: envelope.time,
            traceparent: envelope.traceparent.clone(),
            body,
        }))
    }
}

/// Whose `rev` a deal event carries, and which; `None` for events of other topics.
pub fn numbered(envelope: &Envelope, body: &Body) -> Option<Result<(DealRef, i64), String>> {
    let (deal, rev) = match body {
        Body::DealWon(m) => (snapshot_deal(m.deal.as_ref()), m.rev),
        Body::DealAmended(m) => (snapshot_deal(m.deal.as_ref()), m.rev),
        Body::DealReopened(m) => (snapshot_deal(m.deal.as_ref()), m.rev),
        Body::DealLost(m) => (snapshot_deal(m.deal.as_ref()), m.rev),
        Body::DealDeleted(m) => (snapshot_deal(m.deal.as_ref()), m.rev),
        Body::DealMerged(m) => (convert::from_deal_ref(m.merged.as_ref()), m.rev),
        _ => return None,
    };
    let problem = |what: &str| format!("{}: a {} {what}", codes::RECORD, body.type_name());
    Some(match deal {
        None => Err(problem("names no deal")),
        Some(deal) if deal.tenant != envelope.tenant => Err(problem("is about another tenant's deal")),
        Some(_) if rev < 1 => Err(problem("has a rev below 1")),
        Some(deal) => Ok((deal, rev)),
    })
}

/// Of a merge: the survivor as read, its deal, and its home key as far as the event knows it.
pub fn survivor(body: &Body) -> Option<(&proto::DealSnapshot, DealRef, &str)> {
    let Body::DealMerged(merged) = body else { return None };
    let snapshot = merged.deal.as_ref()?;
    Some((snapshot, convert::from_deal_ref(snapshot.deal.as_ref())?, &merged.survivor_home_key))
}

fn snapshot_deal(snapshot: Option<&proto::DealSnapshot>) -> Option<DealRef> {
    convert::from_deal_ref(snapshot?.deal.as_ref())
}

/// Events that wait, by `rev`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Waiting(BTreeMap<i64, DealEvent>);

impl Waiting {
    /// The events, by `rev`.
    pub fn events(&self) -> impl Iterator<Item = &DealEvent> {
        self.0.values()
    }

    /// The bytes stored with the deal; empty where nothing waits, which is nearly always.
    pub fn to_bytes(&self) -> Vec<u8> {
        let events = self.0.values().map(|event| StoredEvent {
            rev: event.rev,
            emitted_us: event.emitted.0,
            traceparent: event.traceparent.clone().unwrap_or_default(),
            type_name: event.body.type_name().to_owned(),
            payload: event.body.encode(Encoding::Protobuf).to_vec(),
        });
        prost::Message::encode_to_vec(&StoredEvents { events: events.collect() })
    }

    /// Reads stored bytes of this deal.
    pub fn from_bytes(deal: &DealRef, bytes: &[u8]) -> Result<Self, String> {
        let stored: StoredEvents = prost::Message::decode(bytes).map_err(|error| error.to_string())?;
        let event = |stored: StoredEvent| {
            let body = Body::decode(Topic::Deals, &stored.type_name, Encoding::Protobuf, &stored.payload)
                .map_err(|error| error.to_string())?;
            let traceparent = (!stored.traceparent.is_empty()).then_some(stored.traceparent);
            let emitted = Timestamp(stored.emitted_us);
            Ok((stored.rev, DealEvent { deal: deal.clone(), rev: stored.rev, emitted, traceparent, body }))
        };
        stored.events.into_iter().map(event).collect::<Result<_, String>>().map(Self)
    }
}

/// How waiting events lie in the store; private to this file.
#[derive(Clone, PartialEq, prost::Message)]
struct StoredEvents {
    #[prost(message, repeated, tag = "1")]
    events: Vec<StoredEvent>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct StoredEvent {
    #[prost(int64, tag = "1")]
    rev: i64,
    #[prost(int64, tag = "2")]
    emitted_us: i64,
    #[prost(string, tag = "3")]
    traceparent: String,
    #[prost(string, tag = "4")]
    type_name: String,
    #[prost(bytes = "vec", tag = "5")]
    payload: Vec<u8>,
}

/// Takes an event of the deal: gives the events whose turn it now is, in order. None for one that was
/// there before, or that must wait.
pub fn take(row: &mut DealRow, event: DealEvent) -> Result<Vec<DealEvent>, String> {
    if event.rev <= row.rev {
        return Ok(Vec::new());
    }
    let mut ready = Vec::new();
    if event.rev == row.rev + 1 {
        row.rev = event.rev;
        ready.push(event);
    } else {
        if row.waiting.0.len() >= WAITING_MAX && !row.waiting.0.contains_key(&event.rev) {
            let (code, missing, deal) = (codes::GAP, row.rev + 1, &event.deal);
            return Err(format!(
                "{code}: rev {missing} of deal {deal} never came, and {WAITING_MAX} later ones wait for it"
            ));
        }
        row.waiting.0.entry(event.rev).or_insert(event);
    }
    while let Some(next) = row.waiting.0.remove(&(row.rev + 1)) {
        row.rev = next.rev;
        ready.push(next);
    }
    Ok(ready)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::{Deal, Kind};

    fn revs(events: &[DealEvent]) -> Vec<i64> {
        events.iter().map(|event| event.rev).collect()
    }

    fn unheard() -> DealRow {
        let deal = Deal::new("1");
        DealRow::unheard(deal.deal_ref(), deal.home)
    }

    fn event(rev: i64) -> DealEvent {
        let event = Deal::new("1").event(Kind::Won, rev);
        DealEvent::of(&event.envelope, event.body).unwrap().unwrap()
    }

    #[test]
    fn events_wait_for_earlier_ones_and_have_their_effect_once() {
        let mut row = unheard();
        assert_eq!(revs(&take(&mut row, event(3)).unwrap()), [0_i64; 0]);
        assert_eq!(revs(&take(&mut row, event(2)).unwrap()), [0_i64; 0]);
        assert_eq!(revs(&take(&mut row, event(3)).unwrap()), [0_i64; 0]);
        assert_eq!(revs(&take(&mut row, event(1)).unwrap()), [1, 2, 3]);
        assert_eq!(revs(&take(&mut row, event(2)).unwrap()), [0_i64; 0]);
        assert_eq!(row.waiting, Waiting::default());
    }

    #[test]
    fn what_waits_survives_the_store() {
        let mut row = unheard();
        take(&mut row, event(5)).unwrap();
        let stored = row.waiting.to_bytes();
        assert_eq!(Waiting::from_bytes(&row.deal, &stored).unwrap(), row.waiting);
        assert!(Waiting::from_bytes(&row.deal, &[0xff]).is_err());
    }

    #[test]
    fn an_event_lost_for_good_is_reported_and_not_collected_for_ever() {
        let mut row = unheard();
        for rev in 2..66 {
            take(&mut row, event(rev)).unwrap();
        }
        assert!(take(&mut row, event(66)).unwrap_err().contains("rev 1 of deal"));
        assert_eq!(take(&mut row, event(65)).unwrap(), []);
        assert_eq!(take(&mut row, event(1)).unwrap().len(), 65);
    }
}
