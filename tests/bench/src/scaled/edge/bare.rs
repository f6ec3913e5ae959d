//! The reference that does only what a webhook's receiver must: it checks the signature, finds the record's key
//! and answers when the broker has acknowledged the body as it came. Nothing is limited, read strictly, put into
//! an envelope, traced or counted.

use std::sync::Arc;

use afterglow_crm::hubspot::signature::{Request, Verifier};
use afterglow_domain::Clock as _;
use afterglow_events::Topic;
use afterglow_service::clock::SystemClock;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use rdkafka::ClientContext;
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, ProducerContext, ThreadedProducer};
use serde::Deserialize;
use tokio::sync::oneshot;

use crate::edge::server;
use crate::edge::webhook::{PATH, PUBLIC_URL};
use crate::scaled::ground::Place;

/// Serves until standard input ends.
pub(crate) async fn serve(place: &Place) -> anyhow::Result<()> {
    let bare = Bare {
        verifier: server::verifier()?,
        uri: [PUBLIC_URL, PATH].concat(),
        producer: place.bare_producer().create_with_context(Reports)?,
        topic: place.topic_name(Topic::Webhooks),
    };
    // It ends when every request is answered: then the broker has all of them.
    server::serve_plain(Router::new().route(PATH, post(take)).with_state(Arc::new(bare))).await
}

struct Bare {
    verifier: Verifier,
    uri: String,
    producer: ThreadedProducer<Reports>,
    topic: String,
}

/// What of an event makes its key.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    object_id: u64,
}

async fn take(State(bare): State<Arc<Bare>>, head: HeaderMap, body: Bytes) -> StatusCode {
    match bare.write(&head, &body).await {
        Ok(()) => StatusCode::OK,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

impl Bare {
    async fn write(&self, head: &HeaderMap, body: &[u8]) -> anyhow::Result<()> {
        let request = Request { method: "POST", uri: &self.uri, body };
        self.verifier.verify(&request, head, SystemClock::default().now())?;
        let [Event { object_id }] = serde_json::from_slice(body)?;
        let (report, reported) = oneshot::channel();
        let key = object_id.to_string();
        let record = BaseRecord::with_opaque_to(&self.topic, Box::new(report)).key(&key).payload(body);
        self.producer.send(record).map_err(|(error, _)| error)?;
        Ok(reported.await??)
    }
}

/// Passes the broker's word on.
struct Reports;

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = Box<oneshot::Sender<Result<(), KafkaError>>>;

    fn delivery(&self, result: &DeliveryResult<'_>, report: Self::DeliveryOpaque) {
        let outcome = result.as_ref().map(drop).map_err(|(error, _)| error.clone());
        // A caller that has gone needs no word.
        let _caller_gone = report.send(outcome);
    }
}
