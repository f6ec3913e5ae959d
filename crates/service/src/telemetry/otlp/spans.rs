//! The queue of spans that have ended, and the task that sends them.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio_util::sync::CancellationToken;

use super::collector::Collector;
use crate::metric_names::OTLP_SPANS;

/// How many spans wait at most: about a kilobyte each, some seconds of a busy role.
const QUEUE_MAX: usize = 4096;

/// How many go in one request: well below the megabytes that collectors take.
const BATCH_MAX: usize = 512;

/// How long the first of a batch waits for others.
const COMPANY: Duration = Duration::from_secs(1);

/// Takes spans in without ever waiting.
#[derive(Debug)]
pub(super) struct Queue(Sender<SpanData>);

/// A queue and its other end.
pub(super) fn queue() -> (Queue, Receiver<SpanData>) {
    let (sender, receiver) = channel(QUEUE_MAX);
    (Queue(sender), receiver)
}

impl SpanProcessor for Queue {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() && self.0.try_send(span).is_err() {
            metrics::counter!(OTLP_SPANS, "result" => "full").increment(1);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Sends what ends until `stop`, and then what is left.
pub(super) async fn send(
    mut ended: Receiver<SpanData>,
    collector: Arc<Collector>,
    resource: ResourceAttributesWithSchema,
    stop: CancellationToken,
) {
    loop {
        let batch = gather(&mut ended, &stop).await;
        if batch.is_empty() {
            return;
        }
        let count = batch.len() as u64;
        let resource_spans = group_spans_by_resource_and_scope(batch, &resource);
        let sent = collector.send_traces(&ExportTraceServiceRequest { resource_spans }).await;
        metrics::counter!(OTLP_SPANS, "result" => if sent { "sent" } else { "away" }).increment(count);
    }
}

/// The next batch; an empty one after `stop`, when nothing is left.
async fn gather(ended: &mut Receiver<SpanData>, stop: &CancellationToken) -> Vec<SpanData> {
    let mut batch = Vec::new();
    tokio::select! {
        _ = ended.recv_many(&mut batch, BATCH_MAX) => {}
        () = stop.cancelled() => ended.close(),
    }
    let company = tokio::time::sleep(COMPANY);
    tokio::pin!(company);
    while batch.len() < BATCH_MAX {
        let room = BATCH_MAX - batch.len();
        tokio::select! {
            biased;
            more = ended.recv_many(&mut batch, room) => if more == 0 { break },
            () = stop.cancelled() => ended.close(),
            () = &mut company, if !batch.is_empty() => break,
        }
    }
    batch
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;
    use opentelemetry::trace::{Tracer as _, TracerProvider as _};
    use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};

    use super::*;

    #[test]
    fn what_finds_the_queue_full_is_counted_and_waits_for_nobody() {
        let (queue, mut ended) = queue();
        let provider = SdkTracerProvider::builder().with_sampler(Sampler::AlwaysOn);
        let provider = provider.with_span_processor(queue).build();
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            for _ in 0..QUEUE_MAX + 7 {
                drop(provider.tracer("afterglow").start("process event"));
            }
        });
        let text = recorder.handle().render();
        assert!(text.contains("afterglow_otlp_spans_total{result=\"full\"} 7\n"), "{text}");
        let mut kept = 0;
        while ended.try_recv().is_ok() {
            kept += 1;
        }
        assert_eq!(kept, QUEUE_MAX);
    }
}
