//! What only the whole file can show: ids, sums, distances, and the texts.

mod texts;

pub(crate) use texts::check_texts;

use std::collections::BTreeSet;

use afterglow_domain::{Intent, Money};

use crate::definition::{Deed, Definition, Moment};
use crate::effect::{GIFT_NOT_HANDED_OVER, NO_RECIPIENT};
use crate::read::Report;

/// A gift and a request closer than this many days belong together in the recipient's mind.
const REQUEST_DAYS_MIN: i32 = 7;
/// Gifts closer than this many days feel like one too many.
const GIFT_DAYS_MIN: i32 = 5;

/// Checks a definition that was read without errors.
pub(crate) fn check(report: &mut Report<'_>, definition: &Definition) {
    ids(report, definition);
    budget(report, definition);
    distances(report, definition);
}

fn field(moment: &Moment, rest: &str) -> String {
    format!("moments[{}].{rest}", moment.id)
}

fn ids(report: &mut Report<'_>, definition: &Definition) {
    let mut seen = BTreeSet::new();
    for moment in &definition.moments {
        let path = field(moment, "id");
        if !seen.insert(&moment.id) {
            let message = format!("`{}` is the id of two moments", moment.id);
            report.at("J011", &path, message, "give one of them another id".to_owned());
        }
        if definition.retired_ids.contains(&moment.id) {
            let message = format!("`{}` is in retired_ids: it was another moment once", moment.id);
            report.at("J012", &path, message, "give the new moment a new id".to_owned());
        }
        if moment.id == NO_RECIPIENT {
            let message = format!("`{NO_RECIPIENT}` is the id of the task under `no_recipient`");
            report.at("J011", &path, message, "give the moment another id".to_owned());
        }
        if moment.id == GIFT_NOT_HANDED_OVER {
            let message = format!("`{GIFT_NOT_HANDED_OVER}` is the id of the tasks about lost gifts");
            report.at("J011", &path, message, "give the moment another id".to_owned());
        }
    }
}

/// J013 and J014: one currency, and the sum of all gifts within the budget.
fn budget(report: &mut Report<'_>, definition: &Definition) {
    let budget = definition.budget_per_customer;
    let gifts: Vec<(&Moment, Money)> =
        definition.moments.iter().filter_map(|moment| Some((moment, moment.deed.worth()?))).collect();
    let mut mixed = false;
    for (moment, worth) in gifts.iter().filter(|(_, worth)| worth.currency != budget.currency) {
        mixed = true;
        let message = format!("{} is not in {}, the currency of the budget", worth, budget.currency);
        let remedy = format!("write all amounts in {}", budget.currency);
        report.at("J013", &field(moment, "gift.worth"), message, remedy);
    }
    let total: i64 = gifts.iter().map(|(_, worth)| worth.minor).sum();
    if mixed || total <= budget.minor {
        return;
    }
    let mut sum = 0;
    let over = gifts.iter().find(|(_, worth)| {
        sum += worth.minor;
        sum > budget.minor
    });
    let Some((moment, worth)) = over else { return };
    let (total, rest) = (Money::new(total, budget.currency), budget.minor - (total - worth.minor));
    let line = match report.line_of("limits.budget_per_customer") {
        Some(line) => format!("line {line}"),
        None => "the default".to_owned(),
    };
    let message = format!(
        "the {} gifts add up to {total}, budget_per_customer is {budget} ({line})",
        number_word(gifts.len())
    );
    let raise = format!("raise limits.budget_per_customer to {total}");
    let remedy = if rest > 0 {
        format!("lower this gift to {} or less, or {raise}", Money::new(rest, budget.currency))
    } else {
        format!("take gifts out, or {raise}")
    };
    report.at("J014", &field(moment, "gift.worth"), message, remedy);
}

fn number_word(number: usize) -> String {
    const WORDS: [&str; 9] = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
    number.checked_sub(2).and_then(|at| WORDS.get(at)).map_or(number.to_string(), |word| (*word).to_owned())
}

/// J023, J024 and J029: what must not be close together in the recipient's mailbox.
fn distances(report: &mut Report<'_>, definition: &Definition) {
    let moments = &definition.moments;
    let is_gift = |moment: &Moment| matches!(moment.deed, Deed::Gift { .. });
    for (at, later) in moments.iter().enumerate() {
        for earlier in &moments[..at] {
            let apart = (later.day - earlier.day).abs();
            let asks = [earlier, later].into_iter().find(|moment| moment.intent == Intent::NextStep);
            let gift = [earlier, later].into_iter().find(|moment| is_gift(moment));
            if let (Some(asks), Some(gift)) = (asks, gift)
                && apart <= REQUEST_DAYS_MIN
            {
                let message =
                    format!("a next step on day {}, a gift on day {} ({})", asks.day, gift.day, gift.id);
                let remedy =
                    format!("keep more than {REQUEST_DAYS_MIN} days between them: a gift asks for nothing");
                report.at("J023", &field(asks, "day"), message, remedy);
            }
            if is_gift(earlier) && is_gift(later) && apart < GIFT_DAYS_MIN {
                let message = format!("{apart} days after the gift `{}`", earlier.id);
                let remedy = format!("keep at least {GIFT_DAYS_MIN} days between gifts");
                report.at("J024", &field(later, "day"), message, remedy);
            }
            if apart == 0 && earlier.id != later.id {
                let message = format!("`{}` is planned for day {} too", earlier.id, earlier.day);
                let remedy = "use another day: one moment goes out per day, this one would wait".to_owned();
                report.at("J029", &field(later, "day"), message, remedy);
            }
        }
    }
}

#[cfg(test)]
mod tests;
