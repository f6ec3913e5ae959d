//! Whose customer a deal is: for which account its money counts.
//!
//! Deal events decide, by their `rev`: in whatever order and however often they come, the newest that names
//! an account holds. A touchpoint tells only of deals of which no such event was heard. When the account of a deal becomes
//! known or changes, what the deal used moves to the new account in the same transaction; a deal that is
//! merged into another one hands its money over. Nothing refuses such a move, so it may lift a budget above
//! its cap: what is spent is spent, and nothing more is set aside.
//!
//! Invariant: a budget is the sum of the ledgers of its account's deals.

use afterglow_domain::{DealRef, HomeKey, Tenant};
use afterglow_durable::Error;
use afterglow_durable::turns::Incoming;
use afterglow_events::{Body, convert, proto};

use crate::ledger::{BudgetKey, DealLedger, Used};
use crate::receive::{home_of, refused};
use crate::turn::Turn;

/// What a record says of whose customer a deal is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) deal: DealRef,
    /// Empty while the CRM names none.
    account: String,
    /// What the money counts for while no account is known.
    stand_in: String,
    /// 0 for a touchpoint, and for the survivor of a merge, whose own `rev` the event does not tell.
    rev: i64,
    /// The deal that became this one, and what stands in for its account.
    merged: Option<(DealRef, String)>,
}

impl News {
    /// What a deal event says; `None` for other events.
    pub(crate) fn of_deal(incoming: &Incoming) -> Result<Option<Self>, Error> {
        let (snapshot, rev, merged) = match &incoming.event.body {
            Body::DealWon(m) => (&m.deal, m.rev, None),
            Body::DealAmended(m) => (&m.deal, m.rev, None),
            Body::DealReopened(m) => (&m.deal, m.rev, None),
            Body::DealLost(m) => (&m.deal, m.rev, None),
            Body::DealDeleted(m) => (&m.deal, m.rev, None),
            Body::DealMerged(m) => (&m.deal, m.rev, Some(m)),
            _ => return Ok(None),
        };
        let home = home_of(incoming)?;
        let of_tenant = |deal: Option<&proto::DealRef>| {
            let deal = convert::from_deal_ref(deal).filter(|deal| deal.tenant == home.tenant());
            deal.ok_or_else(|| refused("it names no deal of its tenant"))
        };
        let snapshot = snapshot.as_ref().ok_or_else(|| refused("it has no deal"))?;
        let (deal, account) = (of_tenant(snapshot.deal.as_ref())?, snapshot.account.clone());
        let Some(merge) = merged else {
            let stand_in = home.local().to_owned();
            return Ok(Some(Self { deal, account, stand_in, rev, merged: None }));
        };
        let merged = (of_tenant(merge.merged.as_ref())?, home.local().to_owned());
        let survivor = HomeKey::new(merge.survivor_home_key.as_str()).map(|home| home.local().to_owned());
        let stand_in = survivor.unwrap_or_else(|_| deal.deal.as_str().to_owned());
        Ok(Some(Self { deal, account, stand_in, rev: 0, merged: Some(merged) }))
    }

    /// What a touchpoint says; `None` where it names no deal of its tenant.
    pub(crate) fn of_touchpoint(message: &proto::TouchpointDue, home: &HomeKey) -> Option<Self> {
        let deal =
            convert::from_deal_ref(message.deal.as_ref()).filter(|deal| deal.tenant == home.tenant())?;
        let (account, stand_in) = (message.account.clone(), home.local().to_owned());
        Some(Self { deal, account, stand_in, rev: 0, merged: None })
    }

    /// The deals that it is about.
    pub(crate) fn deals(&self) -> impl Iterator<Item = DealRef> {
        let merged = self.merged.as_ref().map(|(deal, ..)| deal.clone());
        std::iter::once(self.deal.clone()).chain(merged)
    }

