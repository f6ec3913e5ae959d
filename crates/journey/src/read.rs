//! From the tree to a [`Definition`], with every finding at once.
//!
//! Keys of later releases are known by name, so that a file is never half obeyed. A part that cannot
//! be read is left out and the reading goes on; there is no definition unless nothing was wrong.

mod fields;
mod moment;
mod report;
mod scalar;

pub(crate) use report::{Report, place};

use std::time::Duration;

use afterglow_domain::{Currency, Money};

use crate::definition::{DayZero, Definition, Sending};
use crate::yaml::{Node, Value};

use fields::Fields;

/// Days beyond this are a mistake: ten years.
pub(crate) const DAY_MAX: i32 = 3650;
/// A journey of more promises than this is a mistake or an attack.
const MOMENTS_MAX: usize = 500;
/// Deals heard of later than this many days after day 0 get no journey, unless the file says otherwise.
const START_NOT_AFTER_DAY: i32 = 30;
/// The most that one customer's gifts may cost, unless the file says otherwise: 500 USD, in cents.
const BUDGET_MINOR: i64 = 50_000;

/// Reads the root; `None` where something that the language needs could not be read.
pub(crate) fn definition(report: &mut Report<'_>, root: &Node) -> Option<Definition> {
    let mut top = Fields::of(report, root, "")?;
    language(report, &mut top);
    let name = top.required(report, "journey").and_then(|node| scalar::slug(report, node, "journey"));
    one_journey_per(report, &mut top);
    let day_zero = day_zero(report, &mut top);
    let start = top.get(report, "start_not_after_day");
    let start =
        start.map_or(Some(START_NOT_AFTER_DAY), |node| scalar::day(report, node, "start_not_after_day"));
    let recipient = recipient(report, &mut top);
    let no_recipient = no_recipient(report, &mut top);
    let sending = sending(report, &mut top);
    let budget = budget(report, &mut top);
    owners(report, &mut top);
    let moments = moments(report, &mut top);
    let retired_ids = slugs(report, &mut top, "retired_ids");
    top.finish(report);
    Some(Definition {
        name: name?,
        day_zero: day_zero?,
        start_not_after_day: start?,
        recipient: recipient?,
        no_recipient: no_recipient?,
        sending: sending?,
        budget_per_customer: budget?,
        moments: moments?,
        retired_ids,
    })
}

fn language(report: &mut Report<'_>, top: &mut Fields<'_>) {
    let Some(node) = top.required(report, "afterglow") else { return };
    if !matches!(&node.value, Value::Scalar { text, quoted: false } if text == "1") {
        let message = "this program reads version 1 of the language".to_owned();
        report.at("J026", "afterglow", message, "write `afterglow: 1`, or use a later Afterglow".to_owned());
    }
}

fn one_journey_per(report: &mut Report<'_>, top: &mut Fields<'_>) {
    let Some(node) = top.get(report, "one_journey_per") else { return };
    if scalar::word(report, node, "one_journey_per", &["deal", "account"]) == Some("account") {
        report.later("one_journey_per", "one_journey_per: account");
    }
}

fn day_zero(report: &mut Report<'_>, top: &mut Fields<'_>) -> Option<DayZero> {
    let node = top.required(report, "day_0")?;
    match scalar::word(report, node, "day_0", &["close_date", "won_date"])? {
        "won_date" => Some(DayZero::WonDate),
        _ => Some(DayZero::CloseDate),
    }
}

fn recipient(report: &mut Report<'_>, top: &mut Fields<'_>) -> Option<Vec<String>> {
    top.required(report, "recipient")?;
    let roles = slugs(report, top, "recipient");
    if roles.is_empty() {
        let message = "the list is empty or unreadable".to_owned();
        report.at(
            "J006",
            "recipient",
            message,
            "name at least one role, such as [primary_contact]".to_owned(),
        );
        return None;
    }
    Some(roles)
}

fn no_recipient(report: &mut Report<'_>, top: &mut Fields<'_>) -> Option<String> {
    let node = top.required(report, "no_recipient")?;
    let mut fields = Fields::of(report, node, "no_recipient")?;
    let task =
        fields.required(report, "task").and_then(|node| scalar::file(report, node, "no_recipient.task"));
    fields.finish(report);
    task
}

fn sending(report: &mut Report<'_>, top: &mut Fields<'_>) -> Option<Sending> {
    let node = top.required(report, "sending")?;
    let mut fields = Fields::of(report, node, "sending")?;
    let zone = fields.required(report, "default_zone");
    let zone = zone.and_then(|node| scalar::zone(report, node, "sending.default_zone"));
    let send_at = fields.required(report, "send_at");
    let send_at = send_at.and_then(|node| scalar::time(report, node, "sending.send_at"));
    fields.finish(report);
    Some(Sending { zone: zone?, send_at: send_at?, window_at_least: Duration::ZERO })
}

fn budget(report: &mut Report<'_>, top: &mut Fields<'_>) -> Option<Money> {
    let default = Money::new(BUDGET_MINOR, Currency::USD);
    let Some(node) = top.get(report, "limits") else { return Some(default) };
    let mut fields = Fields::of(report, node, "limits")?;
    let path = "limits.budget_per_customer";
    let budget = match fields.get(report, "budget_per_customer") {
        Some(node) => scalar::money(report, node, path),
        None => Some(default),
    };
    fields.finish(report);
    budget
}

/// One owner from day 0 on, the deal's: everything else is a later release's handover.
fn owners(report: &mut Report<'_>, top: &mut Fields<'_>) {
    let Some(node) = top.get(report, "owners") else { return };
    for (at, node) in scalar::list(report, node, "owners").iter().enumerate() {
        let path = format!("owners[{at}]");
        report.mark(&path, node.spot);
        let Some(mut fields) = Fields::of(report, node, &path) else { continue };
        let from = format!("{path}.from_day");
        let day = fields.required(report, "from_day").and_then(|node| scalar::day(report, node, &from));
        let owner = format!("{path}.owner");
        let allowed = ["deal_owner", "customer_success_manager"];
        let who =
            fields.required(report, "owner").and_then(|node| scalar::word(report, node, &owner, &allowed));
        fields.finish(report);
        // A handover to another owner is a later release's; the key that asks for it is named.
        if who == Some("customer_success_manager") {
            report.later(&owner, "owner: customer_success_manager");
        } else if let Some(day) = day.filter(|day| at > 0 || *day > 0) {
            report.later(&from, &format!("from_day: {day}"));
        }
    }
}

fn moments(report: &mut Report<'_>, top: &mut Fields<'_>) -> Option<Vec<crate::definition::Moment>> {
    let node = top.required(report, "moments")?;
    let nodes = scalar::list(report, node, "moments");
    if nodes.is_empty() {
        let message = "a journey without moments promises nothing".to_owned();
        report.at("J006", "moments", message, "add a moment".to_owned());
        return None;
    }
    if nodes.len() > MOMENTS_MAX {
        let message = format!("{} moments, at most {MOMENTS_MAX} are possible", nodes.len());
        report.at("J018", "moments", message, "split the journey".to_owned());
        return None;
    }
    let read: Vec<_> = nodes.iter().enumerate().map(|(at, node)| moment::read(report, node, at)).collect();
    read.into_iter().collect()
}

fn slugs(report: &mut Report<'_>, top: &mut Fields<'_>, key: &'static str) -> Vec<String> {
    let Some(node) = top.get(report, key) else { return Vec::new() };
    let nodes = scalar::list(report, node, key);
    nodes.iter().filter_map(|node| scalar::slug(report, node, key)).collect()
}
