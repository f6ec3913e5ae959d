//! One promise with every check and call, as a person tells it.

use std::fmt::Write as _;
use std::time::Duration;

use afterglow_dispatcher::query::{AttemptView, Delivery};
use afterglow_dispatcher::{AttemptState, Check, CheckKind};
use afterglow_domain::{Crm, Timestamp};
use afterglow_journey::{DayZero, Zone, day_of};
use afterglow_journey_engine::query::{Enrolment, Obligation, Stands};
use afterglow_service::telemetry::Escaped;

use super::{minute, title, underway};

/// A deadline is the first instant after its last date.
const MOMENT: Duration = Duration::from_micros(1);

/// The promise's headline, what it was due for, its checks, its calls.
pub(super) fn told(of: &Enrolment, promise: &Obligation, delivery: Option<&Delivery>) -> Vec<String> {
    let clock = Clock { zone: &of.zone, planned: promise.planned };
    let mut lines = vec![headline(of, promise, delivery), due(of, promise, &clock)];
    let Some(delivery) = delivery else { return lines };
    if !delivery.checks.is_empty() {
        let asked = delivery.attempts.first().map_or(delivery.received_at, |attempt| attempt.started_at);
        let checks: Vec<String> = delivery.checks.iter().map(|asked| check(asked, delivery)).collect();
        lines.push(clock.line(asked, &format!("checks: {}", checks.join(" "))));
    }
    lines.extend(calls(delivery, &clock));
    if let Some(reason) = &delivery.without_gift {
        lines.push(format!("            without its gift: {}", Escaped(reason)));
    }
    if let Some(end) = delivery.conclusion.as_ref().filter(|end| end.outcome != "delivered") {
        lines.push(clock.line(end.at, &format!("{}: {}", end.outcome, Escaped(&end.reason))));
    } else if let Some(wait) = &delivery.waits_for {
        let again = delivery.next_look_at.map(|at| format!("; looked at again {}", minute(&of.zone, at)));
        let reason = Escaped(wait.reason());
        lines.push(format!("            waits: {reason}{}", again.unwrap_or_default()));
    }
    lines.extend(
        delivery.details_removed.map(|at| clock.line(at, "details removed; what happened, and when, stays")),
    );
    lines
}

/// `first-week   delivered on day 7, 2026-03-13 09:31 Europe/Berlin (planned 09:30, on time)`
fn headline(of: &Enrolment, promise: &Obligation, delivery: Option<&Delivery>) -> String {
    let zone = &of.zone;
    let on = |at: Timestamp| {
        let day = day_of(of.day_zero, zone.date_of(at));
        format!("day {day}, {} {}", minute(zone, at), zone.name())
    };
    let planned = |at: Timestamp| {
        let same = zone.date_of(at) == zone.date_of(promise.planned);
        let text = minute(zone, promise.planned);
        if same { text[11..].to_owned() } else { text }
    };
    let because = |reason: &str| match reason {
        "" => String::new(),
        reason => format!(": {}", Escaped(reason)),
    };
    let what = match &promise.stands {
        Stands::Closed(closed) => {
            let on_time = match closed.outcome {
                "delivered" => ", on time".to_owned(),
                "late" => format!(", late by {} h", closed.at.since(promise.planned).as_secs() / 3600),
                _ => String::new(),
            };
            let word = if closed.outcome == "late" { "delivered" } else { closed.outcome };
            let note = if word == "delivered" { String::new() } else { because(&closed.reason) };
            format!("{word} on {} (planned {}{on_time}){note}", on(closed.at), planned(closed.at))
        }
        Stands::Waiting { due, reason } => {
            let reason = because(reason.as_deref().unwrap_or_default());
            format!("waits for {} (planned {}){reason}", on(*due), planned(*due))
        }
        Stands::Emitted { asked, revoking } => {
            let reason = because(&underway(delivery, revoking.as_ref()));
            format!("under way since {} (planned {}){reason}", on(*asked), planned(*asked))
        }
    };
    format!("{}   {what}", title(promise))
}

