//! The spans of a turn: one per event, within the trace that the event names.

use afterglow_trace::{Kind, Span};

use super::Incoming;

/// The spans of one transaction. Where spans are not made it stays empty and allocates nothing.
#[derive(Default)]
pub(super) struct Spans(Vec<Span>);

impl Spans {
    /// Begins an event's span, and makes it the cause that the event names: what follows carries it on.
    pub(super) fn begin(&mut self, role: &'static str, incoming: &mut Incoming) {
        if !afterglow_trace::enabled() {
            return;
        }
        let (envelope, received) = (&mut incoming.event.envelope, &incoming.received);
        let mut span = Span::within(envelope.traceparent.as_deref(), Kind::Consumer, "process event");
        span.tell("messaging.operation.type", || "process");
        span.tell("messaging.consumer.group.name", || role);
        span.tell("messaging.destination.name", || received.record.topic.name());
        span.tell("messaging.destination.partition.id", || received.partition.to_string());
        span.tell("messaging.kafka.offset", || received.offset);
        span.tell("messaging.message.id", || envelope.id.to_string());
        span.tell("afterglow.event_type", || incoming.event.body.type_name());
        span.tell("afterglow.tenant", || envelope.tenant.to_string());
        envelope.traceparent = span.traceparent();
        self.0.push(span);
    }

    /// Nothing of it was committed.
    pub(super) fn failed(&mut self) {
        for span in &mut self.0 {
            span.failed("not committed");
        }
    }
}
