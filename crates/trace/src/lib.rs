//! Spans: what happened, how long it took, and what caused it.
//!
//! A cause is a `traceparent` (W3C): it travels with the event that follows from it, on the log and in the
//! rows where something waits, so it outlives processes and months. Invariant: until [`install`] is called
//! every span is none, and making one reads one flag and allocates nothing. Deliberately absent: sampling
//! and export, which are `service`'s, and an ambient current span: whoever has a cause hands it on.

mod traceparent;

use std::sync::OnceLock;

use opentelemetry::global::BoxedTracer;
use opentelemetry::trace::{Link, TracerProvider};
use opentelemetry::trace::{Span as _, Status, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, KeyValue, global};

pub use opentelemetry::Value;
pub use opentelemetry::trace::SpanKind as Kind;

/// The name of our instrumentation in what is exported.
const SCOPE: &str = "afterglow";

static TRACER: OnceLock<BoxedTracer> = OnceLock::new();

/// From now on spans are made, by this provider; only the first call of a process counts.
pub fn install<P>(provider: P)
where
    P: TracerProvider + Send + Sync + 'static,
    P::Tracer: Send + Sync + 'static,
    <P::Tracer as opentelemetry::trace::Tracer>::Span: Send + Sync + 'static,
{
    if TRACER.get().is_none() {
        global::set_tracer_provider(provider);
        let _first = TRACER.set(global::tracer(SCOPE));
    }
}

/// Whether spans are made at all; for what would have to be gathered for them.
pub fn enabled() -> bool {
    TRACER.get().is_some()
}

/// Something that happens; it ends when it is dropped. None where spans are not made.
#[derive(Debug, Default)]
pub struct Span(Option<global::BoxedSpan>);

impl Span {
    /// No span.
    pub const fn none() -> Self {
        Self(None)
    }

    /// A part of the trace that `cause` belongs to; a trace of its own where there is none.
    pub fn within(cause: Option<&str>, kind: Kind, name: &'static str) -> Self {
        let Some(tracer) = TRACER.get() else { return Self(None) };
        let parent = match cause.and_then(traceparent::parse) {
            Some(cause) => Context::new().with_remote_span_context(cause),
            None => Context::new(),
        };
        Self(Some(tracer.build_with_context(tracer.span_builder(name).with_kind(kind), &parent)))
    }

    /// A trace of its own that names `cause`: for what happens at a time of its own, days or months after.
    pub fn after(cause: Option<&str>, kind: Kind, name: &'static str) -> Self {
        let Some(tracer) = TRACER.get() else { return Self(None) };
        let links = cause.and_then(traceparent::parse).map(|cause| vec![Link::with_context(cause)]);
        let builder = tracer.span_builder(name).with_kind(kind).with_links(links.unwrap_or_default());
        Self(Some(tracer.build_with_context(builder, &Context::new())))
    }

    /// Names another cause or consequence.
    pub fn link(&mut self, other: Option<&str>) {
        if let (Some(span), Some(other)) = (&mut self.0, other.and_then(traceparent::parse)) {
            span.add_link(other, Vec::new());
        }
    }

    /// Says something about it: ids and words of ours, never a person's name or address. `value` is only
    /// asked where it is kept.
    pub fn tell<V: Into<Value>>(&mut self, key: &'static str, value: impl FnOnce() -> V) {
        if let Some(span) = self.0.as_mut().filter(|span| span.is_recording()) {
            span.set_attribute(KeyValue::new(key, value()));
        }
    }

    /// It did not do what it was to do. The reason is a word of ours: a vendor's may name a person.
    pub fn failed(&mut self, reason: &'static str) {
        if let Some(span) = &mut self.0 {
            span.set_status(Status::error(reason));
        }
    }

    /// What follows from it carries this; `None` where spans are not made.
    pub fn traceparent(&self) -> Option<String> {
        self.0.as_ref().map(|span| traceparent::text(span.span_context()))
    }

    /// Whether it will be exported.
    pub fn is_recording(&self) -> bool {
        self.0.as_ref().is_some_and(opentelemetry::trace::Span::is_recording)
    }
}

#[cfg(test)]
mod tests;
