//! The records of both CRMs, and servers that answer for them like HubSpot's and Salesforce's APIs.
//!
//! Invariant: a record changes only by the calls here, each with its time; the servers never write.
//! Faults that a reader must survive can be turned on: an outage, a rate limit, dead credentials, reads
//! that lag behind, answers that are held back while the record moves on.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use afterglow_domain::{Crm, Currency, Timestamp};
use axum::Router;
use axum::response::Html;
use tokio::sync::watch;

use crate::shared::Shared;

mod deal;
mod hubspot;
mod salesforce;
mod soql;
pub mod webhook;

pub use deal::{Company, Contact, Deal, Person};

/// Who the CRMs are and whom they let in.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The HubSpot private app's token.
    pub hubspot_token: String,
    /// The HubSpot portal's id.
    pub portal: i64,
    /// The consumer key of the Salesforce client-credentials flow.
    pub salesforce_key: String,
    /// Its secret.
    pub salesforce_secret: String,
    /// The Salesforce org's id, 18 characters.
    pub org18: String,
    /// The company currency of both.
    pub currency: Currency,
    /// Whether the Salesforce org has more than one currency: only then has a record `CurrencyIsoCode`.
    pub multi_currency: bool,
}

/// The demo's values; its secrets open nothing but a sandbox on loopback.
impl Default for Settings {
    fn default() -> Self {
        Self {
            hubspot_token: "sandbox-hubspot-token".to_owned(),
            portal: 24_801,
            salesforce_key: "sandbox-salesforce-key".to_owned(),
            salesforce_secret: "sandbox-salesforce-secret".to_owned(),
            org18: "00Dxx0000001gPFEAY".to_owned(),
            currency: Currency::USD,
            multi_currency: false,
        }
    }
}

/// What is wrong with a CRM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Every call gets 503.
    Outage,
    /// Every call gets the vendor's rate-limit answer (HubSpot 429, Salesforce 403).
    RateLimit,
    /// Every call gets 401, whatever its token.
    Unauthorised,
    /// Every call gets a page for people with status 200, as when something in between is being repaired.
    Nonsense,
}

/// What [`Trouble::Nonsense`] answers.
const NONSENSE: Html<&str> = Html("<!doctype html><title>Maintenance</title>We are back soon.");

/// The records of both CRMs.
#[derive(Clone)]
pub struct Records {
    state: Shared<State>,
    settings: Arc<Settings>,
    base: Arc<str>,
    held: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    entries: BTreeMap<String, Entry>,
    /// The first deal in which somebody or a company stood, by CRM and id; whoever uses it looks whether they
    /// still do.
    holders: HashMap<(Crm, String), String>,
    hubspot_trouble: Option<Trouble>,
    salesforce_trouble: Option<Trouble>,
    reads: HashMap<String, u64>,
    session: u64,
}

struct Entry {
    now: Version,
    before: Option<Version>,
    stale_reads: u32,
}

/// One state of one record.
#[derive(Clone)]
pub(crate) struct Version {
    pub(crate) deal: Deal,
    /// Every stage it came into, oldest first.
    pub(crate) moves: Vec<(String, Timestamp)>,
    pub(crate) modified: Timestamp,
    pub(crate) deleted: bool,
    merged_into: Option<String>,
}

impl Records {
    pub(crate) fn new(settings: Settings, base: String) -> Self {
        let state = Shared::new(State::default());
        Self { state, settings: Arc::new(settings), base: base.into(), held: watch::Sender::new(false) }
    }

    /// Who the CRMs are.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Adds a deal, or replaces the one with its id.
    pub fn put(&self, deal: Deal, at: Timestamp) {
        let moves = vec![(deal.stage.clone(), at)];
        let id = deal.id.clone();
        let now = Version { deal, moves, modified: at, deleted: false, merged_into: None };
        self.state.with(|state| {
            state.hold(&now.deal);
            state.entries.insert(id, Entry { now, before: None, stale_reads: 0 })
        });
    }

    /// Moves a deal to a stage (HubSpot's stage id, Salesforce's stage name).
    pub fn set_stage(&self, id: &str, stage: &str, at: Timestamp) {
        self.change(id, at, |version| {
            stage.clone_into(&mut version.deal.stage);
            version.moves.push((stage.to_owned(), at));
        });
    }

    /// Changes anything else of a deal.
    pub fn amend(&self, id: &str, at: Timestamp, amend: impl FnOnce(&mut Deal)) {
        self.change(id, at, |version| amend(&mut version.deal));
    }

    /// Deletes a deal.
    pub fn delete(&self, id: &str, at: Timestamp) {
        self.change(id, at, |version| version.deleted = true);
    }

    /// Takes a deletion back.
    pub fn restore(&self, id: &str, at: Timestamp) {
        self.change(id, at, |version| version.deleted = false);
    }

    /// Merges one HubSpot deal into another: from now on the old id answers with the survivor.
    /// Salesforce cannot merge opportunities.
    pub fn merge(&self, loser: &str, survivor: &str, at: Timestamp) {
        self.change(loser, at, |version| version.merged_into = Some(survivor.to_owned()));
        self.change(survivor, at, |_| ());
    }

