//! From a divided delivery to records in the log: all of them, or an answer that is not a yes.

use afterglow_crm::{Hint, Split, Subject, Unusable};
use afterglow_domain::{DealKey, EventId, Timestamp};
use afterglow_events::proto::{WebhookKind, WebhookReceived};
use afterglow_events::{Append, Body, Encoding, Envelope, Event, Record, convert};
use afterglow_trace::{Kind, Span};
use bytes::Bytes;
use serde::Serialize;

use super::{Edge, EdgeConnection};
use crate::{SOURCE, codes, place};

/// Room for the other fields of a record beside the event's own bytes.
const FIELDS_BYTES_MAX: usize = 8 * 1024;

/// The longest vendor's word (event type, stage) that is kept: theirs have below 100 characters.
const WORD_CHARS_MAX: usize = 200;

/// The latest vendor time that is believed to be one: the end of the year 9999.
const LATEST: Timestamp = Timestamp(253_402_300_799_000_000);

/// What a delivery held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Counts {
    /// Events that name a deal to look at.
    #[serde(rename = "accepted")]
    pub(super) events: usize,
    /// Events of no interest.
    pub(super) ignored: usize,
    /// What could not be read.
    pub(super) unusable: usize,
}

impl Counts {
    /// As the sender is told.
    pub(super) fn to_json(self) -> String {
        serde_json::to_string(&self).expect("numbers under names are JSON")
    }
}

/// The log did not take everything in time.
pub(super) struct LogAway;

impl<A: Append> Edge<A> {
    /// Appends everything that a delivery holds; done once the log has it on disk.
    pub(super) async fn store(&self, connection: &EdgeConnection, split: Split) -> Result<Counts, LogAway> {
        let mut span = Span::within(None, Kind::Server, "take delivery");
        span.tell("afterglow.connection", || connection.id.to_string());
        span.tell("afterglow.source", || connection.kind.source());
        let stored = self.store_within(&span, connection, split).await;
        match &stored {
            Ok(counts) => span.tell("afterglow.events", || i64::try_from(counts.events).unwrap_or(i64::MAX)),
            Err(LogAway) => span.failed("the log takes nothing"),
        }
        stored
    }

    async fn store_within(
        &self,
        span: &Span,
        connection: &EdgeConnection,
        split: Split,
    ) -> Result<Counts, LogAway> {
        let pen = Pen { edge: self, connection, at: self.clocks.wall.now(), trace: span.traceparent() };
        let (records, counts) = pen.records(split);
        self.append(records).await?;
        self.meters(&connection.kind).held(counts);
        if counts.unusable > 0 {
            tracing::warn!(code = codes::UNUSABLE, connection = %connection.id, unusable = counts.unusable,
                "edge: a part of an authentic delivery cannot be read; kept as dead letters");
        }
        Ok(counts)
    }

    /// Appends records; done once the log has them all on disk.
    pub(super) async fn append(&self, records: Vec<Record>) -> Result<(), LogAway> {
        if records.is_empty() {
            return Ok(());
        }
        let appended = tokio::time::timeout(self.options.append_timeout, self.log.append(records)).await;
        let problem = match appended {
            Ok(results) => results.into_iter().find_map(Result::err).map(|error| error.to_string()),
            Err(_) => Some("the log gave no answer in time".to_owned()),
        };
        self.trouble.tell(problem.as_deref());
        if problem.is_none() { Ok(()) } else { Err(LogAway) }
    }
}

/// Writes the records of one delivery.
struct Pen<'a, A> {
    edge: &'a Edge<A>,
    connection: &'a EdgeConnection,
    at: Timestamp,
    /// The delivery's trace, where there are any.
    trace: Option<String>,
}

