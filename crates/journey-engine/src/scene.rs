//! Material for tests.
use afterglow_domain::{ConnectionId, DealKey, DealRef, HomeKey, Tenant};
pub(crate) fn home() -> HomeKey { HomeKey::new("acme/hubspot:33:9001").unwrap() }
