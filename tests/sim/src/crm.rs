//! A CRM with a handful of deals: its truth changes by operations, and every change owes a webhook.
//!
//! Invariant: what the product must know in the end is the truth of each deal that nobody owes a webhook
//! for. Its own clock never goes back, whatever the world's does, as a vendor's would not.

mod webhook;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use afterglow_crm::{
    Account, CloseDate, Contact, Error, Pace, Person, READ_BUDGET, Reader, Reading, Snapshot, Status,
};
use afterglow_domain::{
    AccountKey, ConnectionId, Crm as Kind, Currency, DealKey, DealRef, Money, Tenant, Timestamp,
};

pub use webhook::Webhook;

use crate::op::{DEALS, Edit, Mood, Stage};

/// The portal's number.
pub const PORTAL: i64 = 33;

/// Which ids the world's deals and companies have.
#[derive(Debug, Clone)]
pub struct Ids {
    /// One per deal.
    pub deals: Vec<u64>,
    /// Companies; the first two deals share the first one.
    pub companies: Vec<u64>,
}

/// A deal of the tenant.
pub fn deal_ref(id: u64) -> DealRef {
    DealRef {
        tenant: Tenant::new("acme").expect("it is a tenant"),
        connection: ConnectionId::new("hub").expect("it is a connection"),
        deal: DealKey::hubspot(PORTAL, &id.to_string()).expect("a number is an id"),
    }
}

/// The address of the only contact of a company.
pub fn address(company: u64) -> String {
    format!("buyer-{company}@customer.example")
}

/// One deal as it really stands.
#[derive(Debug, Clone)]
pub struct Truth {
    /// What a read answers.
    pub snapshot: Snapshot,
    /// What a lagging replica still answers.
    before: Option<Snapshot>,
    /// Deleted.
    pub gone: bool,
    /// The deal that it was merged into.
    pub into: Option<usize>,
    /// It changed, and no webhook was taken since.
    pub owed: bool,
    /// The company that its contact works at.
    company: u64,
}

impl Truth {
    /// Whether anything ever happened to it.
    pub fn changed(&self) -> bool {
        self.before.is_some() || self.into.is_some()
    }
}

#[derive(Debug)]
struct State {
    ids: Ids,
    deals: Vec<Truth>,
    mood: Mood,
    now: Timestamp,
    waiting: Vec<Webhook>,
    taken: Vec<Webhook>,
    made: u64,
}

/// The CRM. Clones share it.
#[derive(Debug, Clone)]
pub struct Crm(Arc<Mutex<State>>);

impl Crm {
    /// A CRM whose deals are all being negotiated.
    pub fn new(ids: Ids, now: Timestamp) -> Self {
        let deals = (0..DEALS).map(|n| open(&ids, n, now)).collect();
        let (waiting, taken) = (Vec::new(), Vec::new());
        Self(Arc::new(Mutex::new(State { ids, deals, mood: Mood::Well, now, waiting, taken, made: 0 })))
    }

    /// How it answers from now on.
    pub fn set_mood(&self, mood: Mood) {
        self.state().mood = mood;
    }

    /// Its deals as they stand.
    pub fn truths(&self) -> Vec<(DealRef, Truth)> {
        let state = self.state();
        state.ids.deals.iter().map(|id| deal_ref(*id)).zip(state.deals.iter().cloned()).collect()
    }

    /// A deal moves to a stage; where it stands there already, nothing happens.
    pub fn advance(&self, deal: usize, stage: Stage, now: Timestamp) {
        let (name, status) = match stage {
            Stage::Open => ("negotiation", Status::Open),
            Stage::Won => ("closedwon", Status::Won),
            Stage::Lost => ("closedlost", Status::Lost),
        };
        self.state().change(deal, now, "stage", |truth, at| {
            if truth.snapshot.stage == name {
                return false;
            }
            name.clone_into(&mut truth.snapshot.stage);
            truth.snapshot.status = status;
            truth.snapshot.won_at = (status == Status::Won).then_some(at);
            truth.snapshot.close_date = Some(CloseDate::Instant(at));
            true
        });
    }

    /// A deal is changed.
    pub fn amend(&self, deal: usize, edit: Edit, now: Timestamp) {
        let mut state = self.state();
        let companies = state.ids.companies.clone();
        state.change(deal, now, "amount", |truth, _| {
            amend(truth, edit, &companies);
            true
        });
    }

    /// The first deal goes into the second; not where one of them is gone or they are one.
    pub fn merge(&self, loser: usize, survivor: usize, now: Timestamp) {
        let mut state = self.state();
        let (loser, survivor) = (state.real(loser), state.real(survivor));
        if loser == survivor || state.deals[loser].gone || state.deals[survivor].gone {
            return;
        }
        state.deals[loser].into = Some(survivor);
        state.deals[loser].owed = true;
        state.change(survivor, now, "merge", |_, _| true);
    }

    /// A deal is deleted.
    pub fn delete(&self, deal: usize, now: Timestamp) {
        self.state().change(deal, now, "deletion", |truth, _| !std::mem::replace(&mut truth.gone, true));
    }

    /// A deleted deal is restored; what was merged into it answers again, which nobody tells by itself.
    pub fn restore(&self, deal: usize, now: Timestamp) {
        let mut state = self.state();
        let real = state.real(deal);
        if !state.deals[real].gone {
            return;
        }
        for loser in 0..state.deals.len() {
            state.deals[loser].owed |= loser != real && state.real(loser) == real;
        }
        state.change(real, now, "restore", |truth, _| std::mem::replace(&mut truth.gone, false));
    }

