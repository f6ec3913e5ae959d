//! Published journeys, parsed once: a version never changes, so what is here never expires.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

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

/// The least wall time that a deadline leaves: below it a vendor's retry could cost a promise. In a
/// sandbox, whose days pass in seconds, it is many of the journey's days.
const WINDOW_AT_LEAST: Duration = Duration::from_mins(10);

/// The parsed versions, bounded.
#[derive(Debug)]
pub(crate) struct Journeys {
    versions: Mutex<Versions>,
    window_at_least: Duration,
}

impl Journeys {
    /// None yet, for a journey's clock that runs `speed` times as fast as the wall's.
    pub(crate) fn new(speed: u32) -> Self {
        let window_at_least = if speed > 1 { WINDOW_AT_LEAST * speed } else { Duration::ZERO };
        Self { versions: Mutex::default(), window_at_least }
    }

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
        self.versions.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    async fn read<T: EngineTx>(&self, tx: &mut T, key: &VersionKey) -> Result<Arc<Journey>, Error> {
        let (tenant, name, version) = key;
        let refused = |what: String| Error::Refused(format!("{}: {what}", codes::JOURNEY));
        let published = tx.load_definition(tenant, name, *version).await?;
        let published = published.ok_or_else(|| {
            refused(format!("journey {name} version {version} of {tenant} is not in the store"))
        })?;
        let mut definition = published.definition().map_err(|error| refused(error.to_string()))?;
        definition.sending.window_at_least = self.window_at_least;
        let journey = Arc::new(Journey { definition, published });
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        if versions.len() >= VERSIONS_MAX {
            versions.clear();
        }
        versions.insert(key.clone(), journey.clone());
        Ok(journey)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_leaves_ten_minutes_on_the_wall() {
        assert_eq!(Journeys::new(1).window_at_least, Duration::ZERO, "a day's end is never nearer anyway");
        assert_eq!(Journeys::new(86_400).window_at_least, Duration::from_hours(600 * 24));
    }
}
