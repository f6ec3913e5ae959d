//! What one transaction knows and writes: loaded set-based before any decision, written after the last.
//!
//! Decisions in between are pure: they see a [`Case`] and this, and no store.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use afterglow_domain::{Clocks, DealRef, EventId, Sensitive, Timestamp, TouchpointId};
use afterglow_durable::{Error, OutboxRow, Timeline, Timer, Writes};
use afterglow_events::{Body, Envelope, Event};
use afterglow_service::unsubscribe::address_hmac;

use crate::SOURCE;
use crate::case::Case;
use crate::customer::News;
use crate::ledger::{Budget, BudgetKey, DealLedger, Suppression};
use crate::options::Options;
use crate::store::{AccountOf, AddressKey, DispatcherTx};
use crate::touchpoint::Touchpoint;

/// The one timer of a touchpoint.
const TIMER_KEY: i32 = 0;

pub(crate) struct Turn<'a> {
    pub(crate) options: &'a Options,
    clocks: &'a Clocks,
    /// Now, by the wall's clock: claims, retries.
    pub(crate) wall: Timestamp,
    /// Now, by the journey's clock: deadlines, the budget's year.
    pub(crate) journey: Timestamp,
    pub(crate) deals: BTreeMap<DealRef, DealLedger>,
    pub(crate) deals_changed: BTreeSet<DealRef>,
    pub(crate) budgets: BTreeMap<BudgetKey, Budget>,
    pub(crate) budgets_changed: BTreeSet<BudgetKey>,
    suppressed: BTreeMap<AddressKey, String>,
    pub(crate) suppress: Vec<Suppression>,
    outbox: Vec<OutboxRow>,
}

pub(crate) type Cases = BTreeMap<TouchpointId, Case>;

/// Loads the touchpoints of these ids that exist with their newest calls, and nothing that is shared: for what
/// changes a call and decides nothing.
pub(crate) async fn load_calls<T: DispatcherTx>(tx: &mut T, ids: &[TouchpointId]) -> Result<Cases, Error> {
    let touchpoints = tx.load_touchpoints(ids).await?;
    let mut cases: Cases = touchpoints.into_iter().map(|t| (t.id, Case::new(t))).collect();
    for attempt in tx.load_newest_attempts(ids).await? {
        if let Some(case) = cases.get_mut(&attempt.touchpoint) {
            case.attempt = Some(attempt);
        }
    }
    Ok(cases)
}

impl<'a> Turn<'a> {
    pub(crate) fn new(options: &'a Options, clocks: &'a Clocks) -> Self {
        Self {
            options,
            clocks,
            wall: clocks.wall.now(),
            journey: clocks.journey.now(),
            deals: BTreeMap::new(),
            deals_changed: BTreeSet::new(),
            budgets: BTreeMap::new(),
            budgets_changed: BTreeSet::new(),
            suppressed: BTreeMap::new(),
            suppress: Vec::new(),
            outbox: Vec::new(),
        }
    }

    /// Loads the touchpoints of these ids that exist, and everything that deciding on them needs.
    pub(crate) async fn load<T: DispatcherTx>(
        &mut self,
        tx: &mut T,
        ids: &[TouchpointId],
    ) -> Result<Cases, Error> {
        self.load_with(tx, ids, &[]).await
    }

    /// The same, and what taking in news of deals needs.
    pub(crate) async fn load_with<T: DispatcherTx>(
        &mut self,
        tx: &mut T,
        ids: &[TouchpointId],
        news: &[News],
    ) -> Result<Cases, Error> {
        let cases = load_calls(tx, ids).await?;
        let touchpoints = || cases.values().map(|case| &case.touchpoint);
        self.load_money(tx, touchpoints(), news).await?;
        let addresses: BTreeSet<_> = touchpoints().filter_map(|t| self.address_key(t)).collect();
        let addresses: Vec<_> = addresses.into_iter().collect();
        for row in tx.load_suppressions(&addresses).await? {
            self.suppressed.insert((row.tenant, row.address_hmac), row.reason);
        }
        Ok(cases)
    }

