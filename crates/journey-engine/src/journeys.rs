//! Published journeys, parsed once: a version never changes, so what is here never expires.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use afterglow_domain::Tenant;
use afterglow_durable::Error;
use afterglow_journey::{Definition, Published};

use crate::codes;
use crate::store::EngineTx;

/// How many versions are kept parsed: a tenant has a handful in flight, and a parsed one with its texts
/// is about a hundred kilobytes.
const VERSIONS_MAX: usize = 256;

/// Which version of which journey.
pub(crate) type VersionKey = (Tenant, String, u32);

/// One version: what it says and its texts.
#[derive(Debug)]
pub(crate) struct Journey {
    pub(crate) definition: Definition,
    pub(crate) published: Published,
}

/// The versions of a turn.
pub(crate) type Versions = BTreeMap<VersionKey, Arc<Journey>>;

/// The parsed versions, bounded.
#[derive(Debug, Default)]
pub(crate) struct Journeys(Mutex<Versions>);

impl Journeys {
    /// These versions, read from the store where they are not here yet.
    pub(crate) async fn load<T: EngineTx>(
        &self,
        tx: &mut T,
        keys: BTreeSet<VersionKey>,
    ) -> Result<Versions, Error> {
        let mut found = Versions::new();
        for key in keys {
            let journey = match self.cached(&key) {
                Some(journey) => journey,
                None => self.read(tx, &key).await?,
            };
            found.insert(key, journey);
        }
        Ok(found)
    }

    fn cached(&self, key: &VersionKey) -> Option<Arc<Journey>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    async fn read<T: EngineTx>(&self, tx: &mut T, key: &VersionKey) -> Result<Arc<Journey>, Error> {
        let (tenant, name, version) = key;
        let refused = |what: String| Error::Refused(format!("{}: {what}", codes::JOURNEY));
        let published = tx.load_definition(tenant, name, *version).await?;
        let published = published.ok_or_else(|| {
            refused(format!("journey {name} version {version} of {tenant} is not in the store"))
        })?;
        let definition = published.definition().map_err(|error| refused(error.to_string()))?;
        let journey = Arc::new(Journey { definition, published });
        let mut versions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if versions.len() >= VERSIONS_MAX {
            versions.clear();
        }
        versions.insert(key.clone(), journey.clone());
        Ok(journey)
    }
}
