//! Reading opportunities from Salesforce's query API. Source: Salesforce, "REST API Developer Guide".
//!
//! One read is one SOQL query with the account, the owner and the contact roles, and for a won
//! opportunity one more over its history. Fields that an org may lack are left out once the org says
//! so. Deliberately absent: writing back, the Pub/Sub API, other logins than client credentials.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};

use afterglow_domain::{AccountKey, Crm, Currency, DealKey, Timestamp};
use afterglow_rate::Limiter;
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;

use super::id::to18;
use crate::metric;
use crate::quota::Pace;
use crate::read::{Error, Reader, Reading};
use crate::role;
use crate::snapshot::{Account, CloseDate, Snapshot, Status};
use crate::transport::{Answer, Transport};

mod assemble;
mod session;
mod soql;
mod status;
mod wire;

use session::Session;
use status::Refusal;

/// What a client needs to know of its connection.
#[derive(Debug, Clone)]
pub struct Options {
    /// The org's own host, `https://NAME.my.salesforce.com`: client credentials work nowhere else.
    pub base_url: String,
    /// The external client app's consumer key.
    pub client_id: String,
    /// Its consumer secret.
    pub client_secret: SecretString,
    /// The organisation's id in its 18-character form; keys are made with it.
    pub org18: String,
    /// The currency of an org that has only one, which its API does not tell.
    pub fallback_currency: Option<Currency>,
    /// `v66.0`.
    pub api_version: String,
    /// Salesforce counts per day (100,000 and more), not per second; this smooths bursts.
    pub requests_per_10s: NonZeroU32,
}

impl Options {
    /// API version 66.0, 100 requests in 10 seconds.
    pub fn new(base_url: String, org18: String, client_id: String, client_secret: SecretString) -> Self {
        Self {
            base_url,
            client_id,
            client_secret,
            org18,
            fallback_currency: None,
            api_version: "v66.0".to_owned(),
            requests_per_10s: NonZeroU32::new(100).expect("100 is not zero"),
        }
    }
}

/// Reads the opportunities of one org.
pub struct Client {
    http: reqwest::Client,
    options: Options,
    transport: Transport,
    session: Session,
    /// Fields and objects that this org does not have or does not show us.
    missing: Mutex<BTreeSet<&'static str>>,
}

impl Reader for Client {
    async fn read(&self, deal: &DealKey) -> Result<Reading, Error> {
        let foreign =
            || invalid(format!("{deal} is not an opportunity of organisation {}", self.options.org18));
        // Only letters and digits pass `to18`: nothing else ever stands between the quotes of a query.
        let id = to18(deal.object()).ok_or_else(foreign)?;
        if DealKey::salesforce(&self.options.org18, &id).as_ref() != Ok(deal) {
            return Err(foreign());
        }
        // Boxed, because requests with their retries make a large future.
        self.transport.within_budget(Box::pin(self.find(&id))).await
    }

    fn pace(&self) -> Pace {
        self.transport.pace()
    }
}

impl Client {
    /// The same client with turns from this limiter, which gives the rate of the options.
    #[must_use]
    pub fn limited(mut self, limiter: Limiter) -> Self {
        self.transport.limit(limiter);
        self
    }

    /// A client that sends through `http`, which brings timeouts and TLS.
    pub fn new(options: Options, http: reqwest::Client) -> Self {
        Self {
            http,
            transport: Transport::new(Crm::Salesforce, options.requests_per_10s),
            session: Session::default(),
            missing: Mutex::default(),
            options,
        }
    }

    async fn find(&self, id18: &str) -> Result<Reading, Error> {
        let Some(found) = self.opportunity(id18).await? else { return Ok(Reading::Gone) };
        if found.is_deleted {
            return Ok(Reading::Gone);
        }
        let status = found.status();
        let won_at = if status == Status::Won { self.won_at(id18, &found).await? } else { None };
        let (amount, amount_problem) = assemble::amount(&found, self.options.fallback_currency);
        let id = id18_of(&found.id)?;
        let deal =
            DealKey::salesforce(&self.options.org18, &id).map_err(|error| invalid(error.to_string()))?;
        Ok(Reading::Found(Box::new(Snapshot {
            deal,
            account: self.account(&found)?,
            owner: assemble::owner(&found),
            contacts: role::settle(assemble::contacts(&found)?),
            amount,
            amount_problem,
            won_at,
            status,
            close_date: found.close_date.map(CloseDate::Day),
            deal_type: found.kind.as_deref().and_then(role::slug),
            modified: instant(&found.modified)?,
            name: found.name.unwrap_or_default(),
            stage: found.stage_name,
        })))
    }

