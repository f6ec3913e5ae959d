//! `/livez`, `/readyz`, `/metrics`: on a port of their own, never on the public one.

use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use serde_json::json;

use super::Health;
use crate::metric_names;

/// Bounds of histograms, in seconds: from a local write to the deadline of the slowest vendor call.
const SECONDS_BUCKETS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];
/// How often histograms are folded, so that they stay small where nobody scrapes.
const UPKEEP: Duration = Duration::from_secs(5);

/// The recorder behind `metrics::counter!` and its like.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

/// The recorder could not be installed.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// The exporter refused its settings.
    #[error("metrics cannot be set up: {0}")]
    Build(#[from] BuildError),
    /// Another recorder is installed already.
    #[error("metrics cannot be set up: the program has another recorder already")]
    Taken,
}

impl Metrics {
    /// Installs the process's recorder; a second call gives the same one.
    pub fn install(version: &'static str) -> Result<Self, MetricsError> {
        static INSTALLED: Mutex<Option<Metrics>> = Mutex::new(None);
        let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(metrics) = installed.as_ref() {
            return Ok(metrics.clone());
        }
        let recorder = PrometheusBuilder::new().set_buckets(&SECONDS_BUCKETS)?.build_recorder();
        let handle = Self(recorder.handle());
        metrics::set_global_recorder(recorder).map_err(|_| MetricsError::Taken)?;
        metrics::gauge!(metric_names::BUILD_INFO, "version" => version).set(1.0);
        *installed = Some(handle.clone());
        Ok(handle)
    }

    /// The metrics as Prometheus text.
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Folds histograms, without end: a background task of [`Tasks`](crate::lifecycle::Tasks).
    pub async fn upkeep(self) -> Result<(), Infallible> {
        let mut turn = tokio::time::interval(UPKEEP);
        loop {
            turn.tick().await;
            self.0.run_upkeep();
        }
    }
}

/// The router of the admin port.
pub fn admin_router(health: Health, metrics: Metrics) -> Router {
    let probes = Router::new().route("/livez", get(livez)).route("/readyz", get(readyz)).with_state(health);
    probes.merge(Router::new().route("/metrics", get(render)).with_state(metrics))
}

async fn livez(State(health): State<Health>) -> Response {
    let stuck = health.stuck();
    let status = if stuck.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({"alive": stuck.is_empty(), "stuck": stuck}))).into_response()
}

async fn readyz(State(health): State<Health>) -> Response {
    let waiting = health.not_ready();
    let status = if waiting.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let told = json!({"ready": waiting.is_empty(), "not_ready": waiting, "trouble": health.trouble()});
    (status, Json(told)).into_response()
}

async fn render(State(metrics): State<Metrics>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], metrics.render()).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use http_body_util::BodyExt;
    use tokio::time::Instant;
    use tower::ServiceExt;

    use super::super::STUCK_AFTER;
    use super::*;

    async fn ask(router: &Router, path: &str) -> (u16, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn probes_answer_with_reasons() {
        let health = Health::new();
        let router = admin_router(health.clone(), Metrics::install("1.2.3").unwrap());
        let log = health.component("log");
        let (status, body) = ask(&router, "/readyz").await;
        assert_eq!(
            (status, body.as_str()),
            (503, r#"{"not_ready":{"log":"starting"},"ready":false,"trouble":{}}"#)
        );
        log.ready();
        assert_eq!(ask(&router, "/readyz").await.0, 200);
        let beat = health.heartbeat("timers");
        assert_eq!(ask(&router, "/livez").await.0, 200);
        let long_ago = Instant::now().checked_sub(STUCK_AFTER * 2).unwrap();
        beat.beat_at(long_ago);
        let (status, body) = ask(&router, "/livez").await;
        assert_eq!((status, body.as_str()), (503, r#"{"alive":false,"stuck":["timers"]}"#));
        drop(beat);
        let metrics = ask(&router, "/metrics").await.1;
        assert!(metrics.contains(r#"afterglow_build_info{version="1.2.3"} 1"#), "{metrics}");
    }
}
