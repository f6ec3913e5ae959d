//! The edge: takes webhooks and unsubscriptions, and says yes only once the log has them on disk.
//!
//! | input | answer | stored |
//! |---|---|---|
//! | not authentic, or for a connection that does not exist | 401, always the same | nothing |
//! | authentic, readable | 200, for Salesforce the exact `Ack` | one record per event |
//! | authentic, not readable (a DTD included) | 200, for Salesforce the `Ack` | raw, as `UNPARSED` |
//! | the log does not take all of it within the caller's patience | 503 with `Retry-After` | perhaps a part, harmlessly: hints coalesce |
//!
//! The third line is why a hostile document behind a valid token is acknowledged: it is refused by the
//! parser and looked at by nobody but a person, and a refusal would only make Salesforce send it again
//! for a day. Stateless, and ready while the log is away, so that the answer is ours. Deliberately
//! absent: limits on size and time (the server's), trust in `Host`, and reading anything from the CRM.

mod delivery;
mod hubspot;
mod meters;
mod salesforce;
mod unsubscribe;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use afterglow_crm::Secrets;
use afterglow_crm::hubspot::signature::Verifier;
use afterglow_domain::{Clocks, ConnectionId, Tenant};
use afterglow_durable::Trouble;
use afterglow_events::{Append, Encoding};
use afterglow_service::http::problem;
use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use http::StatusCode;
use meters::{Meters, SecretsUsed};
use secrecy::SecretString;
use uuid::Uuid;

/// How long the log may take: HubSpot waits five seconds, and the answer must still reach it.
pub const APPEND_TIMEOUT: Duration = Duration::from_secs(3);

/// When a sender may try again after a 503, in seconds.
const RETRY_AFTER_SECONDS: u32 = 5;

/// Makes the ids of raw records: random, since the resolver recognises repetitions by coalescing.
pub type NewId = Arc<dyn Fn() -> Uuid + Send + Sync>;

/// What the edge needs to know.
#[derive(Clone)]
pub struct EdgeOptions {
    /// Whose webhooks are taken.
    pub connections: Vec<EdgeConnection>,
    /// The keys that sign unsubscribe links, the current one first.
    pub unsubscribe_keys: Vec<SecretString>,
    /// How payloads are written.
    pub encoding: Encoding,
    /// How long the log may take before the answer is 503; see [`APPEND_TIMEOUT`].
    pub append_timeout: Duration,
    /// Where ids come from.
    pub new_id: NewId,
}

impl EdgeOptions {
    /// Options with everything but the connections and keys at its default.
    pub fn new(connections: Vec<EdgeConnection>, unsubscribe_keys: Vec<SecretString>) -> Self {
        Self {
            connections,
            unsubscribe_keys,
            encoding: Encoding::default(),
            append_timeout: APPEND_TIMEOUT,
            new_id: Arc::new(Uuid::new_v4),
        }
    }
}

/// A connection as the edge sees it.
#[derive(Debug, Clone)]
pub struct EdgeConnection {
    /// Its id, as in the webhook's path.
    pub id: ConnectionId,
    /// Whose customers these are.
    pub tenant: Tenant,
    /// How the CRM reaches the edge, without a slash at the end; HubSpot signs it.
    pub public_url: String,
    /// How its webhooks are told from a stranger's.
    pub kind: EdgeKind,
}

/// How a CRM's webhooks are told from a stranger's, and whose they must be.
#[derive(Debug, Clone)]
pub enum EdgeKind {
    /// Signed by HubSpot.
    Hubspot {
        /// The portal whose events are taken.
        portal: i64,
        /// The app's secrets, and whether v1 is good enough.
        verifier: Verifier,
    },
    /// With a token in the path.
    Salesforce {
        /// The organisation's id in its 18-character form.
        org18: String,
        /// The path tokens.
        tokens: Secrets,
    },
}

impl EdgeKind {
    /// The label in metrics and traces.
    fn source(&self) -> &'static str {
        match self {
            Self::Hubspot { .. } => hubspot::SOURCE,
            Self::Salesforce { .. } => salesforce::SOURCE,
        }
    }
}

/// What the handlers share.
struct Edge<A> {
    connections: BTreeMap<String, Known>,
    decoy: Decoy,
    hubspot: Meters,
    salesforce: Meters,
    options: EdgeOptions,
    log: A,
    clocks: Clocks,
    trouble: Trouble,
}

impl<A> Edge<A> {
    fn meters(&self, kind: &EdgeKind) -> &Meters {
        match kind {
            EdgeKind::Hubspot { .. } => &self.hubspot,
            EdgeKind::Salesforce { .. } => &self.salesforce,
        }
    }
}

/// A connection, and by which of its secrets its webhooks were known.
struct Known {
    connection: EdgeConnection,
    secrets_used: SecretsUsed,
}

/// What a request for a connection that does not exist is checked against, so that it takes as long.
struct Decoy {
    verifier: Verifier,
    tokens: Secrets,
}

impl Decoy {
    fn new(new_id: &NewId) -> Self {
        let secret = || SecretString::from(new_id().simple().to_string());
        let secrets =
            || Secrets::new(secret(), Some(secret())).expect("the text of a UUID has 32 characters");
        Self { verifier: Verifier { secrets: secrets(), allow_v1: false }, tokens: secrets() }
    }
}

/// The routes of the edge. They stand behind the hardened server of `afterglow_service::http`.
pub fn router<A: Append + Clone>(options: EdgeOptions, log: A, clocks: Clocks) -> Router {
    let known = |one: &EdgeConnection| {
        let known = Known { connection: one.clone(), secrets_used: SecretsUsed::of(&one.id) };
        (one.id.as_str().to_owned(), known)
    };
    let edge = Edge {
        connections: options.connections.iter().map(known).collect(),
        decoy: Decoy::new(&options.new_id),
        hubspot: Meters::of(hubspot::SOURCE),
        salesforce: Meters::of(salesforce::SOURCE),
        options,
        log,
        clocks,
        trouble: Trouble::new(crate::ROLE, "edge, answering 503", crate::codes::LOG_AWAY),
    };
    Router::new()
        .route("/webhooks/hubspot/{connection}", post(hubspot::receive::<A>))
        .route("/webhooks/salesforce/{connection}/{token}", post(salesforce::receive::<A>))
        .route("/u/{token}", get(unsubscribe::show::<A>).post(unsubscribe::act::<A>))
        .with_state(Arc::new(edge))
}

/// The one answer to everything that is not authentic.
fn unauthentic() -> Response {
    let detail = "The request is not signed as this address requires.";
    problem(StatusCode::UNAUTHORIZED, "unauthentic", "Not authentic", detail)
}

#[cfg(test)]
mod tests;