    /// The opportunity, asked for with as many of the optional fields as the org has.
    async fn opportunity(&self, id18: &str) -> Result<Option<wire::Opportunity>, Error> {
        loop {
            let missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner).clone();
            match self.query(&soql::opportunity(id18, &missing)).await? {
                Ok(found) => return Ok(found.into_iter().next()),
                Err(refusal) => {
                    let absent = refusal.missing_column().and_then(soql::optional);
                    let new = absent.filter(|field| !missing.contains(field));
                    // Each turn leaves out one more of a fixed list, so this ends.
                    let field = new.ok_or_else(|| refusal.into_error())?;
                    self.forget(field);
                }
            }
        }
    }

    /// When the opportunity came into its won stage: from its history where that is readable, otherwise
    /// from the last change of stage, otherwise from the last change at all.
    async fn won_at(&self, id18: &str, found: &wire::Opportunity) -> Result<Option<Timestamp>, Error> {
        let known = !self.missing.lock().unwrap_or_else(PoisonError::into_inner).contains(soql::HISTORY);
        if known {
            match self.query::<wire::HistoryRow>(&soql::history(id18)).await? {
                Ok(rows) => {
                    if let Some(at) = assemble::won_at(&rows, &found.stage_name)? {
                        return Ok(Some(at));
                    }
                }
                Err(_) => self.forget(soql::HISTORY),
            }
        }
        let fallback = found.last_stage_change.as_ref().unwrap_or(&found.modified);
        instant(fallback).map(Some)
    }

    fn forget(&self, name: &'static str) {
        tracing::info!(org = %self.options.org18, name, "this org does not show it: reading goes on without");
        self.missing.lock().unwrap_or_else(PoisonError::into_inner).insert(name);
    }

    fn account(&self, found: &wire::Opportunity) -> Result<Option<Account>, Error> {
        let Some(id) = &found.account_id else { return Ok(None) };
        let key = AccountKey::salesforce(&self.options.org18, &id18_of(id)?);
        let key = key.map_err(|error| invalid(error.to_string()))?;
        let name = found.account.as_ref().and_then(|account| account.name.clone()).unwrap_or_default();
        Ok(Some(Account { key, name }))
    }

    /// Runs one query; a session that has ended is renewed once.
    async fn query<T: DeserializeOwned>(&self, soql: &str) -> Result<Result<Vec<T>, Refusal>, Error> {
        let mut renewed = false;
        loop {
            let token = self.session.token(&self.transport, &self.http, &self.options).await?;
            let url = format!("{}/services/data/{}/query", token.instance_url, self.options.api_version);
            let build =
                || self.http.get(&url).query(&[("q", soql)]).bearer_auth(token.access_token.expose_secret());
            let answer = self.transport.call(build, status::judge).await?;
            self.measure(&answer);
            match answer.status.as_u16() {
                401 if renewed => return Err(status::unauthorised(401)),
                401 => {
                    self.session.end(&token).await;
                    renewed = true;
                }
                400 => return Refusal::of(&answer).map(Err),
                _ => return answer.read::<wire::Found<T>>("a query's result").map(|found| Ok(found.records)),
            }
        }
    }

    /// `Sforce-Limit-Info: api-usage=18/5000`.
    fn measure(&self, answer: &Answer) {
        let info = answer.headers.get("sforce-limit-info").and_then(|value| value.to_str().ok());
        let usage = info.and_then(|info| info.split(';').next()?.trim().strip_prefix("api-usage="));
        let Some((used, allowed)) = usage.and_then(|usage| usage.split_once('/')) else { return };
        for (name, number) in [(metric::SALESFORCE_API_USED, used), (metric::SALESFORCE_API_ALLOWED, allowed)]
        {
            if let Ok(number) = number.trim().parse::<u32>() {
                metrics::gauge!(name, "org" => self.options.org18.clone()).set(f64::from(number));
            }
        }
    }
}

fn id18_of(id: &str) -> Result<String, Error> {
    to18(id).ok_or_else(|| invalid("an id that is not one of Salesforce's".to_owned()))
}

fn instant(text: &str) -> Result<Timestamp, Error> {
    text.parse().map_err(|_| invalid("a time that is not of Salesforce's form".to_owned()))
}

fn invalid(what: String) -> Error {
    Error::Invalid { vendor: Crm::Salesforce, what }
}

#[cfg(test)]
mod tests;
