//! From webhook records to refresh rows: the consumer's half of the resolver.
//!
//! A hundred hints about a deal are one row. A repeated record asks for one more look and changes
//! nothing else, so no inbox is needed.

use std::marker::PhantomData;

use afterglow_domain::{Clocks, ConnectionId, DealKey, DealRef, Tenant, Timestamp};
use afterglow_durable::turns::{Handler, Incoming};
use afterglow_durable::{Error, Timeline, Writes, parked};
use afterglow_events::proto::{WebhookKind, WebhookReceived};
use afterglow_events::{Body, Encoding, convert};

use super::pending::{News, Pending};
use crate::store::{ResolverTx, StageHint};
use crate::{ROLE, metric, place};

/// Takes records of `webhooks` as hints, on a store whose transaction is `T`.
pub struct Hints<T> {
    clocks: Clocks,
    encoding: Encoding,
    transaction: PhantomData<fn() -> T>,
}

impl<T> Hints<T> {
    /// A handler for `durable::turns::consume`.
    pub fn new(clocks: Clocks, encoding: Encoding) -> Self {
        Self { clocks, encoding, transaction: PhantomData }
    }
}

impl<T: ResolverTx> Handler for Hints<T> {
    type Tx = T;

    fn role(&self) -> &'static str {
        ROLE
    }

    async fn apply(&self, tx: &mut T, records: Vec<Incoming>) -> Result<(), Error> {
        let now = self.clocks.wall.now();
        let mut writes = Writes::default();
        let mut hints = Vec::new();
        for incoming in records {
            let result = match meaning(&incoming) {
                Meaning::Look(deal, news) => {
                    hints.push((deal, news));
                    "hinted"
                }
                Meaning::Nothing => "ignored",
                Meaning::Unusable(reason) => {
                    let letter = parked::letter_of(ROLE, &incoming.received, reason, now);
                    let shard = afterglow_domain::Shard::of(incoming.received.record.key_text());
                    writes.outbox.push(parked::outbox_of(ROLE, &letter, shard, self.encoding));
                    writes.parked.push(letter);
                    "parked"
                }
            };
            metrics::counter!(metric::HINTS, "result" => result).increment(1);
        }
        let ids: Vec<_> = hints.iter().map(|(deal, _)| place::row_id(deal)).collect();
        let mut pending = Pending::load(tx, &ids).await?;
        for (deal, news) in hints {
            pending.heard(&deal, news, now);
        }
        pending.store(tx, &mut writes).await?;
        tx.write(writes).await
    }

    fn now(&self, timeline: Timeline) -> Timestamp {
        match timeline {
            Timeline::Wall => self.clocks.wall.now(),
            Timeline::Journey => self.clocks.journey.now(),
        }
    }
}

/// What a record asks for.
enum Meaning {
    Look(DealRef, News),
    Nothing,
    Unusable(String),
}

fn meaning(incoming: &Incoming) -> Meaning {
    let Body::WebhookReceived(message) = &incoming.event.body else {
        return Meaning::Unusable(format!("{} is no webhook", incoming.event.body.type_name()));
    };
    match message.kind() {
        WebhookKind::Event if message.deal.is_empty() => Meaning::Nothing,
        WebhookKind::Event => look(message, incoming),
        WebhookKind::Unparsed if message.reason.is_empty() => {
            Meaning::Unusable("it could not be read, and no reason is given".to_owned())
        }
        WebhookKind::Unparsed => Meaning::Unusable(message.reason.clone()),
        WebhookKind::Unspecified => Meaning::Unusable("its kind is not one this version knows".to_owned()),
    }
}

fn look(message: &WebhookReceived, incoming: &Incoming) -> Meaning {
    let deal = match deal_of(message) {
        Ok(deal) => deal,
        Err(reason) => return Meaning::Unusable(reason),
    };
    if place::record_key(&deal) != incoming.received.record.key_text() {
        return Meaning::Unusable(
            "its key is not its deal's: it would be decided under another's lock".to_owned(),
        );
    }
    let taken = incoming.received.taken_at;
    let heard = convert::from_timestamp(message.received_at.as_ref()).unwrap_or(taken);
    // Nothing was heard before it happened, whatever the vendor's clock says.
    let at = convert::from_timestamp(message.vendor_time.as_ref()).map_or(heard, |at| at.min(heard));
    let stage =
        (!message.hinted_stage.is_empty()).then(|| StageHint { stage: message.hinted_stage.clone(), at });
    Meaning::Look(deal, News { stage, traceparent: incoming.event.envelope.traceparent.clone() })
}

fn deal_of(message: &WebhookReceived) -> Result<DealRef, String> {
    Ok(DealRef {
        tenant: Tenant::new(message.tenant.as_str()).map_err(|error| error.to_string())?,
        connection: ConnectionId::new(message.connection.as_str()).map_err(|error| error.to_string())?,
        deal: DealKey::new(message.deal.as_str()).map_err(|error| error.to_string())?,
    })
}