impl<A> Pen<'_, A> {
    /// The records of all that a delivery holds, and how much of what that is.
    fn records(&self, split: Split) -> (Vec<Record>, Counts) {
        let mut records = Vec::with_capacity(split.hints.len() + split.unusable.len());
        let mut counts = Counts { unusable: split.unusable.len(), ..Counts::default() };
        for hint in split.hints {
            match &hint.subject {
                Subject::Deals(_) => counts.events += 1,
                Subject::ErasedContact(_) | Subject::Nothing => counts.ignored += 1,
            }
            self.hint(hint, &mut records);
        }
        records.extend(split.unusable.iter().map(|piece| self.unusable(piece)));
        (records, counts)
    }

    /// One record per deal that the event names; one without a deal where it names none.
    fn hint(&self, hint: Hint, records: &mut Vec<Record>) {
        let bytes_max = self.body_bytes_max();
        if hint.raw.len() > bytes_max {
            let reason =
                format!("the event has {} bytes, more than the {bytes_max} that are kept", hint.raw.len());
            records.push(self.unusable(&Unusable { raw: hint.raw, reason }));
            return;
        }
        let message = WebhookReceived {
            kind: WebhookKind::Event.into(),
            event_type: clipped(hint.event_type),
            body: hint.raw,
            hinted_stage: hint.stage.map_or_else(String::new, clipped),
            vendor_time: hint.occurred_at.filter(|at| plausible(*at)).map(convert::timestamp),
            ..self.message()
        };
        match &hint.subject {
            Subject::Deals(deals) => {
                if let Some((last, others)) = deals.split_last() {
                    records.extend(others.iter().map(|deal| self.event(message.clone(), Some(deal))));
                    records.push(self.event(message, Some(last)));
                }
            }
            Subject::ErasedContact(_) | Subject::Nothing => records.push(self.event(message, None)),
        }
    }

    fn event(&self, mut message: WebhookReceived, deal: Option<&DealKey>) -> Record {
        message.deal = deal.map_or_else(String::new, |deal| deal.as_str().to_owned());
        let id = (self.edge.options.new_id)();
        let key = match deal {
            Some(deal) => place::record_key_of(&self.connection.tenant, &self.connection.id, deal),
            None => self.key_without_deal("other", id),
        };
        self.record(id, key, message)
    }

    fn unusable(&self, piece: &Unusable) -> Record {
        let keep = piece.raw.len().min(self.body_bytes_max());
        let cut = if keep < piece.raw.len() { format!(" (cut after {keep} bytes)") } else { String::new() };
        let message = WebhookReceived {
            kind: WebhookKind::Unparsed.into(),
            body: piece.raw.slice(..keep),
            reason: format!("{}{cut}", piece.reason),
            ..self.message()
        };
        let id = (self.edge.options.new_id)();
        self.record(id, self.key_without_deal("unparsed", id), message)
    }

    fn message(&self) -> WebhookReceived {
        WebhookReceived {
            tenant: self.connection.tenant.as_str().to_owned(),
            connection: self.connection.id.as_str().to_owned(),
            received_at: Some(convert::timestamp(self.at)),
            body: Bytes::new(),
            ..WebhookReceived::default()
        }
    }

    /// What names no deal has a key of its own each, so that it spreads over the partitions.
    fn key_without_deal(&self, kind: &str, id: uuid::Uuid) -> String {
        format!("{}/{}/{kind}/{id}", self.connection.tenant, self.connection.id)
    }

    fn record(&self, id: uuid::Uuid, subject: String, message: WebhookReceived) -> Record {
        let envelope = Envelope {
            id: EventId(id),
            source: SOURCE.into(),
            time: self.at,
            subject,
            tenant: self.connection.tenant.clone(),
            traceparent: Some(self.trace.clone().unwrap_or_else(|| new_trace(id))),
        };
        Event { envelope, body: Body::from(message) }.to_record(self.edge.options.encoding)
    }

    /// The longest body whose record the log takes; JSON writes bytes in base64, a third longer.
    fn body_bytes_max(&self) -> usize {
        let room = Record::VALUE_BYTES_MAX - FIELDS_BYTES_MAX;
        match self.edge.options.encoding {
            Encoding::Protobuf => room,
            Encoding::Json => room / 4 * 3,
        }
    }
}

/// The trace that starts with this record (W3C), for processes that make spans where the edge does not. A
/// caller's own is not taken over: it is a stranger's.
fn new_trace(id: uuid::Uuid) -> String {
    let mut digits = [0; uuid::fmt::Simple::LENGTH];
    let trace = id.simple().encode_lower(&mut digits);
    // Its second half names the span: random as the whole, and never zero, since it holds the variant's bits.
    ["00-", &*trace, "-", &trace[16..], "-01"].concat()
}

/// Times that no calendar writes are no times.
fn plausible(at: Timestamp) -> bool {
    (Timestamp::EPOCH..=LATEST).contains(&at)
}

fn clipped(mut word: String) -> String {
    if let Some((end, _)) = word.char_indices().nth(WORD_CHARS_MAX) {
        word.truncate(end);
    }
    word
}
