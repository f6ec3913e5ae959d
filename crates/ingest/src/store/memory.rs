//! The model: the resolver's rows on maps.

use std::collections::BTreeMap;

use afterglow_durable::{Error, memory};
use uuid::Uuid;

use super::{KnownDeal, Refresh, ResolverTx};

/// The resolver's tables of the model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tables {
    /// Pending refreshes by id.
    pub refreshes: BTreeMap<Uuid, Refresh>,
    /// Known deals by id.
    pub deals: BTreeMap<Uuid, KnownDeal>,
}

impl ResolverTx for memory::Tx<Tables> {
    async fn load_refreshes(&mut self, ids: &[Uuid]) -> Result<Vec<Refresh>, Error> {
        let tables = self.role();
        Ok(ids.iter().filter_map(|id| tables.refreshes.get(id)).cloned().collect())
    }

    async fn save_refreshes(&mut self, rows: &[Refresh]) -> Result<(), Error> {
        self.role().refreshes.extend(rows.iter().map(|row| (row.id(), row.clone())));
        Ok(())
    }

    async fn delete_refreshes(&mut self, ids: &[Uuid]) -> Result<(), Error> {
        self.role().refreshes.retain(|id, _| !ids.contains(id));
        Ok(())
    }

    async fn load_deals(&mut self, ids: &[Uuid]) -> Result<Vec<KnownDeal>, Error> {
        let tables = self.role();
        Ok(ids.iter().filter_map(|id| tables.deals.get(id)).cloned().collect())
    }

    async fn save_deals(&mut self, rows: &[KnownDeal]) -> Result<(), Error> {
        self.role().deals.extend(rows.iter().map(|row| (row.id(), row.clone())));
        Ok(())
    }
}
