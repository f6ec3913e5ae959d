//! Where a deal's records and rows live in this role.
//!
//! Invariant: a deal's webhook records, its pending refresh and its stored state are all of one shard,
//! that of its record key, so that each decision of the resolver locks one shard (a merge locks two).

use afterglow_domain::{ConnectionId, DealKey, DealRef, Shard, Tenant};
use afterglow_events::identity;
use uuid::Uuid;

/// The key of a deal's webhook records: `tenant/connection/deal/object`.
pub fn record_key(deal: &DealRef) -> String {
    record_key_of(&deal.tenant, &deal.connection, &deal.deal)
}

/// [`record_key`], of the parts that are at hand.
pub(crate) fn record_key_of(tenant: &Tenant, connection: &ConnectionId, deal: &DealKey) -> String {
    [tenant.as_str(), "/", connection.as_str(), "/deal/", deal.object()].concat()
}

/// The shard of everything that the resolver keeps about a deal.
pub fn shard(deal: &DealRef) -> Shard {
    Shard::of(&record_key(deal))
}

/// The id of a deal's rows and the owner of its timer.
pub fn row_id(deal: &DealRef) -> Uuid {
    identity::deal_event("refresh", deal, 0).0
}
