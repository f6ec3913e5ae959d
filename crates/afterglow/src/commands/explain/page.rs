//! The text of an explanation: pure, from what the roles' queries gave.

use afterglow_dispatcher::query::{AttemptView, Delivery};
use afterglow_dispatcher::{AttemptState, Budget};
use afterglow_domain::{Money, Timestamp};
use afterglow_ingest::query::DealView;
use afterglow_journey_engine::query::{Deal, Enrolment, Obligation, Open};
use afterglow_service::telemetry::Escaped;

use super::Detail;

/// Everything about one enrolment.
pub(super) fn enrolment(
    of: &Enrolment,
    deliveries: &[Delivery],
    budgets: &[Budget],
    detail: &Detail,
) -> Vec<String> {
    let name = if of.account.1.is_empty() { of.home.as_str() } else { &of.account.1 };
    let reason = of.phase_reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let mut lines = vec![format!(
        "{}   {}   {} version {}, day 0 is {}, {}{reason}",
        Escaped(name),
        of.home,
        of.journey.0,
        of.journey.1,
        of.day_zero,
        of.phase
    )];
    for promise in &of.obligations {
        if matches!(detail, Detail::Moment(moment) if *moment != promise.moment) {
            continue;
        }
        let delivery = deliveries.iter().find(|delivery| delivery.touchpoint == promise.touchpoint);
        lines.push(summary(promise, delivery));
        if *detail != Detail::Short {
            lines.extend(story(promise, delivery));
        }
    }
    lines.extend(budgets.iter().map(budget));
    if let Some(at) = of.details_removed {
        lines.push(format!("  details removed on {}; what happened, and when, stays.", date(at)));
    }
    lines.push(outlook(of, detail));
    lines
}

/// `first-week       delivered  2026-03-13 09:31  gift TR-9C5A, mail`
fn summary(promise: &Obligation, delivery: Option<&Delivery>) -> String {
    let again =
        if promise.occurrence == 0 { String::new() } else { format!(" (again, {})", promise.occurrence) };
    let (word, at, why) = match (&promise.closed, &promise.open) {
        (Some(closed), _) => (closed.outcome, closed.at, closed.reason.clone()),
        (None, Some(Open::Waiting { due, reason })) => ("waits", *due, reason.clone().unwrap_or_default()),
        (None, Some(Open::Emitted { asked, revoking })) => {
            let waits = delivery.and_then(|delivery| delivery.waits_for.as_ref());
            let why = revoking.as_ref().map(|reason| format!("being taken back: {reason}"));
            let why = why.or_else(|| waits.map(|wait| wait.reason().to_owned()));
            ("under way", *asked, why.unwrap_or_default())
        }
        (None, None) => ("open", promise.planned, String::new()),
    };
    let what = delivery.map(effects).unwrap_or_default();
    let parts: Vec<String> = [what, why].into_iter().filter(|part| !part.is_empty()).collect();
    let line = format!(
        "  {:<18} {word:<10} {}  {}",
        format!("{}{again}", promise.moment),
        minute(at),
        parts.join("; ")
    );
    line.trim_end().to_owned()
}

/// What reached the vendors: `gift TR-9C5A 25 USD, mail`.
fn effects(delivery: &Delivery) -> String {
    let done = |attempt: &&AttemptView| {
        matches!(attempt.state, AttemptState::Accepted | AttemptState::Found | AttemptState::ResolvedSent)
    };
    let effect = |attempt: &AttemptView| match attempt.step.as_str() {
        "order" => format!("gift {} at {}", attempt.vendor_id, attempt.vendor),
        "notify" => "mail".to_owned(),
        other => other.to_owned(),
    };
    let mut effects: Vec<String> = delivery.attempts.iter().filter(done).map(effect).collect();
    if let Some(worth) = delivery.worth.filter(|_| !effects.is_empty()) {
        effects[0] = format!("{}, {worth}", effects[0]);
    }
    effects.join(", ")
}

/// The checks and calls behind a promise.
fn story(promise: &Obligation, delivery: Option<&Delivery>) -> Vec<String> {
    let mut lines =
        vec![format!("      planned {}, not after {}", minute(promise.planned), minute(promise.deadline))];
    let Some(delivery) = delivery else { return lines };
    if !delivery.checks.is_empty() {
        let checks: Vec<String> = delivery.checks.iter().map(check).collect();
        lines.push(format!("      checks: {}", checks.join("  ")));
    }
    lines.extend(delivery.attempts.iter().map(attempt));
    if let Some(reason) = &delivery.without_gift {
        lines.push(format!("      without its gift: {reason}"));
    }
    if let Some(conclusion) = &delivery.conclusion {
        let reason =
            if conclusion.reason.is_empty() { String::new() } else { format!(": {}", conclusion.reason) };
        lines.push(format!("      {}  {}{reason}", minute(conclusion.at), conclusion.outcome));
    }
    lines.extend(delivery.details_removed.map(|at| format!("      details removed on {}", date(at))));
    lines
}

fn check(check: &afterglow_dispatcher::Check) -> String {
    let mark = if check.passed { "✓" } else { "✗" };
    let note = if check.note.is_empty() { String::new() } else { format!(" ({})", check.note) };
    format!("{:?} {mark}{note}", check.kind).to_lowercase()
}

