//! Deals without a journey: what is known of them, and what has to happen first.

use afterglow_domain::Timestamp;
use afterglow_ingest::query::DealView;
use afterglow_ingest::store::{Refresh, State};
use afterglow_journey_engine::query::Deal;
use afterglow_service::telemetry::Escaped;

/// A deal that the engine knows and that has no journey.
pub(crate) fn deal_without_journey(deal: &Deal) -> String {
    let why = match (&deal.declined, deal.waiting.is_empty()) {
        (Some(reason), _) => format!("no journey: {reason}"),
        (None, false) => format!("waits for an earlier event than {:?}", deal.waiting),
        (None, true) => "no journey".to_owned(),
    };
    let standing = format!("{:?}", deal.standing).to_lowercase();
    format!("{}   {}   deal {} is {standing}: {why}", Escaped(&deal.account.1), deal.home, deal.deal.deal)
}

/// A deal as it was read at the CRM: what it is where nothing else was told of it, and the look that it
/// waits for.
pub(crate) fn known_deal(view: &DealView, told: bool) -> Option<String> {
    let (known, key) = (&view.known, &view.known.deal.deal);
    let again = view.pending.as_ref().map(look);
    if told {
        return again.map(|again| format!("  deal {key} is read again: {again}"));
    }
    let what = match known.state {
        State::Won => "its journey has not started yet",
        State::Open => "its journey starts when it is won",
        State::Lost | State::Deleted => "it gets no journey",
    };
    let name = known.snapshot.account.as_ref().map(|account| account.name.as_str()).unwrap_or_default();
    let line = format!(
        "{}   deal {key} was {} when it was read at the CRM at {}: {what}{}",
        Escaped(name),
        known.state.as_str(),
        utc(known.read_at),
        again.map(|again| format!("; it is read again: {again}")).unwrap_or_default()
    );
    Some(line.trim_start().to_owned())
}

/// A deal that was announced and could not be read yet.
pub(crate) fn unread_deal(pending: &Refresh) -> String {
    let (deal, since) = (&pending.deal.deal, utc(pending.since));
    format!("deal {deal} was announced at {since} and is not read at the CRM yet: {}", look(pending))
}

/// When the CRM is asked, and why it was not of use so far.
fn look(pending: &Refresh) -> String {
    let next = if pending.claimed {
        "being read now".to_owned()
    } else {
        format!("next try at {}", utc(pending.due))
    };
    let tried = match (pending.failures, &pending.problem) {
        (0, _) => String::new(),
        (1, problem) => format!(", 1 try failed{}", because(problem.as_ref())),
        (many, problem) => format!(", {many} tries failed{}", because(problem.as_ref())),
    };
    format!("{next}{tried}")
}

fn because(problem: Option<&String>) -> String {
    problem.map(|problem| format!(": {}", Escaped(problem))).unwrap_or_default()
}

/// A point in time as `2026-03-13 09:31 UTC`: a deal without a journey has no recipient whose clock counts.
fn utc(at: Timestamp) -> String {
    at.to_jiff().strftime("%Y-%m-%d %H:%M UTC").to_string()
}