    /// The companies whose contacts there are.
    pub fn companies(&self) -> Vec<u64> {
        self.state().ids.companies.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nobody panics with it")
    }
}

impl State {
    /// The deal that answers for this one.
    fn real(&self, mut deal: usize) -> usize {
        while let Some(survivor) = self.deals[deal].into {
            deal = survivor;
        }
        deal
    }

    /// Changes the deal that answers for this one, and owes a webhook, if `how` says that it did change.
    fn change(
        &mut self,
        deal: usize,
        now: Timestamp,
        kind: &'static str,
        how: impl FnOnce(&mut Truth, Timestamp) -> bool,
    ) {
        let deal = self.real(deal);
        // HubSpot's times are milliseconds, and every change has its own.
        self.now = Timestamp::from_millis(now.max(self.now).plus(Duration::from_millis(1)).as_millis());
        let at = self.now;
        let truth = &mut self.deals[deal];
        if truth.gone && kind != "restore" {
            return;
        }
        let before = truth.snapshot.clone();
        if !how(truth, at) {
            return;
        }
        truth.before = Some(before);
        truth.snapshot.modified = at;
        truth.owed = true;
        self.owe(deal, kind, at);
    }
}

impl Reader for Crm {
    async fn read(&self, deal: &DealKey) -> Result<Reading, Error> {
        let mut state = self.state();
        let vendor = Kind::Hubspot;
        match state.mood {
            Mood::Down => {
                return Err(Error::Unavailable { vendor, status: Some(503), what: "503".to_owned() });
            }
            Mood::Busy => return Err(Error::RateLimited { vendor, retry_after: READ_BUDGET }),
            Mood::Well | Mood::Odd => {}
        }
        let Some(asked) = state.deals.iter().position(|truth| truth.snapshot.deal == *deal) else {
            return Ok(Reading::Gone);
        };
        let real = state.real(asked);
        let lagging = state.mood == Mood::Odd;
        if lagging {
            // What was just read may be old: the product cannot know, so another webhook is owed.
            state.deals[asked].owed = true;
            state.deals[real].owed = true;
        }
        let truth = &state.deals[real];
        if truth.gone {
            return Ok(Reading::Gone);
        }
        let snapshot = truth.before.as_ref().filter(|_| lagging).unwrap_or(&truth.snapshot);
        Ok(Reading::Found(Box::new(snapshot.clone())))
    }

    fn pace(&self) -> Pace {
        Pace { reads_at_once: 8, read_time: Duration::ZERO, read_time_max: READ_BUDGET }
    }
}

fn amend(truth: &mut Truth, edit: Edit, companies: &[u64]) {
    let snapshot = &mut truth.snapshot;
    match edit {
        Edit::Amount => {
            let before = snapshot.amount.map_or(0, |amount| amount.minor);
            snapshot.amount = Some(Money::new(before + 10_000, Currency::USD));
        }
        Edit::CloseDate(days) => {
            let Some(CloseDate::Instant(at)) = snapshot.close_date else { return };
            let by = Duration::from_hours(24 * days.unsigned_abs());
            let moved = if days < 0 { at.minus(by) } else { at.plus(by) };
            snapshot.close_date = Some(CloseDate::Instant(moved));
        }
        Edit::Contact if snapshot.contacts.is_empty() => snapshot.contacts = vec![contact(truth.company)],
        Edit::Contact => snapshot.contacts.clear(),
        Edit::Owner => {
            let id = if snapshot.owner.as_ref().is_some_and(|owner| owner.id == "7") { 8 } else { 7 };
            snapshot.owner = Some(owner(id));
        }
        Edit::Account => {
            let now = snapshot.account.as_ref().map(|account| account.key.clone());
            let next =
                companies.iter().map(|company| account(*company)).find(|one| Some(&one.key) != now.as_ref());
            snapshot.account = next;
        }
    }
}

/// Deals 0 and 1 are of one company; the last deal has neither a company nor, at first, a contact.
fn open(ids: &Ids, n: usize, at: Timestamp) -> Truth {
    let last = n + 1 == DEALS;
    let company = ids.companies[n.saturating_sub(1) % ids.companies.len()];
    let snapshot = Snapshot {
        deal: deal_ref(ids.deals[n]).deal,
        name: format!("Deal {n}"),
        account: (!last).then(|| account(company)),
        owner: Some(owner(7)),
        contacts: if last { Vec::new() } else { vec![contact(company)] },
        amount: Some(Money::new(1_000_000, Currency::USD)),
        amount_problem: None,
        stage: "negotiation".to_owned(),
        status: Status::Open,
        close_date: Some(CloseDate::Instant(at)),
        won_at: None,
        deal_type: None,
        modified: at,
    };
    Truth { snapshot, before: None, gone: false, into: None, owed: false, company }
}

fn account(company: u64) -> Account {
    let key = AccountKey::hubspot(PORTAL, &company.to_string()).expect("a number is an id");
    Account { key, name: format!("Company {company}") }
}

fn owner(id: u32) -> Person {
    Person {
        id: id.to_string(),
        first_name: Some("Mia".into()),
        last_name: Some("Brandt".into()),
        email: Some(format!("owner-{id}@vendor.example").as_str().into()),
    }
}

fn contact(company: u64) -> Contact {
    Contact {
        id: company.to_string(),
        roles: vec!["primary_contact".to_owned()],
        first_name: Some("Ann".into()),
        last_name: Some("Weber".into()),
        email: Some(address(company).as_str().into()),
        opted_out: false,
        zone: None,
        country: None,
        language: None,
    }
}
