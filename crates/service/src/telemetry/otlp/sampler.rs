//! Which traces are kept.

use opentelemetry::trace::{Link, SpanKind, TraceContextExt as _, TraceId, TraceState};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};

/// One of so many traces that begin here. A part of a trace, and one that is linked to another, follow it:
/// a deal is kept whole, from its webhook to the last moment, or not at all.
#[derive(Debug, Clone, Copy)]
pub(super) struct OneIn(pub(super) u32);

impl ShouldSample for OneIn {
    fn should_sample(
        &self,
        parent_context: Option<&Context>,
        trace_id: TraceId,
        _: &str,
        _: &SpanKind,
        _: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let parent = parent_context.map(|context| context.span().span_context().clone());
        let keep = match parent.filter(opentelemetry::trace::SpanContext::is_valid) {
            Some(parent) => parent.is_sampled(),
            None if !links.is_empty() => links.iter().any(|link| link.span_context.is_sampled()),
            None => self.picks(trace_id),
        };
        let decision = if keep { SamplingDecision::RecordAndSample } else { SamplingDecision::Drop };
        SamplingResult { decision, attributes: Vec::new(), trace_state: TraceState::NONE }
    }
}

impl OneIn {
    /// Trace ids are random in their last bytes.
    fn picks(self, trace_id: TraceId) -> bool {
        let [.., a, b, c, d] = trace_id.to_bytes();
        self.0 > 0 && u32::from_be_bytes([a, b, c, d]) <= u32::MAX / self.0
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanContext, SpanId, TraceFlags};

    use super::*;

    fn context(flags: TraceFlags) -> SpanContext {
        SpanContext::new(TraceId::from(7), SpanId::from(7), flags, true, TraceState::NONE)
    }

    fn keeps(sampler: OneIn, parent: Option<TraceFlags>, links: &[TraceFlags], trace_id: u128) -> bool {
        let parent = parent.map(|flags| Context::new().with_remote_span_context(context(flags)));
        let links: Vec<_> = links.iter().map(|flags| Link::with_context(context(*flags))).collect();
        let trace_id = TraceId::from(trace_id);
        let result = sampler.should_sample(parent.as_ref(), trace_id, "", &SpanKind::Internal, &[], &links);
        result.decision == SamplingDecision::RecordAndSample
    }

    #[test]
    fn one_of_so_many_begins_and_the_rest_follows() {
        let (yes, no) = (TraceFlags::SAMPLED, TraceFlags::default());
        assert!(keeps(OneIn(1), None, &[], u128::MAX) && !keeps(OneIn(4), None, &[], u128::MAX));
        assert!(keeps(OneIn(4), None, &[], 1 << 29));
        assert!(keeps(OneIn(1_000_000), Some(yes), &[], u128::MAX));
        assert!(!keeps(OneIn(1), Some(no), &[], 1));
        assert!(keeps(OneIn(1_000_000), None, &[no, yes], u128::MAX));
        assert!(!keeps(OneIn(1), None, &[no], 1));
    }
}
