//! An OpenTelemetry collector on loopback that keeps what it gets.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

/// What came so far. Dropping it stops it.
pub struct Collector {
    address: SocketAddr,
    kept: Arc<Mutex<Kept>>,
    _served: AbortOnDropHandle<()>,
}

#[derive(Default)]
struct Kept {
    bodies: Vec<Bytes>,
    spans: Vec<Seen>,
    metrics: BTreeSet<(String, String)>,
}

/// A span that came.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// The service that sent it.
    pub service: String,
    /// The span itself.
    pub span: Span,
}

impl Seen {
    /// The span that it is a part of, or is linked to: what caused it.
    pub fn causes(&self) -> Vec<Vec<u8>> {
        let parent = Some(self.span.parent_span_id.clone()).filter(|id| !id.is_empty());
        parent.into_iter().chain(self.span.links.iter().map(|link| link.span_id.clone())).collect()
    }
}

impl Collector {
    /// Listens on a free port.
    pub async fn start() -> Self {
        let kept = Arc::new(Mutex::new(Kept::default()));
        let router = Router::new()
            .route("/v1/traces", post(take_traces))
            .route("/v1/metrics", post(take_metrics))
            .with_state(kept.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = TaskTracker::new().spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, kept, _served: AbortOnDropHandle::new(served) }
    }

    /// The variables that send a product's traces and metrics here, every second.
    pub fn env(&self) -> Vec<(&'static str, String)> {
        env(&format!("http://{}", self.address))
    }

    /// The spans so far.
    pub fn spans(&self) -> Vec<Seen> {
        self.kept().spans.clone()
    }

    /// Services and the metrics that they sent.
    pub fn metrics(&self) -> BTreeSet<(String, String)> {
        self.kept().metrics.clone()
    }

    /// Whether a text stands in anything that came.
    pub fn has(&self, text: &str) -> bool {
        let inside = |body: &Bytes| body.windows(text.len()).any(|bytes| bytes == text.as_bytes());
        self.kept().bodies.iter().any(inside)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap()
    }
}

/// The variables that send a product's traces and metrics to an address.
pub fn env(endpoint: &str) -> Vec<(&'static str, String)> {
    vec![
        ("AFTERGLOW__TELEMETRY__OTLP__ENDPOINT", endpoint.to_owned()),
        ("AFTERGLOW__TELEMETRY__OTLP__INTERVAL_SECONDS", "1".to_owned()),
    ]
}

async fn take_traces(State(kept): State<Arc<Mutex<Kept>>>, body: Bytes) -> StatusCode {
    let Ok(request) = ExportTraceServiceRequest::decode(body.clone()) else { return StatusCode::BAD_REQUEST };
    let mut kept = kept.lock().unwrap();
    kept.bodies.push(body);
    for of_resource in request.resource_spans {
        let service = service(of_resource.resource.iter().flat_map(|resource| &resource.attributes));
        let spans = of_resource.scope_spans.into_iter().flat_map(|of_scope| of_scope.spans);
        kept.spans.extend(spans.map(|span| Seen { service: service.clone(), span }));
    }
    StatusCode::OK
}

async fn take_metrics(State(kept): State<Arc<Mutex<Kept>>>, body: Bytes) -> StatusCode {
    let Ok(request) = ExportMetricsServiceRequest::decode(body.clone()) else {
        return StatusCode::BAD_REQUEST;
    };
    let mut kept = kept.lock().unwrap();
    kept.bodies.push(body);
    for of_resource in request.resource_metrics {
        let service = service(of_resource.resource.iter().flat_map(|resource| &resource.attributes));
        let metrics = of_resource.scope_metrics.into_iter().flat_map(|of_scope| of_scope.metrics);
        kept.metrics.extend(metrics.map(|metric| (service.clone(), metric.name)));
    }
    StatusCode::OK
}

fn service<'a>(mut attributes: impl Iterator<Item = &'a KeyValue>) -> String {
    let name = attributes.find(|attribute| attribute.key == "service.name");
    match name.and_then(|name| name.value.clone()?.value) {
        Some(Value::StringValue(name)) => name,
        other => panic!("a resource without a service's name: {other:?}"),
    }
}
