//! The model: the engine's rows as maps.

use std::collections::{BTreeMap, BTreeSet};

use afterglow_domain::{DealRef, EnrolmentId, Shard, Tenant, Timestamp};
use afterglow_durable::Error;
use afterglow_durable::memory::Tx;
use afterglow_journey::Published;

use super::EngineTx;
use crate::codes;
use crate::rows::{AccountLink, DealRow, EnrolmentRow, ObligationRow};

/// Which occurrence of which promise of whom.
pub type ObligationKey = (EnrolmentId, String, u32);

/// Everything that the engine remembers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tables {
    /// Deals.
    pub deals: BTreeMap<DealRef, DealRow>,
    /// Enrolments.
    pub enrolments: BTreeMap<EnrolmentId, EnrolmentRow>,
    /// How obligations ended.
    pub obligations: BTreeMap<ObligationKey, ObligationRow>,
    /// Account links.
    pub links: BTreeSet<AccountLink>,
    /// Published versions.
    pub definitions: BTreeMap<(Tenant, String, u32), Published>,
    /// What new deals start in.
    pub in_use: BTreeMap<(Tenant, String), u32>,
}

impl EngineTx for Tx<Tables> {
    async fn load_deals(&mut self, deals: &[DealRef]) -> Result<Vec<DealRow>, Error> {
        let known = &self.role().deals;
        Ok(deals.iter().filter_map(|deal| known.get(deal).cloned()).collect())
    }

    async fn save_deals(&mut self, deals: &[DealRow]) -> Result<(), Error> {
        self.role().deals.extend(deals.iter().map(|row| (row.deal.clone(), row.clone())));
        Ok(())
    }

    async fn load_enrolments(&mut self, ids: &[EnrolmentId]) -> Result<Vec<EnrolmentRow>, Error> {
        let known = &self.role().enrolments;
        Ok(ids.iter().filter_map(|id| known.get(id).cloned()).collect())
    }

    async fn load_enrolments_of(&mut self, deals: &[DealRef]) -> Result<Vec<EnrolmentRow>, Error> {
        let of = self.role().enrolments.values().filter(|row| deals.contains(&row.deal));
        Ok(of.cloned().collect())
    }

    async fn save_enrolments(&mut self, enrolments: &[EnrolmentRow]) -> Result<(), Error> {
        for row in enrolments {
            let known = &mut self.role().enrolments;
            let same = |other: &EnrolmentRow| {
                other.id != row.id && (&other.deal, &other.journey) == (&row.deal, &row.journey)
            };
            if known.values().any(same) {
                return Err(Error::Refused(format!("deal {} is in {} already", row.deal, row.journey)));
            }
            known.insert(row.id, row.clone());
        }
        Ok(())
    }

    async fn save_states(&mut self, enrolments: &[EnrolmentRow]) -> Result<(), Error> {
        for row in enrolments {
            let stored = self.role().enrolments.get_mut(&row.id);
            let stored =
                stored.ok_or_else(|| Error::Refused(format!("{}: {} is not there", codes::ROW, row.id)))?;
            stored.state = row.state.clone();
            stored.armed = row.armed;
            (stored.ended_at, stored.details_removed) = (row.ended_at, row.details_removed);
            stored.counters.clone_from(&row.counters);
        }
        Ok(())
    }

    async fn close_obligations(&mut self, obligations: &[ObligationRow]) -> Result<(), Error> {
        for row in obligations {
            let key = (row.enrolment, row.moment.clone(), row.occurrence);
            if self.role().obligations.insert(key, row.clone()).is_some() {
                return Err(Error::Refused(format!(
                    "{}: an obligation is closed already",
                    codes::CLOSED_TWICE
                )));
            }
        }
        Ok(())
    }

    async fn find_detailed_enrolments(
        &mut self,
        before: Timestamp,
        max: usize,
    ) -> Result<Vec<(EnrolmentId, Shard)>, Error> {
        let detailed = self.role().enrolments.values().filter(|row| row.details_removed.is_none());
        let old = detailed.filter_map(|row| Some((row.ended_at.filter(|at| *at < before)?, row)));
        let mut found: Vec<_> = old.map(|(at, row)| (at, row.id, row.shard())).collect();
        found.sort_unstable();
        Ok(found.into_iter().take(max).map(|(_, id, shard)| (id, shard)).collect())
    }

    async fn find_detailed_deals(
        &mut self,
        before: Timestamp,
        max: usize,
    ) -> Result<Vec<(DealRef, Shard)>, Error> {
        let tables = self.role();
        let needed: BTreeSet<&DealRef> = tables
            .enrolments
            .values()
            .filter(|row| row.details_removed.is_none())
            .map(|row| &row.deal)
            .collect();
        let old = |row: &&DealRow| row.details_removed.is_none() && row.heard_at < before;
        let mut found: Vec<_> =
            tables.deals.values().filter(old).filter(|row| !needed.contains(&row.deal)).collect();
        found.sort_by_key(|row| row.heard_at);
        Ok(found.into_iter().take(max).map(|row| (row.deal.clone(), row.shard())).collect())
    }

    async fn link_accounts(&mut self, links: &[AccountLink]) -> Result<(), Error> {
        self.role().links.extend(links.iter().cloned());
        Ok(())
    }

    async fn load_in_use(&mut self, tenants: &[Tenant]) -> Result<Vec<(Tenant, String, u32)>, Error> {
        let of = self.role().in_use.iter().filter(|((tenant, _), _)| tenants.contains(tenant));
        Ok(of.map(|((tenant, journey), version)| (tenant.clone(), journey.clone(), *version)).collect())
    }

    async fn load_definition(
        &mut self,
        tenant: &Tenant,
        journey: &str,
        version: u32,
    ) -> Result<Option<Published>, Error> {
        Ok(self.role().definitions.get(&(tenant.clone(), journey.to_owned(), version)).cloned())
    }

    async fn newest_definition(
        &mut self,
        tenant: &Tenant,
        journey: &str,
    ) -> Result<Option<(u32, [u8; 32])>, Error> {
        let key = |version| (tenant.clone(), journey.to_owned(), version);
        let newest = self.role().definitions.range(key(0)..=key(u32::MAX)).next_back();
        Ok(newest.map(|((_, _, version), published)| (*version, published.sha256)))
    }

    async fn save_definition(
        &mut self,
        tenant: &Tenant,
        version: &Published,
        _at: Timestamp,
    ) -> Result<(), Error> {
        let key = (tenant.clone(), version.name.clone(), version.version);
        if self.role().definitions.contains_key(&key) {
            return Err(Error::Refused(format!(
                "{} version {} is there already",
                version.name, version.version
            )));
        }
        self.role().definitions.insert(key, version.clone());
        Ok(())
    }

    async fn use_journeys(&mut self, tenant: &Tenant, journeys: &[(String, u32)]) -> Result<(), Error> {
        self.role().in_use.retain(|(of, _), _| of != tenant);
        let new = journeys.iter().map(|(journey, version)| ((tenant.clone(), journey.clone()), *version));
        self.role().in_use.extend(new);
        Ok(())
    }
}
