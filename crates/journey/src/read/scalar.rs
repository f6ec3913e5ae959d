//! Single values: each reader says what it wanted, at the place where it stands.

use afterglow_domain::Money;
use jiff::civil::Time;

use crate::calendar::Zone;
use crate::yaml::{Node, Value};

use super::fields::shorten;
use super::{DAY_MAX, Report};

/// Any single value, as text.
pub(super) fn text<'n>(report: &mut Report<'_>, node: &'n Node, field: &str) -> Option<&'n str> {
    match &node.value {
        Value::Scalar { text, .. } if !text.is_empty() => Some(text),
        _ => {
            let remedy = "write one value".to_owned();
            report.at_spot("J007", (field, node.spot), "a single value belongs here".to_owned(), remedy);
            None
        }
    }
}

/// One of a closed list of words.
pub(super) fn word<'n>(
    report: &mut Report<'_>,
    node: &'n Node,
    field: &str,
    allowed: &[&str],
) -> Option<&'n str> {
    let found = text(report, node, field)?;
    if allowed.contains(&found) {
        return Some(found);
    }
    let message = format!("`{}` is not possible here", shorten(found));
    report.at_spot("J008", (field, node.spot), message, format!("use one of {}", allowed.join(", ")));
    None
}

/// A permanent name: 1 to 64 of a-z, 0-9, `-` and, for roles and products, `_`.
pub(super) fn slug(report: &mut Report<'_>, node: &Node, field: &str) -> Option<String> {
    let found = text(report, node, field)?;
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    if found.len() <= 64 && found.bytes().all(plain) {
        return Some(found.to_owned());
    }
    let message = format!("`{}` is no name", shorten(found));
    report.at_spot("J011", (field, node.spot), message, "use 1 to 64 of a-z, 0-9, - and _".to_owned());
    None
}

/// A number of days within the language's limits.
pub(super) fn day(report: &mut Report<'_>, node: &Node, field: &str) -> Option<i32> {
    let found = text(report, node, field)?;
    let quoted = matches!(node.value, Value::Scalar { quoted: true, .. });
    match found.parse::<i32>() {
        Ok(day) if !quoted && (0..=DAY_MAX).contains(&day) => Some(day),
        Ok(day) if !quoted => {
            let message = format!("day {day} is not within 0 to {DAY_MAX}");
            report.at_spot("J009", (field, node.spot), message, format!("use a day from 0 to {DAY_MAX}"));
            None
        }
        _ => {
            let message = format!("`{}` is no whole number of days", shorten(found));
            report.at_spot("J007", (field, node.spot), message, "write a whole number such as 7".to_owned());
            None
        }
    }
}

/// `25 USD`.
pub(super) fn money(report: &mut Report<'_>, node: &Node, field: &str) -> Option<Money> {
    let found = text(report, node, field)?;
    let problem = match found.parse::<Money>() {
        Ok(money) if money.minor > 0 => return Some(money),
        Ok(_) => "an amount above zero belongs here".to_owned(),
        Err(error) => error.to_string(),
    };
    report.at_spot(
        "J013",
        (field, node.spot),
        problem,
        "write an amount and a currency, such as 25 USD".to_owned(),
    );
    None
}

/// `"09:30"`, in quotes: other YAML readers take `18:00` for the number 1080.
pub(super) fn time(report: &mut Report<'_>, node: &Node, field: &str) -> Option<Time> {
    let found = text(report, node, field)?;
    let parsed = found.split_once(':').and_then(|(hour, minute)| {
        let two = |part: &str| {
            (part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse().ok())
        };
        Time::new(two(hour)??, two(minute)??, 0, 0).ok()
    });
    match (parsed, &node.value) {
        (Some(time), Value::Scalar { quoted: true, .. }) => Some(time),
        (Some(_), _) => {
            let message = format!("{found} without quotes is the number of minutes to some YAML programs");
            report.at_spot("J016", (field, node.spot), message, format!("write \"{found}\""));
            None
        }
        (None, _) => {
            let message = format!("`{}` is no time of day", shorten(found));
            report.at_spot(
                "J016",
                (field, node.spot),
                message,
                "write hours and minutes, such as \"09:30\"".to_owned(),
            );
            None
        }
    }
}

/// An IANA name.
pub(super) fn zone(report: &mut Report<'_>, node: &Node, field: &str) -> Option<Zone> {
    let found = text(report, node, field)?;
    let zone = Zone::new(found);
    if zone.is_none() {
        let message = format!("`{}` is not in the zone database", shorten(found));
        report.at_spot(
            "J017",
            (field, node.spot),
            message,
            "use an IANA name such as Europe/Berlin".to_owned(),
        );
    }
    zone
}

/// A file beside the journey: relative, downwards only.
pub(super) fn file(report: &mut Report<'_>, node: &Node, field: &str) -> Option<String> {
    let found = text(report, node, field)?;
    let part = |part: &str| !part.is_empty() && part != "." && part != "..";
    let plain = |c: char| !c.is_control() && !matches!(c, '\\' | ':');
    if found.len() <= 200 && found.chars().all(plain) && found.split('/').all(part) {
        return Some(found.to_owned());
    }
    let message = format!("`{}` is not a file beside the journey", shorten(found));
    report.at_spot(
        "J028",
        (field, node.spot),
        message,
        "name a file in or below the journey's folder".to_owned(),
    );
    None
}

/// The items of a list; empty, with a finding, where the node is none.
pub(super) fn list<'n>(report: &mut Report<'_>, node: &'n Node, field: &str) -> &'n [Node] {
    if let Value::List(nodes) = &node.value {
        return nodes;
    }
    report.at_spot(
        "J007",
        (field, node.spot),
        "a list belongs here".to_owned(),
        "write it as [a, b]".to_owned(),
    );
    &[]
}
