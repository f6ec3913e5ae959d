//! `POST /webhooks/hubspot/{connection}`.

use std::sync::Arc;

use afterglow_crm::hubspot::signature::{self, Request, Verified};
use afterglow_crm::hubspot::webhook;
use afterglow_events::Append;
use afterglow_service::http::unavailable;
use axum::extract::{OriginalUri, Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, Uri, header};
use tokio::time::Instant;

use super::{Edge, EdgeConnection, EdgeKind, RETRY_AFTER_SECONDS, unauthentic};
use crate::{codes, metric};

const SOURCE: &str = "hubspot";

/// Verifies the raw bytes, divides them, stores every event, answers with counts and no echo.
pub(super) async fn receive<A: Append + Clone>(
    State(edge): State<Arc<Edge<A>>>,
    Path(connection): Path<String>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let began = Instant::now();
    let (result, response) = match verified(&edge, &connection, &uri, &headers, &body) {
        None => ("unauthentic", unauthentic()),
        Some((connection, portal)) => match edge.store(connection, webhook::split(&body, portal)).await {
            Ok(counts) => {
                let answer = serde_json::json!({
                    "accepted": counts.events, "ignored": counts.ignored, "unusable": counts.unusable,
                });
                ("accepted", json(&answer))
            }
            Err(_) => ("unavailable", unavailable("The event log takes nothing now.", RETRY_AFTER_SECONDS)),
        },
    };
    metrics::counter!(metric::WEBHOOK_RECEIVED, "source" => SOURCE, "result" => result).increment(1);
    if result != "unauthentic" {
        metrics::histogram!(metric::ACK_SECONDS, "source" => SOURCE).record(began.elapsed().as_secs_f64());
    }
    response
}

/// The connection that signed this request, and its portal.
fn verified<'e, A>(
    edge: &'e Edge<A>,
    connection: &str,
    uri: &Uri,
    headers: &HeaderMap,
    body: &Bytes,
) -> Option<(&'e EdgeConnection, i64)> {
    let found = edge.connections.get(connection).and_then(|connection| match &connection.kind {
        EdgeKind::Hubspot { portal, verifier } => Some((connection, *portal, verifier)),
        EdgeKind::Salesforce { .. } => None,
    });
    let target = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let public_url = found.map_or("https://decoy.invalid", |(connection, ..)| connection.public_url.as_str());
    let signed = format!("{}{target}", public_url.trim_end_matches('/'));
    let request = Request { method: "POST", uri: &signed, body };
    let verifier = found.map_or(&edge.decoy.verifier, |(_, _, verifier)| verifier);
    // A request for nobody is verified too, against secrets that nobody has: it takes as long.
    let outcome = verifier.verify(&request, headers, edge.clocks.wall.now());
    let (connection, portal, _) = found?;
    report(connection, &outcome);
    outcome.ok().map(|_| (connection, portal))
}

fn report(connection: &EdgeConnection, outcome: &Result<Verified, signature::Error>) {
    match outcome {
        Ok(verified) => {
            let id = connection.id.to_string();
            metrics::counter!(metric::SECRET_USED, "connection" => id, "key" => verified.secret.as_str())
                .increment(1);
        }
        Err(error) => {
            tracing::warn!(code = codes::UNAUTHENTIC, connection = %connection.id, kind = error.kind(), %error,
                "edge: a delivery is not authentic; answered 401, nothing stored");
        }
    }
}

fn json(answer: &serde_json::Value) -> Response {
    (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], answer.to_string()).into_response()
}
