//! Traces and metrics for an OpenTelemetry collector: OTLP over HTTP, as protobuf.
//!
//! Invariant: the collector costs the product nothing. What ends goes into a bounded queue or is counted as
//! dropped; a collector that is away is told once in the log; what it did not take is not repeated, and the
//! end of the process waits [`FLUSH_MAX`] for it at most. Deliberately absent: gRPC, and logs, which
//! standard error carries.

mod collector;
mod sampler;
mod series;
mod spans;

use std::sync::Arc;
use std::time::Duration;

use afterglow_domain::{Clock, Timestamp};
use opentelemetry::KeyValue;
use opentelemetry_proto::tonic::resource::v1::Resource as ResourceMessage;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{IdGenerator as _, RandomIdGenerator, SdkTracerProvider, SpanLimits};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Otlp;
use crate::health::Metrics;
use crate::http_client;
use collector::Collector;
use sampler::OneIn;

/// How long the last export may hold up the end of the process, beside what a supervisor allows.
pub const FLUSH_MAX: Duration = Duration::from_secs(3);

/// The export of this process; it ends with [`Export::close`].
#[derive(Debug)]
pub struct Export {
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// Who exports.
#[derive(Debug, Clone, Copy)]
pub struct Process {
    /// The role, where the process has one only.
    pub role: Option<&'static str>,
    /// The program's version.
    pub version: &'static str,
}

impl Export {
    /// Starts sending what happens from now on, and the metrics. Asks nobody: a collector that is away is
    /// found out by the first export. Call it within a Tokio runtime, before anything makes spans.
    pub fn start(
        settings: &Otlp,
        process: Process,
        metrics: Metrics,
        wall: &Arc<dyn Clock>,
    ) -> Result<Self, http_client::Error> {
        let collector = Arc::new(Collector::new(settings)?);
        let resource = resource(&settings.service_name, process);
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        if settings.trace_one_in > 0 {
            let (queue, ended) = spans::queue();
            let provider = SdkTracerProvider::builder()
                .with_sampler(OneIn(settings.trace_one_in))
                // Without this the SDK asks variables of the environment for them.
                .with_span_limits(SpanLimits::default())
                .with_span_processor(queue)
                .build();
            afterglow_trace::install(provider);
            let resource = ResourceAttributesWithSchema::from(&resource);
            tasks.spawn(spans::send(ended, collector.clone(), resource, stop.clone()));
        }
        let resource = ResourceMessage {
            attributes: ResourceAttributesWithSchema::from(&resource).attributes.0,
            ..ResourceMessage::default()
        };
        let source = Source { metrics, resource, wall: wall.clone(), began: wall.now() };
        tasks.spawn(source.send(collector, settings.interval, stop.clone()));
        tasks.close();
        Ok(Self { stop, tasks })
    }

    /// Sends what is left, last of all that a process does, for at most [`FLUSH_MAX`].
    pub async fn close(self) {
        self.stop.cancel();
        if tokio::time::timeout(FLUSH_MAX, self.tasks.wait()).await.is_err() {
            tracing::warn!(
                "the collector did not take the last traces and metrics in time; they are dropped"
            );
        }
    }
}

fn resource(service_name: &str, process: Process) -> Resource {
    let name = match process.role {
        Some(role) => format!("{service_name}-{role}"),
        None => service_name.to_owned(),
    };
    let instance = RandomIdGenerator::default().new_trace_id();
    let attributes = [
        KeyValue::new("service.name", name),
        KeyValue::new("service.namespace", "afterglow"),
        KeyValue::new("service.version", process.version),
        KeyValue::new("service.instance.id", instance.to_string()),
    ];
    Resource::builder_empty().with_attributes(attributes).build()
}

/// The metrics of the process, as `/metrics` gives them.
struct Source {
    metrics: Metrics,
    resource: ResourceMessage,
    wall: Arc<dyn Clock>,
    began: Timestamp,
}

impl Source {
    /// Sends them every `interval`, and once more at the end.
    async fn send(self, collector: Arc<Collector>, interval: Duration, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(interval) => {}
                () = stop.cancelled() => {}
            }
            let last = stop.is_cancelled();
            let window = series::Window { began: self.began, now: self.wall.now() };
            let request = series::request(&self.metrics.render(), window, self.resource.clone());
            collector.send_metrics(&request).await;
            if last {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests;
