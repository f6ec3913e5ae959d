//! The text of an explanation: pure, from what the roles' queries gave.
//!
//! Times are the recipient's. Every promise is told by its moment, and a moment that was promised several
//! times is counted once where moments are counted.

mod deal;
mod story;

use std::collections::BTreeMap;

use afterglow_dispatcher::query::{AttemptView, Delivery};
use afterglow_dispatcher::{AttemptState, Budget};
use afterglow_domain::{Money, Timestamp};
use afterglow_journey::Zone;
use afterglow_journey_engine::query::{Enrolment, Obligation, Stands};
use afterglow_journey_engine::rows::Closed;
use afterglow_service::telemetry::Escaped;

use super::Detail;

pub(super) use deal::{deal_without_journey, known_deal, unread_deal};

/// Everything about one enrolment.
pub(super) fn enrolment(
    of: &Enrolment,
    deliveries: &[Delivery],
    budgets: &[Budget],
    detail: &Detail,
) -> Vec<String> {
    let delivery_of =
        |promise: &Obligation| deliveries.iter().find(|delivery| delivery.touchpoint == promise.touchpoint);
    let mut lines = Vec::new();
    if let Detail::Moment(moment) = detail {
        for promise in of.obligations.iter().filter(|promise| promise.moment == *moment) {
            lines.extend(story::told(of, promise, delivery_of(promise)));
        }
    } else {
        lines.push(header(of));
        for promise in &of.obligations {
            let delivery = delivery_of(promise);
            if *detail == Detail::All {
                lines.extend(story::told(of, promise, delivery));
            } else {
                lines.push(summary(of, promise, delivery));
            }
        }
        lines.extend(budgets.iter().map(budget));
    }
    if let Some(at) = of.details_removed {
        let on = of.zone.date_of(at);
        lines.push(format!("  details removed on {on}; what happened, and when, stays."));
    }
    lines.push(outlook(of, detail));
    lines
}

/// The moments of an enrolment, in the order of their planned times, each once.
pub(super) fn moments(of: &Enrolment) -> Vec<&str> {
    let mut moments: Vec<&str> = Vec::new();
    for promise in &of.obligations {
        if !moments.contains(&promise.moment.as_str()) {
            moments.push(&promise.moment);
        }
    }
    moments
}

/// `Bluebird Labs   acme/salesforce:…   first-90-days version 1, day 0 is 2026-03-06, active`
pub(super) fn header(of: &Enrolment) -> String {
    let name = if of.account.1.is_empty() { of.home.as_str() } else { &of.account.1 };
    let reason = of.phase_reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!(
        "{}   {}   {} version {}, day 0 is {}, {}{reason}; times in {}",
        Escaped(name),
        of.home,
        of.journey.0,
        of.journey.1,
        of.day_zero,
        of.phase,
        of.zone.name()
    )
}

/// `first-week       delivered  2026-03-13 09:31  gift TR-9C5A, mail`
fn summary(of: &Enrolment, promise: &Obligation, delivery: Option<&Delivery>) -> String {
    let (word, at, why) = match &promise.stands {
        Stands::Closed(closed) => (closed.outcome, closed.at, closed.reason.clone()),
        Stands::Waiting { due, reason } => ("waits", *due, reason.clone().unwrap_or_default()),
        Stands::Emitted { asked, revoking } => ("under way", *asked, underway(delivery, revoking.as_ref())),
    };
    let what = delivery.map(effects).unwrap_or_default();
    let parts: Vec<String> = [what, why].into_iter().filter(|part| !part.is_empty()).collect();
    let line = format!("  {:<18} {word:<10} {}  {}", title(promise), minute(&of.zone, at), parts.join("; "));
    line.trim_end().to_owned()
}

/// The moment, and which occurrence of it after the first.
fn title(promise: &Obligation) -> String {
    match promise.occurrence {
        0 => promise.moment.clone(),
        again => format!("{} (again, {again})", promise.moment),
    }
}

/// What keeps a touchpoint that is with the dispatcher.
fn underway(delivery: Option<&Delivery>, revoking: Option<&String>) -> String {
    let waits = delivery.and_then(|delivery| delivery.waits_for.as_ref());
    let back = revoking.map(|reason| format!("being taken back: {reason}"));
    back.or_else(|| waits.map(|wait| wait.reason().to_owned())).unwrap_or_default()
}

/// What reached the vendors: `gift TR-9C5A at tremendous, 25 USD, mail`.
fn effects(delivery: &Delivery) -> String {
    let done = |attempt: &&AttemptView| {
        matches!(attempt.state, AttemptState::Accepted | AttemptState::Found | AttemptState::ResolvedSent)
    };
    let effect = |attempt: &AttemptView| match (attempt.step.as_str(), delivery.worth) {
        ("order", Some(worth)) => format!("gift {} at {}, {worth}", attempt.vendor_id, attempt.vendor),
        ("notify", _) => "mail".to_owned(),
        (other, _) => other.to_owned(),
    };
    let effects: Vec<String> = delivery.attempts.iter().filter(done).map(effect).collect();
    effects.join(", ")
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

/// ``next: value-2 on 2026-04-17.   Not sent so far: getting-started.   `explain --all` shows all 11.``
fn outlook(of: &Enrolment, detail: &Detail) -> String {
    let waiting = of.obligations.iter().filter_map(|promise| match &promise.stands {
        Stands::Waiting { due, .. } => Some((*due, promise.moment.as_str())),
        _ => None,
    });
    let next = waiting.min().map_or("next: nothing".to_owned(), |(due, moment)| {
        format!("next: {moment} on {}", of.zone.date_of(due))
    });
    let unsent = unsent(of);
    let unsent = if unsent.is_empty() { "nothing".to_owned() } else { unsent.join(", ") };
    let more = match detail {
        Detail::All => String::new(),
        Detail::Short | Detail::Moment(_) => {
            format!("   `explain --all` shows all {}.", moments(of).len())
        }
    };
    format!("{next}.   Not sent so far: {unsent}.{more}")
}

/// The moments whose latest promise is closed and was not kept, each once.
fn unsent(of: &Enrolment) -> Vec<&str> {
    let mut latest: BTreeMap<&str, &Obligation> = BTreeMap::new();
    for promise in &of.obligations {
        let newest = latest.entry(&promise.moment).or_insert(promise);
        if promise.occurrence > newest.occurrence {
            *newest = promise;
        }
    }
    let broken = |promise: &Obligation| {
        matches!(promise.stands, Stands::Closed(Closed { outcome: "waived" | "failed", .. }))
    };
    moments(of)
        .into_iter()
        .filter(|moment| latest.get(moment).is_some_and(|promise| broken(promise)))
        .collect()
}

/// A point in time as `2026-03-13 09:31`, on the recipient's clock.
fn minute(zone: &Zone, at: Timestamp) -> String {
    zone.local(at).strftime("%Y-%m-%d %H:%M").to_string()
}

#[cfg(test)]
mod tests;
