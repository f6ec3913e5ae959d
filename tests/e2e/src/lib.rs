//! What the end-to-end stories share: a journey that is short enough to wait for, and its ends.
//!
//! The stories themselves are in `tests/e2e/`. They run over real sockets against the product's own
//! process; what they assert is what a customer, a vendor or an operator sees.

use std::time::Duration;

use afterglow_domain::DealKey;
use afterglow_events::proto::{DeliveryOutcome, ObligationOutcome};
use afterglow_support::{History, World};

/// Four promises; the pause before the third is long enough to change the deal's fate in it. Ample
/// deadlines and days between: on a busy machine a moment is late rather than waived, and a gift with its
/// two calls is not overtaken by the mail after it.
pub const STORY: &str = r#"afterglow: 1
journey: story
one_journey_per: deal
day_0: close_date
start_not_after_day: 300
recipient: [champion, decision_maker, primary_contact]
no_recipient: {task: tasks/add-a-contact.md}
sending: {default_zone: Europe/Berlin, send_at: "09:30"}
limits: {budget_per_customer: 500 USD}
owners: [{from_day: 0, owner: deal_owner}]
moments:
  - {id: welcome, day: 1, not_after_day: 300, intent: welcome,
     gift: {worth: 25 USD, pick: coffee, mail: mails/welcome.md, mail_without_gift: mails/welcome-note.md}}
  - {id: getting-started, day: 5, not_after_day: 300, intent: anticipate, mail: mails/getting-started.md}
  - {id: first-month, day: 14, not_after_day: 300, intent: celebrate,
     gift: {worth: 50 USD, pick: recipient_chooses, mail: mails/first-month.md, mail_without_gift: mails/first-month-note.md}}
  - {id: value-1, day: 18, not_after_day: 300, intent: value, mail: mails/tip-1.md}
"#;

/// The subjects of the story's mails, for a recipient called Robin.
pub const STORY_SUBJECTS: [&str; 4] = [
    "Welcome, Robin. Coffee is on us",
    "Three things worth setting up first",
    "Your first month",
    "A shortcut worth knowing",
];

/// Where the tasks of a HubSpot deal go: its owner in the sandbox's CRM.
pub const OWNER: &str = "mia.brandt@afterglow.example";

/// How long a story of eighteen days of a second each may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// The moments of a deal that were kept, in time or late, in the order of their plan: on a busy machine a day
/// of a second is over before a call is.
pub fn kept(history: &History, deal: &DealKey) -> Vec<String> {
    let ends = [ObligationOutcome::Delivered as i32, ObligationOutcome::Late as i32];
    ended(history, deal, &ends)
}

/// Waits until a moment of a deal was kept.
pub async fn until_kept(world: &World, deal: &DealKey, moment: &str) -> History {
    let kept = |history: &History| kept(history, deal).iter().any(|kept| kept == moment);
    world.until_history(&format!("{moment} was kept"), PATIENCE, kept).await
}

/// The moments of a deal that were waived, in the order of their plan.
pub fn waived(history: &History, deal: &DealKey) -> Vec<String> {
    ended(history, deal, &[ObligationOutcome::Waived as i32])
}

fn ended(history: &History, deal: &DealKey, ends: &[i32]) -> Vec<String> {
    let wanted = history.closed_of(deal).filter(|closed| ends.contains(&closed.outcome));
    let mut wanted: Vec<_> = wanted.collect();
    wanted.sort_by_key(|closed| closed.planned_at.as_ref().map(|at| (at.seconds, at.nanos)));
    // What was cut off while it was sent is there twice.
    wanted.dedup_by(|a, b| a.obligation_id == b.obligation_id);
    wanted.into_iter().map(|closed| closed.moment.clone()).collect()
}

/// Why touchpoints of a deal were refused.
pub fn refusals(history: &History, deal: &DealKey) -> Vec<String> {
    let refused = DeliveryOutcome::Refused as i32;
    let wanted = history.concluded_of(deal).filter(|done| done.outcome == refused);
    wanted.map(|done| done.reason.clone()).collect()
}