    /// The deal as it is now, whatever a reader sees.
    pub fn deal(&self, id: &str) -> Option<Deal> {
        self.state.with(|state| state.entries.get(id).map(|entry| entry.now.deal.clone()))
    }

    /// The next `reads` reads of a deal answer its state before the last change.
    pub fn lag(&self, id: &str, reads: u32) {
        self.state
            .with(|state| state.entries.get_mut(id).into_iter().for_each(|entry| entry.stale_reads = reads));
    }

    /// Turns trouble of one CRM on or off; the other one goes on.
    pub fn set_trouble(&self, crm: Crm, trouble: Option<Trouble>) {
        self.state.with(|state| *state.trouble(crm) = trouble);
    }

    /// Ends every Salesforce session: the next call with an old token gets 401.
    pub fn expire_sessions(&self) {
        self.state.with(|state| state.session += 1);
    }

    /// While held, an answer is made when it is asked for, and given only after the release.
    pub fn hold_answers(&self, hold: bool) {
        self.held.send_replace(hold);
    }

    /// How often a deal was read.
    pub fn reads(&self, id: &str) -> u64 {
        self.state.with(|state| state.reads.get(id).copied().unwrap_or(0))
    }

    fn change(&self, id: &str, at: Timestamp, change: impl FnOnce(&mut Version)) {
        self.state.with(|state| {
            let Some(entry) = state.entries.get_mut(id) else { return };
            entry.before = Some(entry.now.clone());
            change(&mut entry.now);
            entry.now.modified = at;
            let deal = entry.now.deal.clone();
            state.hold(&deal);
        });
    }

    /// What a reader sees of a deal: deleted ones too, and under a merged id the survivor.
    fn read(&self, crm: Crm, id: &str) -> Option<Version> {
        self.state.with(|state| {
            let mut entry = state.entries.get_mut(id)?;
            // A deal that was merged may be merged again; each step is another deal.
            let mut steps = 0;
            while let Some(survivor) = entry.now.merged_into.clone().filter(|_| steps < 10) {
                entry = state.entries.get_mut(&survivor)?;
                steps += 1;
            }
            if entry.now.deal.crm != crm {
                return None;
            }
            *state.reads.entry(entry.now.deal.id.clone()).or_default() += 1;
            if entry.stale_reads == 0 {
                return Some(entry.now.clone());
            }
            entry.stale_reads -= 1;
            Some(entry.before.as_ref().unwrap_or(&entry.now).clone())
        })
    }

    /// Every deal of a CRM that is not merged away.
    fn all(&self, crm: Crm) -> Vec<Version> {
        let mine = |version: &&Version| version.deal.crm == crm && version.merged_into.is_none();
        self.state
            .with(|state| state.entries.values().map(|entry| &entry.now).filter(mine).cloned().collect())
    }

    /// The deal of a CRM whose id begins so.
    fn id_of(&self, crm: Crm, prefix: &str) -> Option<String> {
        self.state.with(|state| {
            let mut from = state.entries.range(prefix.to_owned()..);
            let (id, entry) = from.next().filter(|(id, _)| id.starts_with(prefix))?;
            (entry.now.deal.crm == crm && entry.now.merged_into.is_none()).then(|| id.clone())
        })
    }

    /// What `find` finds in a deal where the person or the company of this id stands.
    fn find<T>(&self, crm: Crm, id: &str, find: impl Fn(&Version) -> Option<T>) -> Option<T> {
        self.state.with(|state| {
            let holder = state.holders.get(&(crm, id.to_owned())).and_then(|deal| state.entries.get(deal));
            let mine = |version: &&Version| version.deal.crm == crm && version.merged_into.is_none();
            let known = holder.map(|entry| &entry.now).filter(mine).and_then(&find);
            known.or_else(|| state.entries.values().map(|entry| &entry.now).filter(mine).find_map(find))
        })
    }

    fn trouble(&self, crm: Crm) -> Option<Trouble> {
        self.state.with(|state| *state.trouble(crm))
    }

    fn session(&self) -> String {
        format!("sandbox-session-{}", self.state.with(|state| state.session))
    }

    /// Waits while answers are held.
    async fn released(&self) {
        // An error means that no sender is left; then nothing is held.
        let _ = self.held.subscribe().wait_for(|held| !held).await;
    }
}

impl State {
    fn hold(&mut self, deal: &Deal) {
        let people = deal.contacts.iter().map(|contact| &contact.person).chain(&deal.owner);
        let ids = people.map(|person| &person.id).chain(deal.company.iter().map(|company| &company.id));
        for id in ids {
            self.holders.entry((deal.crm, id.clone())).or_insert_with(|| deal.id.clone());
        }
    }

    fn trouble(&mut self, crm: Crm) -> &mut Option<Trouble> {
        match crm {
            Crm::Hubspot => &mut self.hubspot_trouble,
            Crm::Salesforce => &mut self.salesforce_trouble,
        }
    }
}

pub(crate) fn router(records: &Records) -> Router {
    hubspot::router(records).merge(salesforce::router(records))
}