    /// Deals before budgets: whose customer a deal is says which budget counts.
    async fn load_money<'t, T: DispatcherTx>(
        &mut self,
        tx: &mut T,
        touchpoints: impl Iterator<Item = &'t Touchpoint>,
        news: &[News],
    ) -> Result<(), Error> {
        let mut deals: BTreeSet<DealRef> = news.iter().flat_map(News::deals).collect();
        let mut accounts: BTreeSet<AccountOf> = news.iter().map(News::counts_for).collect();
        for touchpoint in touchpoints.filter(|touchpoint| touchpoint.gift().is_some()) {
            deals.extend(touchpoint.deal());
            let reserved = touchpoint.state.reservation.as_ref().map(|r| r.budget.account.as_str());
            let names = [Some(touchpoint.budget_account()), reserved].into_iter().flatten();
            accounts.extend(names.map(|name| (touchpoint.home.tenant(), name.to_owned())));
        }
        // What a deal was merged into comes after it; a chain ends, for no deal becomes itself.
        while !deals.is_empty() {
            let wanted: Vec<_> = deals.into_iter().collect();
            let found = tx.load_deals(&wanted).await?;
            self.deals.extend(found.iter().map(|ledger| (ledger.deal.clone(), ledger.clone())));
            let next = found.into_iter().filter_map(|ledger| ledger.merged_into);
            deals = next.filter(|deal| !self.deals.contains_key(deal)).collect();
        }
        accounts.extend(self.deals.values().map(|l| (l.deal.tenant.clone(), l.account.clone())));
        let accounts: Vec<_> = accounts.into_iter().collect();
        let budgets = tx.load_budgets(&accounts).await?;
        self.budgets.extend(budgets.into_iter().map(|budget| (budget.key.clone(), budget)));
        Ok(())
    }

    /// Writes what was decided. `fired` are the timers that brought us here: they are gone.
    pub(crate) async fn save<T: DispatcherTx>(
        self,
        tx: &mut T,
        cases: Vec<Case>,
        fired: &[Timer],
    ) -> Result<(), Error> {
        let mut writes = Writes { disarm: fired.to_vec(), outbox: self.outbox, ..Writes::default() };
        let (mut rows, mut attempts) = (Vec::new(), Vec::new());
        for mut case in cases {
            let shard = case.touchpoint.shard();
            let timer = |due| {
                let owner = case.touchpoint.id.0;
                Timer { timeline: Timeline::Wall, shard, due, owner, key: TIMER_KEY }
            };
            if case.wake != case.touchpoint.armed {
                writes.disarm.extend(case.touchpoint.armed.map(timer));
                let due = case.wake.map(|due| tx.armable(Timeline::Wall, shard, due));
                writes.arm.extend(due.map(timer));
                case.touchpoint.armed = due;
            }
            attempts.extend(case.superseded);
            attempts.extend(case.attempt.filter(|_| case.attempt_changed));
            rows.push(case.touchpoint);
        }
        tx.save_touchpoints(&rows).await?;
        tx.save_attempts(&attempts).await?;
        let changed = self.deals.into_values().filter(|ledger| self.deals_changed.contains(&ledger.deal));
        tx.save_deals(&changed.collect::<Vec<_>>()).await?;
        let changed = self.budgets.into_values().filter(|b| self.budgets_changed.contains(&b.key));
        tx.save_budgets(&changed.collect::<Vec<_>>()).await?;
        tx.suppress(&self.suppress).await?;
        tx.write(writes).await
    }

    /// Publishes an event of a touchpoint, on its home key.
    pub(crate) fn emit(&mut self, touchpoint: &Touchpoint, id: EventId, body: Body) {
        let mut envelope = Envelope::of(id, SOURCE, self.wall, &touchpoint.home);
        envelope.traceparent.clone_from(&touchpoint.state.traceparent);
        let record = Event { envelope, body }.to_record(self.options.encoding);
        self.outbox.push(OutboxRow { shard: touchpoint.shard(), record });
    }

    /// Under what an address is suppressed; `None` where there is none, and for tasks.
    pub(crate) fn address_key(&self, touchpoint: &Touchpoint) -> Option<AddressKey> {
        if touchpoint.is_task() || touchpoint.address().is_empty() {
            return None;
        }
        let tenant = touchpoint.home.tenant();
        let address = Sensitive::from(touchpoint.address());
        let hmac = address_hmac(&self.options.suppression_key, tenant.as_str(), &address);
        Some((tenant, hmac))
    }

    /// Why a touchpoint's address gets no mail.
    pub(crate) fn suppressed(&self, touchpoint: &Touchpoint) -> Option<&str> {
        self.suppressed.get(&self.address_key(touchpoint)?).map(String::as_str)
    }

    /// The wall instant at which the journey's clock will show `at`.
    pub(crate) fn wall_of(&self, at: Timestamp) -> Timestamp {
        self.wall.plus(self.clocks.wall_duration(at.since(self.journey)))
    }

    /// How long on the wall until the journey's clock has moved by `by`.
    pub(crate) fn wall_duration(&self, by: Duration) -> Duration {
        self.clocks.wall_duration(by)
    }

    /// How many journey seconds pass in one wall second.
    pub(crate) fn speed(&self) -> u32 {
        self.clocks.speed()
    }
}