/// `due: day 7 after close date 2026-03-06 (Salesforce 006…, first-90-days version 1)`
fn due(of: &Enrolment, promise: &Obligation, clock: &Clock<'_>) -> String {
    let from = match of.counted_from {
        DayZero::CloseDate => "close date",
        DayZero::WonDate => "the win on",
    };
    let crm = match of.deal.deal.crm() {
        Crm::Hubspot => "HubSpot",
        Crm::Salesforce => "Salesforce",
    };
    let (journey, version) = &of.journey;
    let text = format!(
        "due: day {} after {from} {} ({crm} {}, {journey} version {version}), not after {}",
        promise.day,
        of.day_zero,
        of.deal.deal.object(),
        clock.zone.date_of(promise.deadline.minus(MOMENT))
    );
    clock.line(promise.planned, &text)
}

/// `contact Priya Shah ✓`
fn check(check: &Check, delivery: &Delivery) -> String {
    // The name goes with the other details when they are old.
    let name = match delivery.recipient.expose().as_str() {
        "" => "known",
        name => name,
    };
    let what = match (check.kind, check.passed) {
        (CheckKind::Wanted, true) => "running".to_owned(),
        (CheckKind::Wanted, false) => format!("taken back: {}", check.note),
        (CheckKind::Deadline, true) => "in time".to_owned(),
        (CheckKind::Deadline, false) => format!("too late, {}", check.note),
        (CheckKind::Address, true) => format!("contact {name}"),
        (CheckKind::Address, false) => format!("contact {name}: {}", check.note),
        (CheckKind::Signals, true) => "unsubscriptions read".to_owned(),
        (CheckKind::Budget, true) => format!("budget {}", budget_note(&check.note)),
        (CheckKind::Vendor, true) => "vendor".to_owned(),
        (CheckKind::Vendor, false) => format!("vendor: {}", check.note),
        (CheckKind::Consent | CheckKind::Signals | CheckKind::Budget, _) => check.note.clone(),
    };
    format!("{} {}", Escaped(&what), if check.passed { "✓" } else { "✗" })
}

/// `25 USD of 500 USD used` as `25 of 500 USD`.
fn budget_note(note: &str) -> String {
    let amounts = note.strip_suffix(" used").and_then(|amounts| amounts.split_once(" of "));
    let currency = |amount: &str| amount.rsplit(' ').next().map(str::to_owned);
    match amounts {
        Some((used, cap)) if currency(used) == currency(cap) => {
            format!("{} of {cap}", used.split(' ').next().unwrap_or(used))
        }
        _ => note.to_owned(),
    }
}

/// The calls in their order; a mail that was accepted right after its gift stands in the gift's line.
fn calls(delivery: &Delivery, clock: &Clock<'_>) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut after_gift = false;
    for attempt in &delivery.attempts {
        let mail = attempt.step.as_str() == "notify";
        let told = if mail { mail_call(attempt) } else { gift_call(attempt, delivery) };
        let ended = attempt.ended_at.unwrap_or(attempt.started_at);
        match (told, lines.last_mut()) {
            ((mail, None), Some(gift)) if after_gift && attempt.state.acted() => {
                // Writing to a String cannot fail.
                let _ = write!(gift, " → {mail}");
            }
            ((call, later), _) => {
                lines.push(clock.line(attempt.started_at, &call));
                lines.extend(later.map(|later| clock.line(ended, &later)));
            }
        }
        after_gift = !mail && attempt.state.acted();
    }
    lines
}

