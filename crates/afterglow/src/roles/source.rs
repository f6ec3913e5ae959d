//! The CRMs of the configuration, as the edge and the resolver need them.

use afterglow_crm::hubspot::signature::Verifier;
use afterglow_crm::{Error, Pace, Reader, Reading, Secrets, hubspot, salesforce};
use afterglow_domain::DealKey;
use afterglow_ingest::edge::{EdgeConnection, EdgeKind};
use afterglow_ingest::resolver;
use afterglow_rate::{Limiter, Rate};
use afterglow_service::config::{Connection, CrmAccount};
use afterglow_service::http_client;
use anyhow::Context as _;
use secrecy::SecretString;

/// Either CRM's reader.
pub(crate) enum Source {
    /// HubSpot.
    Hubspot(hubspot::api::Client),
    /// Salesforce.
    Salesforce(salesforce::api::Client),
}

impl Reader for Source {
    async fn read(&self, deal: &DealKey) -> Result<Reading, Error> {
        match self {
            Self::Hubspot(client) => client.read(deal).await,
            Self::Salesforce(client) => client.read(deal).await,
        }
    }

    fn pace(&self) -> Pace {
        match self {
            Self::Hubspot(client) => client.pace(),
            Self::Salesforce(client) => client.pace(),
        }
    }
}

/// The connection as the edge checks it.
pub(crate) fn edge(connection: &Connection) -> anyhow::Result<EdgeConnection> {
    let secrets = secrets(&connection.secrets)?;
    let kind = match &connection.account {
        CrmAccount::Hubspot { portal_id, allow_v1, .. } => {
            EdgeKind::Hubspot { portal: *portal_id, verifier: Verifier { secrets, allow_v1: *allow_v1 } }
        }
        CrmAccount::Salesforce { org_id, .. } => {
            EdgeKind::Salesforce { org18: org18(org_id)?, tokens: secrets }
        }
    };
    Ok(EdgeConnection {
        id: connection.id.clone(),
        tenant: connection.tenant.clone(),
        public_url: connection.public_url.as_str().to_owned(),
        kind,
    })
}

/// The connection as the resolver reads it.
pub(crate) fn reader(
    connection: &Connection,
    system_proxy: bool,
    limiter: impl Fn(String, Rate) -> Limiter,
) -> anyhow::Result<resolver::Connection<Source>> {
    let options = http_client::Options { system_proxy, ..http_client::Options::default() };
    let http = http_client::build(&options)?;
    let base_url = connection.base_url.as_str().to_owned();
    let requests_per_10s = connection.rate_per_10s.try_into().context("a rate is at least 1")?;
    // Portals and organisations have rates, however many connections lead to them.
    let limiter = |account: String| limiter(account, afterglow_crm::rate(requests_per_10s));
    let reader = match &connection.account {
        CrmAccount::Hubspot { portal_id, token, .. } => {
            let options = hubspot::api::Options {
                base_url,
                fallback_currency: connection.currency,
                won_stages: connection.won_stages.clone(),
                requests_per_10s,
                ..hubspot::api::Options::new(*portal_id, token.clone())
            };
            let limiter = limiter(format!("hubspot/{portal_id}"));
            Source::Hubspot(hubspot::api::Client::new(options, http).limited(limiter))
        }
        CrmAccount::Salesforce { org_id, client_id, client_secret } => {
            let options = salesforce::api::Options {
                fallback_currency: connection.currency,
                requests_per_10s,
                ..salesforce::api::Options::new(
                    base_url,
                    org18(org_id)?,
                    client_id.clone(),
                    client_secret.clone(),
                )
            };
            let limiter = limiter(format!("salesforce/{org_id}"));
            Source::Salesforce(salesforce::api::Client::new(options, http).limited(limiter))
        }
    };
    Ok(resolver::Connection {
        id: connection.id.clone(),
        tenant: connection.tenant.clone(),
        zone: connection.time_zone(),
        reader,
    })
}

fn secrets(configured: &[SecretString]) -> anyhow::Result<Secrets> {
    let current = configured.first().context("a connection has at least one secret")?;
    Ok(Secrets::new(current.clone(), configured.get(1).cloned())?)
}

fn org18(org_id: &str) -> anyhow::Result<String> {
    salesforce::id::to18(org_id).with_context(|| format!("{org_id:?} is not a Salesforce organisation id"))
}
