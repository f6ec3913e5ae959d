//! The event of a verdict.

use afterglow_domain::{Clocks, DealRef};
use afterglow_durable::OutboxRow;
use afterglow_events::{Body, Encoding, Envelope, Event, convert, identity, proto};
use jiff::tz::TimeZone;

use super::compare::What;
use super::snapshot::SnapshotMapping;
use crate::store::KnownDeal;
use crate::{SOURCE, place};

/// What an event needs besides the deal.
#[derive(Clone, Copy)]
pub struct Emission<'a> {
    /// Emission time, and the map of the CRM's times.
    pub clocks: &'a Clocks,
    /// The connection's zone.
    pub zone: &'a TimeZone,
    /// The trace of the hint.
    pub traceparent: Option<&'a str>,
    /// How the payload is written.
    pub encoding: Encoding,
}

impl Emission<'_> {
    /// The outbox row of what became of a deal, `known` being the deal as published by it. `None` only
    /// where the deal has no home key, which a published deal always has.
    pub fn row(&self, known: &KnownDeal, what: &What) -> Option<OutboxRow> {
        let home = known.home.as_ref()?;
        let body = self.body(known, what);
        let id = identity::deal_event(body.type_name(), &known.deal, known.rev);
        let mut envelope = Envelope::of(id, SOURCE, self.clocks.wall.now(), home);
        envelope.traceparent = self.traceparent.map(ToOwned::to_owned);
        let record = Event { envelope, body }.to_record(self.encoding);
        Some(OutboxRow { shard: place::shard(&known.deal), record })
    }

    fn body(&self, known: &KnownDeal, what: &What) -> Body {
        let mapping = SnapshotMapping { clocks: self.clocks, zone: self.zone };
        let snapshot = &known.snapshot;
        let (rev, won_no) = (known.rev, known.won_no);
        let deal = Some(mapping.map(&subject(known, what), snapshot));
        let at = match what {
            What::Won => mapping.instant(snapshot.won_at.unwrap_or(snapshot.modified)),
            What::Amended(_) | What::Reopened | What::Lost => mapping.instant(snapshot.modified),
            // The CRM does not tell when: when we saw it.
            What::Deleted | What::Merged(_) => self.clocks.journey.now(),
        };
        let occurred_at = Some(convert::timestamp(at));
        match what {
            What::Won => proto::DealWon { deal, rev, won_no, occurred_at }.into(),
            What::Amended(changed) => {
                let changed = changed.iter().map(ToString::to_string).collect();
                proto::DealAmended { deal, rev, won_no, occurred_at, changed }.into()
            }
            What::Reopened => proto::DealReopened { deal, rev, won_no, occurred_at }.into(),
            What::Lost => proto::DealLost { deal, rev, won_no, occurred_at }.into(),
            What::Deleted => proto::DealDeleted { deal, rev, won_no, occurred_at }.into(),
            What::Merged(survivor_home) => proto::DealMerged {
                deal,
                rev,
                won_no,
                occurred_at,
                merged: Some(convert::deal_ref(&known.deal)),
                survivor_home_key: survivor_home.as_ref().map_or_else(String::new, ToString::to_string),
            }
            .into(),
        }
    }
}

/// The deal in the snapshot: after a merge the survivor.
fn subject(known: &KnownDeal, what: &What) -> DealRef {
    match (what, &known.merged_into) {
        (What::Merged(_), Some(survivor)) => DealRef { deal: survivor.clone(), ..known.deal.clone() },
        _ => known.deal.clone(),
    }
}

impl What {
    /// The label in metrics and logs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Won => "won",
            Self::Amended(_) => "amended",
            Self::Reopened => "reopened",
            Self::Lost => "lost",
            Self::Deleted => "deleted",
            Self::Merged(_) => "merged",
        }
    }
}
