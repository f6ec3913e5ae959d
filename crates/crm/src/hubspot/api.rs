//! Reading deals from HubSpot's CRM API (v3, associations v4). Source: HubSpot, "CRM API".
//!
//! One read is: the deal with its stage history and associations; then, side by side, its company,
//! owner and contacts with their labels. Pipelines, owners and the portal's currency are cached.
//! Deliberately absent: writing back, OAuth (a private app's token does not expire), search.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use afterglow_domain::{AccountKey, Crm, Currency, DealKey, Money, Timestamp};
use afterglow_rate::Limiter;
use http::StatusCode;
use moka::future::Cache;
use reqwest::RequestBuilder;
use secrecy::{ExposeSecret as _, SecretString};

use crate::quota::Pace;
use crate::read::{Error, Reader, Reading};
use crate::role;
use crate::snapshot::{Account, CloseDate, Contact, Person, Snapshot, Status, filled};
use crate::transport::{Answer, Transport};

mod assemble;
mod stages;
mod status;
mod wire;

use stages::Stages;

/// What a deal is asked for. `hs_is_closed*` are HubSpot's own view, used for stages it no longer lists.
const DEAL_PROPERTIES: &str = "dealname,amount,deal_currency_code,dealstage,pipeline,closedate,dealtype,\
    hubspot_owner_id,hs_is_closed,hs_is_closed_won,hs_lastmodifieddate";
const CONTACT_PROPERTIES: [&str; 7] =
    ["firstname", "lastname", "email", "hs_email_optout", "hs_timezone", "country", "hs_language"];
/// HubSpot's association type of a deal's primary company.
const PRIMARY_COMPANY: i64 = 5;
/// HubSpot reads at most this many objects in one batch.
const BATCH_MAX: usize = 100;
/// Pipelines change seldom, and an unknown stage refreshes them at once.
const PIPELINES_FRESH: Duration = Duration::from_mins(10);
/// Owners and the portal's currency change hardly ever.
const OWNERS_FRESH: Duration = Duration::from_hours(1);
/// A sales team of more people than this still works, only with more requests.
const OWNERS_MAX: u64 = 10_000;

/// What a client needs to know of its connection.
#[derive(Debug, Clone)]
pub struct Options {
    /// `https://api.hubapi.com`, or another server that answers like it.
    pub base_url: String,
    /// The private app's access token.
    pub token: SecretString,
    /// The portal's number; keys are made with it.
    pub portal: i64,
    /// The currency of deals that name none, where the portal's own cannot be read.
    pub fallback_currency: Option<Currency>,
    /// The stage ids that count as won; empty means closed with a probability of 1.0.
    pub won_stages: Vec<String>,
    /// HubSpot allows private apps 100 to 250 requests in 10 seconds.
    pub requests_per_10s: NonZeroU32,
}

impl Options {
    /// HubSpot's own server, 100 requests in 10 seconds, won as the pipelines say.
    pub fn new(portal: i64, token: SecretString) -> Self {
        Self {
            base_url: "https://api.hubapi.com".to_owned(),
            token,
            portal,
            fallback_currency: None,
            won_stages: Vec::new(),
            requests_per_10s: NonZeroU32::new(100).expect("100 is not zero"),
        }
    }
}

/// Reads the deals of one portal.
pub struct Client {
    http: reqwest::Client,
    options: Options,
    transport: Transport,
    stages: Cache<(), Arc<Stages>>,
    owners: Cache<String, Person>,
    currency: Cache<(), Option<Currency>>,
}

impl Reader for Client {
    async fn read(&self, deal: &DealKey) -> Result<Reading, Error> {
        let id = deal.object();
        if DealKey::hubspot(self.options.portal, id).as_ref() != Ok(deal) || !digits(id) {
            return Err(invalid(format!("{deal} is not a deal of portal {}", self.options.portal)));
        }
        // Boxed, because five requests side by side with their retries make a large future.
        self.transport.within_budget(Box::pin(self.find(id))).await
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
        let cache = |capacity, fresh| Cache::builder().max_capacity(capacity).time_to_live(fresh);
        Self {
            transport: Transport::new(Crm::Hubspot, options.requests_per_10s),
            stages: Cache::builder().max_capacity(1).time_to_live(PIPELINES_FRESH).build(),
            owners: cache(OWNERS_MAX, OWNERS_FRESH).build(),
            currency: Cache::builder().max_capacity(1).time_to_live(OWNERS_FRESH).build(),
            http,
            options,
        }
    }

