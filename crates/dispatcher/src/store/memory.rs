//! The model: the dispatcher's rows on maps.

use std::collections::{BTreeMap, BTreeSet};

use afterglow_domain::{AttemptId, DealRef, Sensitive, Shard, Timestamp, TouchpointId};
use afterglow_durable::{Error, memory};

use super::{AccountOf, AddressKey, DispatcherTx};
use crate::attempt::Attempt;
use crate::ledger::{Budget, BudgetKey, DealLedger, Suppression};
use crate::touchpoint::Touchpoint;

/// The dispatcher's tables.
#[derive(Debug, Clone, Default)]
pub struct Tables {
    /// By id.
    pub touchpoints: BTreeMap<TouchpointId, Touchpoint>,
    /// By touchpoint and number.
    pub attempts: BTreeMap<(TouchpointId, u32), Attempt>,
    /// By deal.
    pub deals: BTreeMap<DealRef, DealLedger>,
    /// By key.
    pub budgets: BTreeMap<BudgetKey, Budget>,
    /// By tenant and address.
    pub suppressions: BTreeMap<AddressKey, Suppression>,
}

/// The model's store.
pub type Store = memory::Store<Tables>;

impl DispatcherTx for memory::Tx<Tables> {
    async fn load_touchpoints(&mut self, ids: &[TouchpointId]) -> Result<Vec<Touchpoint>, Error> {
        let ids: BTreeSet<_> = ids.iter().collect();
        Ok(ids.into_iter().filter_map(|id| self.role().touchpoints.get(id).cloned()).collect())
    }

    async fn save_touchpoints(&mut self, rows: &[Touchpoint]) -> Result<(), Error> {
        self.role().touchpoints.extend(rows.iter().map(|row| (row.id, row.clone())));
        Ok(())
    }

    async fn load_newest_attempts(&mut self, touchpoints: &[TouchpointId]) -> Result<Vec<Attempt>, Error> {
        let ids: BTreeSet<_> = touchpoints.iter().copied().collect();
        let newest =
            |id| self.role().attempts.range((id, 0)..=(id, u32::MAX)).next_back().map(|(_, a)| a.clone());
        Ok(ids.into_iter().filter_map(newest).collect())
    }

    async fn load_attempt(&mut self, id: AttemptId) -> Result<Option<Attempt>, Error> {
        Ok(self.role().attempts.values().find(|attempt| attempt.id == id).cloned())
    }

    async fn save_attempts(&mut self, rows: &[Attempt]) -> Result<(), Error> {
        self.role().attempts.extend(rows.iter().map(|row| ((row.touchpoint, row.n), row.clone())));
        Ok(())
    }

    async fn find_detailed(
        &mut self,
        before: Timestamp,
        max: usize,
    ) -> Result<Vec<(TouchpointId, Shard)>, Error> {
        let old = |row: &Touchpoint| {
            row.detailed_since().filter(|since| *since < before).map(|since| (since, row.id, row.shard()))
        };
        let mut found: Vec<_> = self.role().touchpoints.values().filter_map(old).collect();
        found.sort_unstable();
        Ok(found.into_iter().take(max).map(|(_, id, shard)| (id, shard)).collect())
    }

    async fn strip_attempts(&mut self, touchpoints: &[TouchpointId]) -> Result<(), Error> {
        let attempts = &mut self.role().attempts;
        for attempt in attempts.values_mut().filter(|attempt| touchpoints.contains(&attempt.touchpoint)) {
            (attempt.request, attempt.envelope) = (Sensitive::default(), None);
        }
        Ok(())
    }

    async fn load_deals(&mut self, deals: &[DealRef]) -> Result<Vec<DealLedger>, Error> {
        Ok(deals.iter().filter_map(|deal| self.role().deals.get(deal).cloned()).collect())
    }

    async fn save_deals(&mut self, rows: &[DealLedger]) -> Result<(), Error> {
        self.role().deals.extend(rows.iter().map(|row| (row.deal.clone(), row.clone())));
        Ok(())
    }

    async fn load_budgets(&mut self, accounts: &[AccountOf]) -> Result<Vec<Budget>, Error> {
        let accounts: BTreeSet<_> = accounts.iter().collect();
        let asked = |key: &BudgetKey| accounts.contains(&(key.tenant.clone(), key.account.clone()));
        Ok(self.role().budgets.values().filter(|budget| asked(&budget.key)).cloned().collect())
    }

    async fn save_budgets(&mut self, rows: &[Budget]) -> Result<(), Error> {
        self.role().budgets.extend(rows.iter().map(|row| (row.key.clone(), row.clone())));
        Ok(())
    }

    async fn load_suppressions(&mut self, addresses: &[AddressKey]) -> Result<Vec<Suppression>, Error> {
        Ok(addresses.iter().filter_map(|key| self.role().suppressions.get(key).cloned()).collect())
    }

    async fn suppress(&mut self, rows: &[Suppression]) -> Result<(), Error> {
        for row in rows {
            let key = (row.tenant.clone(), row.address_hmac);
            self.role().suppressions.entry(key).or_insert_with(|| row.clone());
        }
        Ok(())
    }
}
