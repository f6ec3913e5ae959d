//! `GET /v1/events/{topic}`: a public topic as server-sent events, for services without Kafka.
//!
//! Each event's `id` is its cursor, so a client that reconnects with `Last-Event-ID` (or `?cursor=`)
//! misses nothing. An expired cursor is 410, a foreign one 400. The internal topic is not served.

use std::convert::Infallible;
use std::time::Duration;

use afterglow_eventlog::{Error, Source, Tail, TailCursor, TailStart};
use afterglow_events::Topic;
use afterglow_service::http::problem;
use afterglow_service::lifecycle::Shutdown;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use futures::stream::{self, Stream};
use serde::Deserialize;

use crate::ground::Opens;
use crate::record_json;

/// How many records are read at once: a slow reader holds no more than this.
const BATCH: usize = 100;

/// How long one read waits; the drain is noticed in between.
const WAIT: Duration = Duration::from_secs(1);

/// How often a silent stream says that it is alive: below the usual 60 s of proxies.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The endpoint over a log.
pub(crate) fn router<L: Opens>(log: L, shutdown: Shutdown) -> Router {
    Router::new().route("/v1/events/{topic}", get(events::<L>)).with_state(Api { log, shutdown })
}

#[derive(Clone)]
struct Api<L> {
    log: L,
    shutdown: Shutdown,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    cursor: Option<String>,
}

async fn events<L: Opens>(
    State(api): State<Api<L>>,
    Path(topic): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    let Some(topic) = Topic::parse(&topic).filter(|topic| topic.public()) else {
        let names: Vec<_> =
            Topic::ALL.iter().filter(|topic| topic.public()).map(|topic| topic.short_name()).collect();
        return problem(
            StatusCode::NOT_FOUND,
            "no-such-topic",
            "No such topic",
            &format!("There are {}.", names.join(", ")),
        );
    };
    let last_id = headers.get("last-event-id").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let start = match last_id.or(asked.cursor).map(|text| text.parse::<TailCursor>()) {
        None => TailStart::Beginning,
        Some(Ok(cursor)) => TailStart::After(cursor),
        Some(Err(error)) => return refused(&error),
    };
    let tail = async { Tail::open(api.log.open().await?, topic, start).await };
    match tail.await {
        Ok(tail) => Sse::new(stream_of(tail, api.shutdown))
            .keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
            .into_response(),
        Err(error) => refused(&error),
    }
}

fn refused(error: &Error) -> Response {
    let (status, kind, title) = match error {
        Error::Expired { .. } => (StatusCode::GONE, "cursor-expired", "The cursor has expired"),
        Error::Cursor(_) => (StatusCode::BAD_REQUEST, "cursor-foreign", "The cursor does not fit"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "log-unavailable", "The log cannot be read"),
    };
    problem(status, kind, title, &error.to_string())
}

fn stream_of<S: Source>(tail: Tail<S>, shutdown: Shutdown) -> impl Stream<Item = Result<Event, Infallible>> {
    let batches = stream::unfold((tail, shutdown), |(mut tail, shutdown)| async move {
        if shutdown.is_soft() {
            return None;
        }
        match tail.next(BATCH, WAIT).await {
            Ok(records) => {
                let event = |tailed| {
                    let text = record_json::line(tailed);
                    Ok(Event::default().id(tailed.cursor.to_string()).data(text))
                };
                let events: Vec<Result<Event, Infallible>> = records.iter().map(event).collect();
                Some((stream::iter(events), (tail, shutdown)))
            }
            Err(error) => {
                // The client reconnects with its last cursor and is told then what is wrong.
                tracing::info!(%error, "event stream ended");
                None
            }
        }
    });
    futures::StreamExt::flatten(batches)
}