    async fn find(&self, id: &str) -> Result<Reading, Error> {
        let query = [
            ("properties", DEAL_PROPERTIES),
            ("propertiesWithHistory", "dealstage"),
            ("associations", "companies,contacts"),
        ];
        let path = format!("/crm/v3/objects/deals/{id}");
        let answer = self.call(|| self.get(&path).query(&query)).await?;
        if answer.status == StatusCode::NOT_FOUND {
            // A stranger's 404 (a proxy's page, a wrong path) must not end anybody's journey.
            answer.read::<wire::Problem>("the answer to a missing deal")?;
            return Ok(Reading::Gone);
        }
        let deal: wire::Deal = answer.read("a deal")?;
        if deal.archived {
            return Ok(Reading::Gone);
        }
        Ok(Reading::Found(Box::new(self.snapshot(deal).await?)))
    }

    async fn snapshot(&self, deal: wire::Deal) -> Result<Snapshot, Error> {
        let stage = deal.property("dealstage").unwrap_or_default();
        let (stages, account, owner, contacts, (amount, amount_problem)) = tokio::try_join!(
            self.stages_with(&stage),
            self.account(&deal),
            self.owner(deal.property("hubspot_owner_id")),
            self.contacts(&deal),
            self.amount(&deal),
        )?;
        let status = stages.status(&stage).unwrap_or_else(|| deal.own_view());
        let close_date = deal.property("closedate").map(|at| instant("closedate", &at)).transpose()?;
        let modified = deal.updated_at.clone().or_else(|| deal.property("hs_lastmodifieddate"));
        let modified = modified.ok_or_else(|| invalid("a deal without updatedAt".to_owned()))?;
        let modified = instant("updatedAt", &modified)?;
        let entered = stages.won_at(&deal.stage_history()?).unwrap_or(modified);
        let won_at = (status == Status::Won).then_some(entered);
        Ok(Snapshot {
            deal: key(&deal.id, |id| DealKey::hubspot(self.options.portal, id))?,
            name: deal.property("dealname").unwrap_or_default(),
            account,
            owner,
            contacts,
            amount,
            amount_problem,
            won_at,
            stage,
            status,
            close_date: close_date.map(CloseDate::Instant),
            deal_type: deal.property("dealtype").and_then(|kind| assemble::deal_type(&kind)),
            modified,
        })
    }

    /// The meaning of the portal's stages; read afresh if `stage` is not among them.
    async fn stages_with(&self, stage: &str) -> Result<Arc<Stages>, Error> {
        let stages = self.stages().await?;
        if stages.status(stage).is_some() {
            return Ok(stages);
        }
        self.stages.invalidate(&()).await;
        self.stages().await
    }

    async fn stages(&self) -> Result<Arc<Stages>, Error> {
        let load = async {
            let answer = self.call(|| self.get("/crm/v3/pipelines/deals")).await?;
            let pipelines = answer.read::<wire::Results<wire::Pipeline>>("the pipelines")?;
            Ok(Arc::new(Stages::new(pipelines.results, &self.options.won_stages)))
        };
        self.stages.try_get_with((), load).await.map_err(shared)
    }

    async fn owner(&self, id: Option<String>) -> Result<Option<Person>, Error> {
        let Some(id) = id else { return Ok(None) };
        if !digits(&id) {
            return Err(invalid("a hubspot_owner_id that is no number".to_owned()));
        }
        let path = format!("/crm/v3/owners/{id}");
        let load = async {
            let answer = self.call(|| self.get(&path)).await?;
            if answer.status == StatusCode::NOT_FOUND {
                // Somebody who left: the deal still says whose it was.
                let id = id.clone();
                return Ok(Person { id, first_name: None, last_name: None, email: None });
            }
            Ok(assemble::owner(id.clone(), answer.read("an owner")?))
        };
        self.owners.try_get_with(id.clone(), load).await.map(Some).map_err(shared)
    }

    /// The primary company, or the only one; of several without a primary one the oldest.
    async fn account(&self, deal: &wire::Deal) -> Result<Option<Account>, Error> {
        let mut companies = deal.associated("companies");
        if companies.len() > 1 {
            let links = self.links(&deal.id, "companies").await?;
            let primary = |link: &&wire::Link| link.types.iter().any(|kind| kind.type_id == PRIMARY_COMPANY);
            if let Some(primary) = links.iter().find(primary) {
                companies = vec![primary.to.clone()];
            }
        }
        let Some(company) = companies.into_iter().min_by(|a, b| (a.len(), a).cmp(&(b.len(), b))) else {
            return Ok(None);
        };
        let key = key(&company, |id| AccountKey::hubspot(self.options.portal, id))?;
        let found = self.objects("companies", &["name"], &[company]).await?;
        Ok(found.into_iter().next().map(|object| Account {
            key,
            name: filled(object.properties.get("name").cloned().flatten()).unwrap_or_default(),
        }))
    }