fn attempt(attempt: &AttemptView) -> String {
    let id = if attempt.vendor_id.is_empty() { String::new() } else { format!(" as {}", attempt.vendor_id) };
    let reason = if attempt.reason.is_empty() { String::new() } else { format!(": {}", attempt.reason) };
    format!(
        "      {}  call {} ({}) to {}: {}{id}{reason}",
        attempt.started_at,
        attempt.n,
        attempt.step.as_str(),
        attempt.vendor,
        attempt.state.as_str().replace('_', " ")
    )
}

fn budget(budget: &Budget) -> String {
    let money = |minor| Money::new(minor, budget.key.currency);
    format!(
        "  budget {}: {} spent, {} reserved, of {}",
        budget.key.year,
        money(budget.spent_minor),
        money(budget.reserved_minor),
        money(budget.cap_minor)
    )
}

/// `next: value-2 on 2026-04-17 07:30.  Not sent so far: getting-started.`
fn outlook(of: &Enrolment, detail: &Detail) -> String {
    let waiting = of.obligations.iter().filter_map(|promise| match &promise.open {
        Some(Open::Waiting { due, .. }) if promise.closed.is_none() => Some((*due, promise.moment.as_str())),
        _ => None,
    });
    let next = waiting
        .min()
        .map_or("next: nothing".to_owned(), |(due, moment)| format!("next: {moment} on {}", minute(due)));
    let unsent = |promise: &&Obligation| {
        promise.closed.as_ref().is_some_and(|closed| matches!(closed.outcome, "waived" | "failed"))
    };
    let unsent: Vec<&str> =
        of.obligations.iter().filter(unsent).map(|promise| promise.moment.as_str()).collect();
    let unsent = if unsent.is_empty() { "nothing".to_owned() } else { unsent.join(", ") };
    let more = if *detail == Detail::Short { "   --all shows every check and call." } else { "" };
    format!("  {next}.   Not sent so far: {unsent}.{more}")
}

/// A deal that the engine knows and that has no journey.
pub(super) fn deal_without_journey(deal: &Deal) -> String {
    let why = match (&deal.declined, deal.waiting.is_empty()) {
        (Some(reason), _) => format!("no journey: {reason}"),
        (None, false) => format!("waits for an earlier event than {:?}", deal.waiting),
        (None, true) => "no journey".to_owned(),
    };
    let standing = format!("{:?}", deal.standing).to_lowercase();
    format!("{}   {}   deal {} is {standing}: {why}", Escaped(&deal.account.1), deal.home, deal.deal.deal)
}

/// A look at the CRM that is still to be made.
pub(super) fn pending_look(view: &DealView) -> Option<String> {
    let pending = view.pending.as_ref()?;
    Some(format!("  deal {} is read again at the CRM from {} on", pending.deal.deal, minute(pending.due)))
}

/// A day as `2026-03-13`.
fn date(at: Timestamp) -> String {
    at.to_jiff().strftime("%Y-%m-%d").to_string()
}

/// A point in time as `2026-03-13 09:31Z`.
fn minute(at: Timestamp) -> String {
    at.to_jiff().strftime("%Y-%m-%d %H:%MZ").to_string()
}

#[cfg(test)]
mod tests {
    use afterglow_domain::{ConnectionId, DealKey, DealRef, EnrolmentId, HomeKey, Tenant};

    use super::*;

    #[test]
    fn a_customer_whose_details_are_removed_still_has_a_story() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let id = "00000000-0000-0000-0000-000000000000".parse::<EnrolmentId>().unwrap();
        let closed = afterglow_journey_engine::rows::Closed {
            outcome: "delivered",
            reason: String::new(),
            at: at("2026-03-07T08:31:00Z"),
        };
        let promise = Obligation {
            moment: "welcome".to_owned(),
            occurrence: 0,
            planned: at("2026-03-07T08:30:00Z"),
            deadline: at("2026-03-27T08:30:00Z"),
            touchpoint: afterglow_events::identity::touchpoint(id, "welcome", 0),
            closed: Some(closed),
            open: None,
        };
        let of = Enrolment {
            id,
            home: HomeKey::new("acme/hubspot:33:9001").unwrap(),
            deal: DealRef {
                tenant: Tenant::new("acme").unwrap(),
                connection: ConnectionId::new("hub").unwrap(),
                deal: DealKey::hubspot(33, "1").unwrap(),
            },
            journey: ("first-90-days".to_owned(), 1),
            phase: "completed",
            phase_reason: None,
            account: ("hubspot:33:9001".to_owned(), "Northwind GmbH".to_owned()),
            day_zero: "2026-03-06".to_owned(),
            next_due: None,
            details_removed: Some(at("2027-07-10T03:00:00Z")),
            obligations: vec![promise],
        };
        insta::assert_snapshot!(enrolment(&of, &[], &[], &Detail::Short).join("\n"), @r"
        Northwind GmbH   acme/hubspot:33:9001   first-90-days version 1, day 0 is 2026-03-06, completed
          welcome            delivered  2026-03-07 08:31Z
          details removed on 2027-07-10; what happened, and when, stays.
          next: nothing.   Not sent so far: nothing.   --all shows every check and call.
        ");
    }
}
