//! `journey lint --read`: every promise as one English sentence, made from the types and not from the
//! file, so that a reader can check that the engine understood the same.

use std::fmt::Write as _;

use afterglow_domain::Money;

use crate::definition::{DayZero, Deed, Definition, IfLate, Moment};

/// The whole journey, read aloud.
pub fn read_aloud(definition: &Definition) -> String {
    let mut out = String::new();
    let from = match definition.day_zero {
        DayZero::CloseDate => "the close date, or the day of the win if that is earlier",
        DayZero::WonDate => "the day of the win",
    };
    let latest = definition.start_not_after_day;
    let _ = writeln!(
        out,
        "{}: one journey per deal; day 0 is {from}; a deal heard of more than {latest} days after it gets none.",
        definition.name
    );
    let roles: Vec<String> =
        definition.recipient.iter().map(|role| format!("the {}", role.replace('_', " "))).collect();
    let until = definition.sending.reached_until().map(|until| until.strftime("%H:%M").to_string());
    let _ = writeln!(
        out,
        "Sent at {}, and not after {}, in {} to {}; where nobody can be reached, the owner gets {} once, and the moments wait.",
        definition.sending.send_at.strftime("%H:%M"),
        until.unwrap_or_else(|| "midnight".to_owned()),
        definition.sending.zone.name(),
        roles.join(", else "),
        definition.no_recipient
    );
    let gifts: Vec<Money> = definition.moments.iter().filter_map(|moment| moment.deed.worth()).collect();
    let budget = definition.budget_per_customer;
    let cost = Money::new(gifts.iter().map(|worth| worth.minor).sum(), budget.currency);
    let _ = writeln!(
        out,
        "{} cost {cost}, a customer's gifts may cost {budget}.\n",
        counted(gifts.len(), "gift")
    );
    for moment in &definition.moments {
        let _ = writeln!(out, "{}", sentence(moment));
    }
    let _ = write!(out, "\n{}", counted(definition.moments.len(), "promise"));
    if let Some((from, to)) = longest_gap(definition) {
        let _ = write!(out, "; the longest silence is {} days, from day {from} to day {to}", to - from);
    }
    out.push_str(".\n");
    out
}

/// One promise: `welcome: day 1, not after day 21, a gift worth 25 USD (coffee), with mails/welcome.md.`
pub fn sentence(moment: &Moment) -> String {
    let Moment { id, day, not_after_day, .. } = moment;
    let mut out = format!("{id}: day {day}, not after day {not_after_day}, ");
    let _ = match &moment.deed {
        Deed::Gift { worth, pick, mail, .. } => write!(out, "a gift worth {worth} ({pick}), with {mail}"),
        Deed::Mail { mail } => write!(out, "the mail {mail}"),
        Deed::Task { task } => write!(out, "a task for the owner, {task}"),
    };
    let _ = write!(out, ", intent: {}", moment.intent.as_str().replace('_', " "));
    if let Deed::Gift { mail_without_gift: Some(note), .. } = &moment.deed {
        let _ = write!(out, "; where no gift may go, {note} goes alone");
    }
    out.push_str(match moment.if_late {
        IfLate::Send => "",
        IfLate::Skip => "; left out if its day was over when we started",
        IfLate::Shift => "; counted from the start if its day was over when we started",
    });
    out.push('.');
    out
}

fn counted(number: usize, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}

/// The longest time between two moments that the recipient sees.
fn longest_gap(definition: &Definition) -> Option<(i32, i32)> {
    let seen = definition.moments.iter().filter(|moment| !matches!(moment.deed, Deed::Task { .. }));
    let mut days: Vec<i32> = seen.map(|moment| moment.day).collect();
    days.sort_unstable();
    let gaps = days.windows(2).map(|pair| (pair[0], pair[1]));
    // The first of several equal ones, hence the reversal.
    gaps.rev().max_by_key(|(from, to)| to - from)
}

#[cfg(test)]
mod tests;