    async fn contacts(&self, deal: &wire::Deal) -> Result<Vec<Contact>, Error> {
        if deal.associated("contacts").is_empty() {
            return Ok(Vec::new());
        }
        let links = self.links(&deal.id, "contacts").await?;
        let mut roles: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for link in links {
            let labels = link.types.iter().filter_map(|kind| kind.label.as_deref().and_then(role::slug));
            roles.entry(link.to).or_default().extend(labels);
        }
        let ids: Vec<String> = roles.keys().cloned().collect();
        let mut contacts = Vec::with_capacity(ids.len());
        for batch in ids.chunks(BATCH_MAX) {
            for object in self.objects("contacts", &CONTACT_PROPERTIES, batch).await? {
                let roles = roles.remove(&object.id).unwrap_or_default();
                contacts.push(assemble::contact(object, roles));
            }
        }
        Ok(role::settle(contacts))
    }

    async fn amount(&self, deal: &wire::Deal) -> Result<(Option<Money>, Option<String>), Error> {
        let Some(amount) = deal.property("amount") else { return Ok((None, None)) };
        let currency = match deal.property("deal_currency_code") {
            Some(code) => Currency::new(&code).map_err(|error| error.to_string()),
            None => self.portal_currency().await?.or(self.options.fallback_currency).ok_or_else(|| {
                "the deal names no currency and the portal's cannot be read: set the connection's currency".to_owned()
            }),
        };
        Ok(
            match currency
                .and_then(|code| Money::parse_decimal(&amount, code).map_err(|error| error.to_string()))
            {
                Ok(money) => (Some(money), None),
                Err(problem) => (None, Some(problem)),
            },
        )
    }

    /// The portal's own currency; `None` where the token may not read it.
    async fn portal_currency(&self) -> Result<Option<Currency>, Error> {
        let load = async {
            match self.call(|| self.get("/account-info/v3/details")).await {
                Ok(answer) if answer.status == StatusCode::NOT_FOUND => Ok(None),
                Ok(answer) => {
                    let details: wire::AccountInfo = answer.read("the account's details")?;
                    Ok(details.company_currency.and_then(|code| Currency::new(&code).ok()))
                }
                Err(Error::Unauthorised { status: 403, .. }) => Ok(None),
                Err(error) => Err(error),
            }
        };
        self.currency.try_get_with((), load).await.map_err(shared)
    }

    /// The deal's associations with their labels.
    async fn links(&self, deal: &str, to: &str) -> Result<Vec<wire::Link>, Error> {
        let path = format!("/crm/v4/associations/deals/{to}/batch/read");
        let body = serde_json::json!({ "inputs": [{ "id": deal }] });
        let answer = self.call(|| self.post(&path).json(&body)).await?;
        let found: wire::Batch<wire::Links> = answer.read("associations")?;
        Ok(found.complete()?.into_iter().flat_map(|links| links.to).collect())
    }

    /// Objects by id; those that are gone are left out.
    async fn objects(&self, kind: &str, wanted: &[&str], ids: &[String]) -> Result<Vec<wire::Object>, Error> {
        let path = format!("/crm/v3/objects/{kind}/batch/read");
        let inputs: Vec<_> = ids.iter().map(|id| serde_json::json!({ "id": id })).collect();
        let body = serde_json::json!({ "properties": wanted, "inputs": inputs });
        let answer = self.call(|| self.post(&path).json(&body)).await?;
        answer.read::<wire::Batch<wire::Object>>("a batch of objects")?.complete()
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(self.url(path)).bearer_auth(self.options.token.expose_secret())
    }

    fn post(&self, path: &str) -> RequestBuilder {
        self.http.post(self.url(path)).bearer_auth(self.options.token.expose_secret())
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.options.base_url.trim_end_matches('/'))
    }

    async fn call(&self, build: impl Fn() -> RequestBuilder + Send + Sync) -> Result<Answer, Error> {
        self.transport.call(build, status::judge).await
    }
}

fn instant(field: &str, text: &str) -> Result<Timestamp, Error> {
    assemble::instant(text).ok_or_else(|| invalid(format!("{field} is not an instant")))
}

fn key<K, E: std::fmt::Display>(id: &str, form: impl Fn(&str) -> Result<K, E>) -> Result<K, Error> {
    let key = form(id).map_err(|error| invalid(error.to_string()));
    if digits(id) { key } else { Err(invalid("an id that is no number".to_owned())) }
}

fn digits(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit())
}

fn invalid(what: String) -> Error {
    Error::Invalid { vendor: Crm::Hubspot, what }
}

/// The error of a load that several readers waited for.
fn shared(error: Arc<Error>) -> Error {
    Arc::unwrap_or_clone(error)
}

#[cfg(test)]
mod tests;
