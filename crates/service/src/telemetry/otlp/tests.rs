//! The export against a collector over a socket: what arrives, and what one that is away costs.

use std::sync::Mutex;

use afterglow_trace::{Kind, Span};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::*;
use crate::clock::SystemClock;

#[derive(Debug, Clone, Default)]
struct Taken(Arc<Mutex<Vec<(HeaderMap, Bytes)>>>);

async fn take(State(taken): State<Taken>, headers: HeaderMap, body: Bytes) {
    taken.0.lock().unwrap().push((headers, body));
}

fn settings(endpoint: &str) -> Otlp {
    let token = secrecy::SecretString::from("Bearer abc");
    Otlp {
        endpoint: endpoint.parse().unwrap(),
        headers: [("authorization".to_owned(), token)].into(),
        service_name: "glow".to_owned(),
        trace_one_in: 1,
        interval: Duration::from_mins(10),
        timeout: Duration::from_secs(1),
    }
}

fn export(endpoint: &str) -> Export {
    let process = Process { role: Some("dispatcher"), version: "1.2.3" };
    let metrics = Metrics::install("1.2.3").unwrap();
    Export::start(&settings(endpoint), process, metrics, &SystemClock::shared()).unwrap()
}

/// One test after the other: a process has one source of spans. A collector that is away first.
#[tokio::test]
async fn a_collector_gets_everything_and_one_that_is_away_costs_little() {
    let away = export("http://127.0.0.1:9");
    drop(Span::within(None, Kind::Internal, "lost"));
    let began = Instant::now();
    away.close().await;
    assert!(began.elapsed() < FLUSH_MAX + Duration::from_secs(1));

    let (traces, metrics) = (Taken::default(), Taken::default());
    let router = Router::new()
        .route("/v1/traces", post(take).with_state(traces.clone()))
        .route("/v1/metrics", post(take).with_state(metrics.clone()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let tasks = TaskTracker::new();
    let served = tasks.spawn(async move { axum::serve(listener, router).await });
    // The spans of the process go where they went first: what is sent here is handed over directly.
    let (queue, ended) = spans::queue();
    let provider = SdkTracerProvider::builder().with_span_processor(queue).build();
    let stop = CancellationToken::new();
    let collector = Arc::new(Collector::new(&settings(&endpoint)).unwrap());
    let resource = ResourceAttributesWithSchema::from(&resource(
        "glow",
        Process { role: Some("dispatcher"), version: "1.2.3" },
    ));
    let sending = tasks.spawn(spans::send(ended, collector, resource, stop.clone()));
    {
        use opentelemetry::trace::{Tracer as _, TracerProvider as _};
        for _ in 0..600 {
            drop(provider.tracer("afterglow").start("order gift"));
        }
    }
    stop.cancel();
    sending.await.unwrap();
    let bodies = traces.0.lock().unwrap().clone();
    let spans = bodies.iter().flat_map(|(headers, body)| {
        assert_eq!(headers["authorization"], "Bearer abc");
        assert_eq!(headers["content-type"], "application/x-protobuf");
        let request = ExportTraceServiceRequest::decode(body.clone()).unwrap();
        let resource = format!("{:?}", request.resource_spans[0].resource);
        assert!(resource.contains("glow-dispatcher"), "{resource}");
        request.resource_spans[0].scope_spans[0].spans.clone()
    });
    assert_eq!((spans.count(), bodies.len()), (600, 2));

    export(&endpoint).close().await;
    let (_, body) = metrics.0.lock().unwrap()[0].clone();
    let request = ExportMetricsServiceRequest::decode(body).unwrap();
    let text = format!("{request:?}");
    assert!(text.contains("afterglow_build_info") && text.contains("afterglow_otlp_spans_total"), "{text}");
    served.abort();
}
