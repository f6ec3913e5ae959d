use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanProcessor};

use super::*;

const CAUSE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const OTHER: &str = "00-11111111111111111111111111111111-2222222222222222-01";

/// Keeps what ended.
#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<Vec<SpanData>>>);

impl SpanProcessor for Kept {
    fn on_start(&self, _: &mut opentelemetry_sdk::trace::Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        self.0.lock().unwrap().push(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// One test, since a process has one provider.
#[test]
fn spans_are_none_until_they_are_wanted_and_then_follow_their_cause() {
    let mut before = Span::within(Some(CAUSE), Kind::Consumer, "before");
    before.tell("asked", || -> i64 { panic!("nobody keeps it") });
    assert!(!enabled() && before.traceparent().is_none());

    let kept = Kept::default();
    install(SdkTracerProvider::builder().with_span_processor(kept.clone()).build());
    assert!(enabled());
    let mut within = Span::within(Some(CAUSE), Kind::Consumer, "within");
    within.tell("partition", || 3);
    within.link(Some(OTHER));
    let carried = within.traceparent().unwrap();
    assert!(
        carried.starts_with("00-0af7651916cd43dd8448eb211c80319c-") && carried.ends_with("-01"),
        "{carried}"
    );
    assert_ne!(carried, CAUSE);
    drop(within);
    let mut after = Span::after(Some(&carried), Kind::Internal, "after");
    after.failed("refused");
    let new_trace = after.traceparent().unwrap();
    assert_ne!(new_trace[..35], carried[..35]);
    drop(after);

    let spans = kept.0.lock().unwrap();
    let [within, after] = spans.as_slice() else { panic!("{spans:?}") };
    assert_eq!(within.parent_span_id.to_string(), "b7ad6b7169203331");
    assert_eq!(within.attributes, [KeyValue::new("partition", 3)]);
    assert_eq!(within.links.links[0].span_context.trace_id().to_string(), OTHER[3..35]);
    assert_eq!(traceparent::text(&after.links.links[0].span_context), carried);
    assert_eq!(after.status, Status::error("refused"));
}

#[test]
fn what_is_no_traceparent_is_no_cause() {
    assert_eq!(traceparent::parse(CAUSE).map(|context| traceparent::text(&context)).as_deref(), Some(CAUSE));
    for wrong in [
        "",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0af7651916cd43dd8448eb211c80319x-b7ad6b7169203331-01",
    ] {
        assert!(traceparent::parse(wrong).is_none(), "{wrong:?}");
    }
}
