//! `POST /webhooks/salesforce/{connection}/{token}`.

use std::sync::Arc;

use afterglow_crm::salesforce::{outbound, reply, token};
use afterglow_crm::{Split, Unusable};
use afterglow_events::Append;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderName, StatusCode, header};
use tokio::time::Instant;

use super::delivery::LogAway;
use super::meters::Outcome;
use super::{Edge, EdgeConnection, EdgeKind, RETRY_AFTER_SECONDS, unauthentic};
use crate::codes;

/// The label in metrics and traces.
pub(super) const SOURCE: &str = "salesforce";

/// Checks the token, divides the document, stores every notification, acknowledges exactly.
pub(super) async fn receive<A: Append + Clone>(
    State(edge): State<Arc<Edge<A>>>,
    Path((connection, token)): Path<(String, String)>,
    body: Bytes,
) -> Response {
    let began = Instant::now();
    let delivery =
        verified(&edge, &connection, &token).map(|(connection, org18)| (connection, divided(&body, org18)));
    // As with HubSpot: nothing of the request waits for the log.
    drop(body);
    let (outcome, response) = match delivery {
        None => (Outcome::Unauthentic, unauthentic()),
        Some((connection, split)) => match edge.store(connection, split).await {
            Ok(_) => (Outcome::Accepted, soap(StatusCode::OK, reply::ACK.to_owned())),
            Err(LogAway) => (Outcome::Unavailable, unavailable()),
        },
    };
    edge.salesforce.answered(outcome, began.elapsed());
    response
}

/// The connection whose token was presented, and its organisation.
fn verified<'e, A>(
    edge: &'e Edge<A>,
    connection: &str,
    presented: &str,
) -> Option<(&'e EdgeConnection, &'e str)> {
    let found = edge.connections.get(connection).and_then(|known| match &known.connection.kind {
        EdgeKind::Salesforce { org18, tokens } => Some((known, org18, tokens)),
        EdgeKind::Hubspot { .. } => None,
    });
    let tokens = found.map_or(&edge.decoy.tokens, |(_, _, tokens)| tokens);
    let matched = token::check(presented, tokens);
    let (known, org18, _) = found?;
    let Some(matched) = matched else {
        tracing::warn!(code = codes::UNAUTHENTIC, connection = %known.connection.id, kind = "token",
            "edge: a delivery's token fits no active one; answered 401, nothing stored");
        return None;
    };
    known.secrets_used.count(matched);
    Some((&known.connection, org18))
}

/// What is no Outbound Message, or a hostile one, is kept raw and acknowledged: see the module's table.
fn divided(body: &Bytes, org18: &str) -> Split {
    outbound::split(body, org18).unwrap_or_else(|error| Split {
        hints: Vec::new(),
        unusable: vec![Unusable { raw: body.clone(), reason: error.to_string() }],
    })
}

fn unavailable() -> Response {
    let fault = reply::fault("The event log takes nothing now. Try again.");
    let mut response = soap(StatusCode::SERVICE_UNAVAILABLE, fault);
    response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER_SECONDS.into());
    response
}

fn soap(status: StatusCode, document: String) -> Response {
    const HEADERS: [(HeaderName, &str); 1] = [(header::CONTENT_TYPE, reply::CONTENT_TYPE)];
    (status, HEADERS, document).into_response()
}
