//! Journeys of the configuration become immutable versions, at start.
//!
//! Unchanged content (the file and all its texts) is the same version; changed content is the next
//! one, which new deals start in, while enrolments in flight keep theirs. A journey that left the
//! configuration takes no new deals and runs on for those in it.

use std::collections::BTreeSet;

use afterglow_domain::{Tenant, Timestamp};
use afterglow_durable::{Error, ShardSet, Store, Tx};
use afterglow_journey::Checked;

use crate::store::EngineTx;

/// What publishing a journey did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The journey.
    pub journey: String,
    /// The version that new deals start in.
    pub version: u32,
    /// It is new with this call.
    pub new: bool,
}

/// Publishes all journeys of a tenant, in one transaction. `at` is the wall's now. Refuses two journeys
/// of one name.
pub async fn publish<S>(
    store: &S,
    tenant: &Tenant,
    journeys: Vec<Checked>,
    at: Timestamp,
) -> Result<Vec<Version>, Error>
where
    S: Store,
    S::Tx: EngineTx,
{
    let mut names = BTreeSet::new();
    if let Some(twice) = journeys.iter().find(|journey| !names.insert(&journey.definition.name)) {
        let name = &twice.definition.name;
        return Err(Error::Refused(format!("two journeys of {tenant} are called {name}: rename one")));
    }
    let mut tx = store.begin(&ShardSet::default()).await?;
    let mut versions = Vec::with_capacity(journeys.len());
    for journey in journeys {
        let name = journey.definition.name.clone();
        let newest = tx.newest_definition(tenant, &name).await?;
        let unchanged = newest.filter(|(_, sha256)| *sha256 == journey.sha256());
        let version = if let Some((version, _)) = unchanged {
            version
        } else {
            let version = newest.map_or(1, |(version, _)| version + 1);
            tx.save_definition(tenant, &journey.publish(version), at).await?;
            version
        };
        versions.push(Version { journey: name, version, new: unchanged.is_none() });
    }
    let in_use: Vec<(String, u32)> = versions.iter().map(|v| (v.journey.clone(), v.version)).collect();
    tx.use_journeys(tenant, &in_use).await?;
    tx.commit().await?;
    Ok(versions)
}
