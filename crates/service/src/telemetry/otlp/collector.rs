//! The collector: one request per export, no repetition, one line when it is away and one when it is back.

use std::sync::atomic::{AtomicBool, Ordering};

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use reqwest::Client;
use secrecy::ExposeSecret as _;

use crate::config::Otlp;
use crate::http_client::{self, Options};
use crate::metric_names::OTLP_METRICS;

/// Where exports go.
#[derive(Debug)]
pub(super) struct Collector {
    client: Client,
    traces: String,
    metrics: String,
    headers: HeaderMap,
    away: AtomicBool,
}

impl Collector {
    pub(super) fn new(settings: &Otlp) -> Result<Self, http_client::Error> {
        let options = Options {
            connect_timeout: settings.timeout,
            timeout: settings.timeout,
            idle_per_host_max: 2,
            system_proxy: false,
        };
        let mut headers = HeaderMap::new();
        for (name, value) in &settings.headers {
            // The configuration has checked both.
            let value = HeaderValue::try_from(value.expose_secret());
            if let (Ok(name), Ok(mut value)) = (HeaderName::try_from(name), value) {
                value.set_sensitive(true);
                headers.insert(name, value);
            }
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        let endpoint = settings.endpoint.as_str();
        Ok(Self {
            client: http_client::build(&options)?,
            traces: format!("{endpoint}/v1/traces"),
            metrics: format!("{endpoint}/v1/metrics"),
            headers,
            away: AtomicBool::new(false),
        })
    }

    /// Whether the collector took them.
    pub(super) async fn send_traces(&self, request: &ExportTraceServiceRequest) -> bool {
        self.send(&self.traces, request).await
    }

    pub(super) async fn send_metrics(&self, request: &ExportMetricsServiceRequest) {
        let sent = self.send(&self.metrics, request).await;
        metrics::counter!(OTLP_METRICS, "result" => if sent { "sent" } else { "away" }).increment(1);
    }

    async fn send(&self, url: &str, request: &impl Message) -> bool {
        let call = self.client.post(url).headers(self.headers.clone()).body(request.encode_to_vec());
        let problem = match call.send().await {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("it answered {}", answer.status())),
            Err(error) => Some(causes(&error.without_url())),
        };
        let was_away = self.away.swap(problem.is_some(), Ordering::Relaxed);
        match &problem {
            Some(problem) if !was_away => tracing::warn!(
                url,
                problem,
                "the collector takes no traces or metrics; they are dropped and counted until it does"
            ),
            None if was_away => tracing::info!(url, "the collector takes traces and metrics again"),
            _ => {}
        }
        problem.is_none()
    }
}

/// An error with what caused it: the client's own words are "error sending request".
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