/// What an order's call was, and what was found out about it later.
fn gift_call(attempt: &AttemptView, delivery: &Delivery) -> (String, Option<String>) {
    let (vendor, id) = (vendor(&attempt.vendor), delivery.touchpoint);
    let ordered = format!("gift ordered at {vendor} as {id}");
    let worth = delivery.worth.map(|worth| format!(", {worth}")).unwrap_or_default();
    let reason = Escaped(reason(attempt, &vendor));
    let unknown = format!("{ordered}; {reason}, outcome unknown; not ordered again");
    match attempt.state {
        AttemptState::Claimed | AttemptState::InFlight => (format!("{ordered}; no answer yet"), None),
        // An order is never "not handed over"; its mail is.
        AttemptState::Accepted | AttemptState::NotHandedOver => {
            (format!("{ordered}: order {}{worth}", attempt.vendor_id), None)
        }
        AttemptState::Rejected => (format!("gift not ordered at {vendor}: {reason}"), None),
        AttemptState::Unknown => (unknown, Some(format!("being looked up as {id}"))),
        AttemptState::Found => {
            let found = format!("looked up {id}: order {} exists{worth}, once", attempt.vendor_id);
            (unknown, Some(found))
        }
        AttemptState::NotFound => {
            (format!("{ordered}; outcome unknown"), Some(format!("looked up {id}: not there ({reason})")))
        }
        AttemptState::InDoubt => (unknown, Some(format!("a person decides: attempt {}", attempt.id))),
        AttemptState::ResolvedSent => (unknown, Some("a person decided: it was ordered".to_owned())),
        AttemptState::ResolvedNotSent => (unknown, Some("a person decided: it was not ordered".to_owned())),
    }
}

/// What a mail's call was, and what a person found out about it later.
fn mail_call(attempt: &AttemptView) -> (String, Option<String>) {
    let vendor = &attempt.vendor;
    let reason = Escaped(reason(attempt, vendor));
    let unknown = format!("mail handed to {vendor}; {reason}, outcome unknown; not sent again");
    match attempt.state {
        AttemptState::Claimed => (format!("mail waits for {vendor}"), None),
        AttemptState::InFlight | AttemptState::Unknown => {
            (format!("mail handed to {vendor}; no answer yet"), None)
        }
        AttemptState::Accepted | AttemptState::Found => {
            (format!("mail sent, accepted by {vendor} ({})", Escaped(&attempt.vendor_id)), None)
        }
        AttemptState::Rejected | AttemptState::NotFound => (format!("mail not sent: {reason}"), None),
        AttemptState::NotHandedOver => {
            let person = format!("a person sees to the gift: attempt {}", attempt.id);
            (format!("mail not sent, the gift is paid for: {reason}"), Some(person))
        }
        AttemptState::InDoubt => (unknown, Some(format!("a person decides: attempt {}", attempt.id))),
        AttemptState::ResolvedSent => (unknown, Some("a person decided: it was sent".to_owned())),
        AttemptState::ResolvedNotSent => (unknown, Some("a person decided: it was not sent".to_owned())),
    }
}

/// Why a call did not work, without the vendor's name, which its line has already.
fn reason<'a>(attempt: &'a AttemptView, vendor: &str) -> &'a str {
    let reason = attempt.reason.strip_prefix(vendor).and_then(|rest| rest.strip_prefix(": "));
    match reason.unwrap_or(&attempt.reason) {
        "" => "the answer got lost",
        reason => reason,
    }
}

/// A vendor's name as people write it.
fn vendor(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The recipient's clock, and the planned day, whose date need not be said again.
struct Clock<'a> {
    zone: &'a Zone,
    planned: Timestamp,
}

impl Clock<'_> {
    /// `  09:30:01  text`; on another day than planned with its date. A call before the plan is one of a
    /// sandbox whose days are shorter than the wall's: calls carry the wall's time.
    fn line(&self, at: Timestamp, text: &str) -> String {
        let local = self.zone.local(at);
        let planned_on = self.zone.date_of(self.planned);
        let stamp = if at < self.planned {
            local.strftime("%Y-%m-%d %H:%M:%S (on the wall)")
        } else if local.date() == planned_on {
            local.strftime("%H:%M:%S")
        } else {
            local.strftime("%Y-%m-%d %H:%M:%S")
        };
        format!("  {stamp}  {text}")
    }
}
