//! `[[connection]]`: one HubSpot portal or Salesforce org each.

use std::collections::BTreeMap;

use afterglow_domain::{ConnectionId, Crm, Currency, Tenant};
use jiff::tz::TimeZone;
use secrecy::SecretString;
use serde::Serialize;

use super::defaults;
use super::host::BaseUrl;
use super::problem::Code;
use super::secret::fits_a_path;
use super::section::Section;
use super::show::{hidden, hidden_list};

/// A configured CRM.
#[derive(Debug, Clone, Serialize)]
pub struct Connection {
    /// Stands in the webhook's path and in ids: never change it.
    pub id: ConnectionId,
    /// Whose customers these are.
    pub tenant: Tenant,
    /// What is particular to the CRM.
    #[serde(flatten)]
    pub account: CrmAccount,
    /// One or two: HubSpot's client secret, or Salesforce's path token. The first is the current one.
    #[serde(serialize_with = "hidden_list")]
    pub secrets: Vec<SecretString>,
    /// The CRM's API.
    pub base_url: BaseUrl,
    /// How the CRM reaches the edge; HubSpot signs it.
    pub public_url: BaseUrl,
    /// The zone for customers whose own is unknown; a name of the IANA list.
    pub zone: String,
    /// The currency of amounts that come without one; `None` leaves such amounts unknown.
    pub currency: Option<Currency>,
    /// Requests in ten seconds, over all replicas.
    pub rate_per_10s: u32,
    /// HubSpot: stage ids that count as won; empty means the portal's own closed-won stages.
    pub won_stages: Vec<String>,
}

/// What is particular to the CRM.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum CrmAccount {
    /// A HubSpot portal.
    Hubspot {
        /// The portal's number; events of another portal are refused.
        portal_id: i64,
        /// A private app's access token.
        #[serde(serialize_with = "hidden")]
        token: SecretString,
        /// Whether signature v1, which covers neither the address nor the time, is accepted.
        allow_v1: bool,
    },
    /// A Salesforce org.
    Salesforce {
        /// The org's id as configured, 15 or 18 characters.
        org_id: String,
        /// The connected app's consumer key (client credentials flow).
        client_id: String,
        /// The connected app's consumer secret.
        #[serde(serialize_with = "hidden")]
        client_secret: SecretString,
    },
}

impl Connection {
    /// Which CRM.
    pub fn kind(&self) -> Crm {
        match self.account {
            CrmAccount::Hubspot { .. } => Crm::Hubspot,
            CrmAccount::Salesforce { .. } => Crm::Salesforce,
        }
    }

    /// The zone's rules.
    pub fn time_zone(&self) -> TimeZone {
        TimeZone::get(&self.zone).expect("the zone was looked up when the configuration was read")
    }

    pub(super) fn read(section: &Section<'_>, http_public_url: Option<&BaseUrl>) -> Option<Self> {
        let kind = kind(section);
        let id = section.required("id", Code::Value);
        let tenant = section.required("tenant", Code::Value);
        let account = match kind {
            Some(Crm::Hubspot) => hubspot(section),
            Some(Crm::Salesforce) => salesforce(section),
            None => None,
        };
        let secrets = section.secrets("secrets", defaults::WEBHOOK_SECRET_BYTES_MIN);
        if kind == Some(Crm::Salesforce) && !secrets.iter().all(fits_a_path) {
            section.note(Code::SecretWeak, "secrets", "a path token has only letters, digits, - and _");
        }
        let default_url = (kind == Some(Crm::Hubspot)).then_some(defaults::HUBSPOT_URL);
        let base_url = section.outbound_url("base_url", default_url);
        let public_url = section.url("public_url").or_else(|| http_public_url.cloned());
        let zone = zone(section);
        let currency = section.parsed_with("currency", Code::Value, Currency::new);
        let rate_per_10s = section.number("rate_per_10s", defaults::RATE_PER_10S, &(1..=10_000));
        let won_stages = section.texts("won_stages");
        if kind == Some(Crm::Salesforce) && !won_stages.is_empty() {
            section.note(Code::Together, "won_stages", "is for HubSpot: Salesforce says itself what is won");
        }
        if kind.is_some() {
            section.finish();
        }
        Some(Self {
            id: id?,
            tenant: tenant?,
            account: account?,
            secrets,
            base_url: base_url?,
            public_url: public_url?,
            zone: zone?,
            currency,
            rate_per_10s,
            won_stages,
        })
    }
}

fn kind(section: &Section<'_>) -> Option<Crm> {
    section.require("kind");
    match section.text("kind")?.as_str() {
        "hubspot" => Some(Crm::Hubspot),
        "salesforce" => Some(Crm::Salesforce),
        other => {
            let message = format!("is {other:?}; it must be \"hubspot\" or \"salesforce\"");
            section.note(Code::Value, "kind", message);
            None
        }
    }
}

fn hubspot(section: &Section<'_>) -> Option<CrmAccount> {
    const ID: std::ops::RangeInclusive<u64> = 1..=u64::MAX >> 1;
    section.require("portal_id");
    let portal_id = section.optional_number("portal_id", &ID);
    section.require("token");
    let token = section.secret("token", defaults::GIVEN_SECRET_BYTES_MIN);
    let allow_v1 = section.flag("allow_v1", false);
    Some(CrmAccount::Hubspot { portal_id: portal_id?, token: token?, allow_v1 })
}

fn salesforce(section: &Section<'_>) -> Option<CrmAccount> {
    section.require("org_id");
    let org_id = section.text("org_id");
    let is_org = |id: &&String| matches!(id.len(), 15 | 18) && id.bytes().all(|b| b.is_ascii_alphanumeric());
    if let Some(id) = org_id.as_ref().filter(|id| !is_org(id) || !id.starts_with("00D")) {
        let message = format!("is {id:?}; an org's id starts with 00D and has 15 or 18 letters and digits");
        section.note(Code::Value, "org_id", message);
    }
    section.require("client_id");
    let client_id = section.text("client_id");
    section.require("client_secret");
    let client_secret = section.secret("client_secret", defaults::GIVEN_SECRET_BYTES_MIN);
    Some(CrmAccount::Salesforce { org_id: org_id?, client_id: client_id?, client_secret: client_secret? })
}

fn zone(section: &Section<'_>) -> Option<String> {
    section.require("zone");
    let name = section.text("zone")?;
    if TimeZone::get(&name).is_err() {
        section.note(Code::Zone, "zone", format!("{name:?} is not a zone of the IANA list"));
    }
    Some(name)
}

/// Ids must be unique: they stand in paths, record keys and event ids.
pub(super) fn refuse_duplicates(connections: &[Section<'_>]) {
    let mut seen = BTreeMap::new();
    for (index, section) in connections.iter().enumerate() {
        let Some(id) = section.peek("id") else { continue };
        if let Some(first) = seen.insert(id, index) {
            section.note(Code::Duplicate, "id", format!("{id} is also the id of connection[{first}]"));
        }
    }
}
