//! One moment and its deed.

use afterglow_domain::Intent;

use crate::definition::{Deed, IfLate, Moment};
use crate::yaml::{Node, Value};

use super::fields::Fields;
use super::{Report, scalar};

/// `not_after_day`, where absent, is the day plus this.
const NOT_AFTER_DEFAULT_DAYS: i32 = 7;
/// Deeds of later releases: they count, so that a moment with one is not "without a deed" as well.
const LATER_DEEDS: &[&str] = &["survey", "first_that_fits", "nothing", "after", "instead"];

pub(super) fn read(report: &mut Report<'_>, node: &Node, at: usize) -> Option<Moment> {
    let path = match node.get("id").map(|id| &id.value) {
        Some(Value::Scalar { text, .. }) => format!("moments[{}]", super::fields::shorten(text)),
        _ => format!("moments[{at}]"),
    };
    report.mark(&path, node.spot);
    let mut fields = Fields::of(report, node, &path)?;
    let id = fields.required(report, "id").and_then(|node| id(report, node, &fields.path("id")));
    let waits_for_signal = node.get("after").is_some();
    let day = if waits_for_signal { None } else { fields.required(report, "day") };
    let day = day.and_then(|node| scalar::day(report, node, &fields.path("day")));
    let not_after_day = match fields.get(report, "not_after_day") {
        Some(node) => scalar::day(report, node, &fields.path("not_after_day")),
        None => day.map(|day| day + NOT_AFTER_DEFAULT_DAYS),
    };
    let if_late = if_late(report, &mut fields);
    let deed = deed(report, &mut fields, node);
    let intent = intent(report, &mut fields, deed.as_ref());
    fields.finish(report);
    let (id, day, not_after_day) = (id?, day?, not_after_day?);
    if not_after_day < day {
        let message = format!("not after day {not_after_day}, but it is planned for day {day}");
        let remedy = format!("use {day} or later");
        report.at("J010", &format!("{path}.not_after_day"), message, remedy);
    }
    Some(Moment { id, day, not_after_day, if_late: if_late?, intent: intent?, deed: deed? })
}

/// Ids have no underscore: they are shown as words.
fn id(report: &mut Report<'_>, node: &Node, field: &str) -> Option<String> {
    let id = scalar::slug(report, node, field)?;
    if id.contains('_') {
        let remedy = format!("write `{}`", id.replace('_', "-"));
        report.at_spot("J011", (field, node.spot), format!("`{id}` has an underscore"), remedy);
        return None;
    }
    Some(id)
}

fn if_late(report: &mut Report<'_>, fields: &mut Fields<'_>) -> Option<IfLate> {
    let Some(node) = fields.get(report, "if_we_start_late") else { return Some(IfLate::Send) };
    match scalar::word(report, node, &fields.path("if_we_start_late"), &["send", "skip", "shift"])? {
        "skip" => Some(IfLate::Skip),
        "shift" => Some(IfLate::Shift),
        _ => Some(IfLate::Send),
    }
}

fn intent(report: &mut Report<'_>, fields: &mut Fields<'_>, deed: Option<&Deed>) -> Option<Intent> {
    let field = fields.path("intent");
    let words: Vec<&str> = Intent::ALL.iter().map(|intent| intent.as_str()).collect();
    match fields.get(report, "intent") {
        Some(node) => scalar::word(report, node, &field, &words).and_then(Intent::parse),
        None if matches!(deed, Some(Deed::Gift { .. })) => Some(Intent::Celebrate),
        None if deed.is_none() => None,
        None => {
            let message = "why this moment exists is not said".to_owned();
            report.at("J025", &field, message, format!("add `intent:` with one of {}", words.join(", ")));
            None
        }
    }
}

fn deed(report: &mut Report<'_>, fields: &mut Fields<'_>, node: &Node) -> Option<Deed> {
    let gift = fields.get(report, "gift");
    let mail = fields.get(report, "mail");
    let task = fields.get(report, "task");
    match (gift, mail, task) {
        (Some(node), None, None) => read_gift(report, node, &fields.path("gift")),
        (None, Some(node), None) => {
            scalar::file(report, node, &fields.path("mail")).map(|mail| Deed::Mail { mail })
        }
        (None, None, Some(node)) => {
            scalar::file(report, node, &fields.path("task")).map(|task| Deed::Task { task })
        }
        (None, None, None) if LATER_DEEDS.iter().any(|key| node.get(key).is_some()) => None,
        (None, None, None) => {
            let remedy = "add one of gift, mail, task".to_owned();
            report.at("J015", &fields.path("mail"), "the moment does nothing".to_owned(), remedy);
            None
        }
        _ => {
            let message =
                "the moment does more than one thing (a gift's mail belongs inside the gift)".to_owned();
            report.at("J015", &fields.path("mail"), message, "keep one of gift, mail, task".to_owned());
            None
        }
    }
}

fn read_gift(report: &mut Report<'_>, node: &Node, path: &str) -> Option<Deed> {
    let mut fields = Fields::of(report, node, path)?;
    let worth =
        fields.required(report, "worth").and_then(|node| scalar::money(report, node, &fields.path("worth")));
    let pick =
        fields.required(report, "pick").and_then(|node| scalar::slug(report, node, &fields.path("pick")));
    let mail =
        fields.required(report, "mail").and_then(|node| scalar::file(report, node, &fields.path("mail")));
    let without = fields.get(report, "mail_without_gift");
    let mail_without_gift = without.map(|node| scalar::file(report, node, &fields.path("mail_without_gift")));
    fields.finish(report);
    let mail_without_gift = match mail_without_gift {
        Some(read) => Some(read?),
        None => None,
    };
    Some(Deed::Gift { worth: worth?, pick: pick?, mail: mail?, mail_without_gift })
}
