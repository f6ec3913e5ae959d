//! `POST /webhooks/hubspot/{connection}`.

use std::sync::Arc;

use afterglow_crm::hubspot::signature::{self, Verified};
use afterglow_crm::hubspot::webhook;
use afterglow_events::Append;
use afterglow_service::http::unavailable;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{StatusCode, header};
use tokio::time::Instant;

use super::delivery::{Counts, LogAway};
use super::meters::Outcome;
use super::{Edge, EdgeConnection, EdgeKind, RETRY_AFTER_SECONDS, unauthentic};
use crate::codes;

/// The label in metrics and traces.
pub(super) const SOURCE: &str = "hubspot";

/// Verifies the raw bytes, divides them, stores every event, answers with counts and no echo.
pub(super) async fn receive<A: Append + Clone>(
    State(edge): State<Arc<Edge<A>>>,
    Path(connection): Path<String>,
    request: Request,
) -> Response {
    let began = Instant::now();
    let (head, body) = request.into_parts();
    // The server has read all of it, and set the limit.
    let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let delivery = verified(&edge, &connection, &head, &body)
        .map(|(connection, portal)| (connection, webhook::split(&body, portal)));
    // Hundreds of requests wait for the log at a time: memory that is free again now serves the next ones.
    drop((head, body));
    let (outcome, response) = match delivery {
        None => (Outcome::Unauthentic, unauthentic()),
        Some((connection, split)) => match edge.store(connection, split).await {
            Ok(counts) => (Outcome::Accepted, accepted(counts)),
            Err(LogAway) => {
                (Outcome::Unavailable, unavailable("The event log takes nothing now.", RETRY_AFTER_SECONDS))
            }
        },
    };
    edge.hubspot.answered(outcome, began.elapsed());
    response
}

/// The connection that signed this request, and its portal.
fn verified<'e, A>(
    edge: &'e Edge<A>,
    connection: &str,
    head: &Parts,
    body: &[u8],
) -> Option<(&'e EdgeConnection, i64)> {
    let found = edge.connections.get(connection).and_then(|known| match &known.connection.kind {
        EdgeKind::Hubspot { portal, verifier } => Some((known, *portal, verifier)),
        EdgeKind::Salesforce { .. } => None,
    });
    let target = head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let public_url =
        found.map_or("https://decoy.invalid", |(known, ..)| known.connection.public_url.as_str());
    let signed = [public_url.trim_end_matches('/'), target].concat();
    let request = signature::Request { method: "POST", uri: &signed, body };
    let verifier = found.map_or(&edge.decoy.verifier, |(_, _, verifier)| verifier);
    // A request for nobody is verified too, against secrets that nobody has: it takes as long.
    let outcome = verifier.verify(&request, &head.headers, edge.clocks.wall.now());
    let (known, portal, _) = found?;
    match outcome {
        Ok(Verified { secret, .. }) => known.secrets_used.count(secret),
        Err(error) => {
            tracing::warn!(code = codes::UNAUTHENTIC, connection = %known.connection.id, kind = error.kind(), %error,
                "edge: a delivery is not authentic; answered 401, nothing stored");
            return None;
        }
    }
    Some((&known.connection, portal))
}

fn accepted(counts: Counts) -> Response {
    (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], counts.to_json()).into_response()
}