    /// The account for which money counts if this is the newest news.
    pub(crate) fn counts_for(&self) -> (Tenant, String) {
        let account = if self.account.is_empty() { &self.stand_in } else { &self.account };
        (self.deal.tenant.clone(), account.clone())
    }
}

impl Turn<'_> {
    /// The account that a deal's money counts for, as far as the deal is known.
    pub(crate) fn account_of(&self, deal: &DealRef) -> Option<&str> {
        self.deals.get(self.root(deal)).map(|ledger| ledger.account.as_str())
    }

    /// The deal in whose ledger a deal's money is: itself, or what it became in the end.
    fn root<'d>(&'d self, deal: &'d DealRef) -> &'d DealRef {
        let mut root = deal;
        while let Some(next) = self.deals.get(root).and_then(|ledger| ledger.merged_into.as_ref()) {
            root = next;
        }
        root
    }

    /// Adds to a deal's ledger, and says for which account that counts.
    pub(crate) fn book_for(&mut self, deal: &DealRef, used: Used) -> Option<String> {
        let root = self.root(deal).clone();
        let ledger = self.deals.get_mut(&root)?;
        ledger.add(used);
        let account = ledger.account.clone();
        self.deals_changed.insert(root);
        Some(account)
    }

    /// Takes the news in; the ledgers and budgets that they are about are loaded.
    pub(crate) fn learn(&mut self, news: &News) {
        self.learn_account(news);
        let Some((merged, stand_in)) = &news.merged else { return };
        let loser = self.deals.entry(merged.clone());
        let loser = loser.or_insert_with(|| DealLedger::empty(merged.clone(), stand_in));
        if loser.merged_into.is_none() {
            self.hand_over(merged, &news.deal);
        }
    }

    fn learn_account(&mut self, news: &News) {
        let (tenant, account) = news.counts_for();
        let ledger = self.deals.entry(news.deal.clone()).or_insert_with(|| {
            self.deals_changed.insert(news.deal.clone());
            DealLedger::empty(news.deal.clone(), &account)
        });
        let is_newer = news.rev > ledger.rev || (news.rev == 0 && ledger.rev == 0);
        // A CRM that names no account any more takes nothing back: the last one that was known still counts.
        if ledger.merged_into.is_some() || news.account.is_empty() || !is_newer {
            return;
        }
        ledger.rev = news.rev;
        let before = std::mem::replace(&mut ledger.account, account.clone());
        let used = ledger.used.clone();
        self.deals_changed.insert(news.deal.clone());
        self.move_used(&tenant, (&before, &account), &used);
    }

    /// The merged deal's money becomes the survivor's. Where the survivor became the merged deal before,
    /// they are one already.
    fn hand_over(&mut self, merged: &DealRef, survivor: &DealRef) {
        let root = self.root(survivor).clone();
        let Some(loser) = self.deals.get_mut(merged).filter(|_| root != *merged) else { return };
        self.deals_changed.extend([merged.clone(), root.clone()]);
        loser.merged_into = Some(root.clone());
        let (before, used) = (loser.account.clone(), std::mem::take(&mut loser.used));
        let Some(winner) = self.deals.get_mut(&root) else { return };
        for used in &used {
            winner.add(*used);
        }
        let account = winner.account.clone();
        self.move_used(&merged.tenant, (&before, &account), &used);
    }

    fn move_used(&mut self, tenant: &Tenant, (from, to): (&str, &str), used: &[Used]) {
        if from == to {
            return;
        }
        for used in used {
            let key = |account: &str| BudgetKey {
                tenant: tenant.clone(),
                account: account.to_owned(),
                year: used.year,
                currency: used.currency,
            };
            let (reserved_minor, spent_minor) = (-used.reserved_minor, -used.spent_minor);
            self.budget(key(from)).add(Used { reserved_minor, spent_minor, ..*used });
            let joined = self.budget(key(to));
            joined.add(*used);
            joined.joined_minor = joined.used_minor();
        }
    }
}
