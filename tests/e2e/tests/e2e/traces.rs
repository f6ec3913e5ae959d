//! Traces and metrics at a collector: the product in one process, with ninety days in between.

use std::collections::BTreeMap;
use std::time::Duration;

use afterglow_e2e::{PATIENCE, STORY, STORY_SUBJECTS};
use afterglow_support::collector::{self, Collector, Seen};
use afterglow_support::{Settings, World, customers};
use tokio::time::Instant;

/// The names of the spans that led to one, the last cause first.
pub(crate) fn story_of(spans: &[Seen], last: &Seen) -> Vec<String> {
    let by_id: BTreeMap<&[u8], &Seen> =
        spans.iter().map(|seen| (seen.span.span_id.as_slice(), seen)).collect();
    let (mut story, mut at) = (vec![last.span.name.clone()], last);
    while let Some(cause) = at.causes().first().and_then(|id| by_id.get(id.as_slice())) {
        story.push(cause.span.name.clone());
        at = cause;
    }
    story
}

/// The call of a vendor and everything that led to it.
const FROM_WEBHOOK_TO_MAIL: [&str; 7] = [
    "send mail",
    "process event",
    "fire timer",
    "process event",
    "read deal",
    "process event",
    "take delivery",
];

/// The same for a moment that was due when the deal was enrolled, as the first is on a busy machine.
const AT_ONCE: [&str; 6] =
    ["send mail", "process event", "process event", "read deal", "process event", "take delivery"];

/// Waits until each mail of [`STORY`] leads back to the webhook, and at least one of them over a timer.
pub(crate) async fn until_told(world: &World, collector: &Collector) {
    let told = async || {
        let spans = collector.spans();
        let sent = spans.iter().filter(|seen| seen.span.name == "send mail");
        let stories: Vec<_> = sent.map(|mail| story_of(&spans, mail)).collect();
        let waited = stories.iter().filter(|story| **story == FROM_WEBHOOK_TO_MAIL).count();
        let at_once = stories.iter().filter(|story| **story == AT_ONCE).count();
        (waited > 0 && waited + at_once >= STORY_SUBJECTS.len()).then_some(())
    };
    world.until("every mail leads back to the webhook", PATIENCE, told).await;
}

/// Waits until a customer has all mails of [`STORY`].
pub(crate) async fn until_served(world: &World, address: &str) {
    let served = async || (world.mails_to(address).len() == STORY_SUBJECTS.len()).then_some(());
    world.until("the story is told", PATIENCE, served).await;
}

/// Parts of every customer's and owner's names and addresses, and of what they are told.
pub(crate) const PERSONAL: [&str; 5] = ["Robin", "Berg", "Brandt", "mia.", "Coffee is on us"];

/// Nothing of the customer is in what was exported.
pub(crate) fn assert_impersonal(collector: &Collector, address: &str) {
    for personal in std::iter::once(address).chain(PERSONAL) {
        assert!(!collector.has(personal), "{personal:?} was exported");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_moment_is_a_trace_of_its_own_and_leads_back_to_the_webhook() {
    let collector = Collector::start().await;
    let world = World::new(Settings { env: collector.env(), ..Settings::with_journey(STORY) }).await;
    let product = world.start().await;
    let deal = customers::hubspot(1, world.now());
    let address = customers::address(&deal).to_owned();
    world.win(deal).await;
    until_served(&world, &address).await;
    until_told(&world, &collector).await;
    assert_eq!(product.terminate().await, Some(0));

    let spans = collector.spans();
    let of = |name: &str| spans.iter().filter(|seen| seen.span.name == name).collect::<Vec<_>>();
    let trace_of_webhook = &of("take delivery")[0].span.trace_id;
    for timer in of("fire timer") {
        assert_ne!(&timer.span.trace_id, trace_of_webhook);
        assert_eq!(&timer.span.links[0].trace_id, trace_of_webhook);
    }
    assert!(of("order gift").len() >= 2);
    let metrics = collector.metrics();
    for metric in ["afterglow_log_lag_records", "afterglow_timer_lateness_seconds", "afterglow_outbox_rows"] {
        assert!(metrics.contains(&("afterglow".to_owned(), metric.to_owned())), "{metric}: {metrics:?}");
    }
    assert_impersonal(&collector, &address);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_away_is_told_once_and_costs_nothing() {
    let env = collector::env("http://127.0.0.1:9");
    let world = World::new(Settings { env, ..Settings::with_journey(STORY) }).await;
    let product = world.start().await;
    let deal = customers::hubspot(1, world.now());
    let address = customers::address(&deal).to_owned();
    world.win(deal).await;
    until_served(&world, &address).await;
    let began = Instant::now();
    assert_eq!(product.terminate().await, Some(0));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(world.log().matches("the collector takes no traces or metrics").count(), 1, "{}", world.log());
}
