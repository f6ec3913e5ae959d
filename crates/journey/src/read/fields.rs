//! The keys of one map: asked for by name; what nobody asked for is unknown or of a later release.

use crate::yaml::{Entry, Node, Value};

use super::Report;

/// Keys of the language that this release does not have. Named so that they are refused and never
/// ignored.
const LATER: &[&str] = &[
    "accept_within_working_days",
    "after",
    "approval_above",
    "days_between_gifts_min",
    "enroll_when",
    "exits",
    "experiment",
    "first_that_fits",
    "goals",
    "hold_back",
    "holdout_percent",
    "holidays_of",
    "if",
    "if_missed",
    "if_not_by_day",
    "if_stage",
    "instead",
    "messages_per_person_per_7_days",
    "messages_per_person_per_day",
    "new_start_after_days",
    "nothing",
    "only_in_stage",
    "propose_on_day",
    "quiet_from",
    "quiet_until",
    "reactions",
    "silence",
    "stages",
    "survey",
    "weekdays",
    "when_two_are_due",
    "zone_from",
];

/// A map being read.
pub(super) struct Fields<'n> {
    path: String,
    entries: &'n [Entry],
    asked: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    /// `None`, with a finding, where the node is no map.
    pub(super) fn of(report: &mut Report<'_>, node: &'n Node, path: &str) -> Option<Self> {
        if let Value::Map(entries) = &node.value {
            return Some(Self { path: path.to_owned(), entries, asked: Vec::new() });
        }
        let remedy = "write it as {key: value}".to_owned();
        report.at_spot("J007", (path, node.spot), "keys and values belong here".to_owned(), remedy);
        None
    }

    /// The field's full name.
    pub(super) fn path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// The value of a key, if it is there.
    pub(super) fn get(&mut self, report: &mut Report<'_>, key: &'static str) -> Option<&'n Node> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        report.mark(&self.path(key), entry.value.spot);
        Some(&entry.value)
    }

    /// The value of a key that must be there.
    pub(super) fn required(&mut self, report: &mut Report<'_>, key: &'static str) -> Option<&'n Node> {
        let found = self.get(report, key);
        if found.is_none() {
            let (message, remedy) = (format!("`{key}` is missing"), format!("add `{key}: …`"));
            report.at("J006", &self.path(key), message, remedy);
        }
        found
    }

    /// Reports every key that nobody asked for.
    pub(super) fn finish(self, report: &mut Report<'_>) {
        for entry in self.entries.iter().filter(|entry| !self.asked.contains(&entry.key.as_str())) {
            let (key, path) = (entry.key.as_str(), self.path(&entry.key));
            report.mark(&path, entry.key_spot);
            if LATER.contains(&key) {
                report.later(&path, key);
                continue;
            }
            let near = self.asked.iter().map(|word| (distance(word, key), word)).min();
            let remedy = match near {
                Some((0..=2, word)) => format!("did you mean `{word}`?"),
                _ => format!("take it out; the keys here are {}", self.asked.join(", ")),
            };
            report.at("J004", &path, format!("`{}` is no key here", shorten(key)), remedy);
        }
    }
}

/// At most 40 characters of a text, for messages.
pub(super) fn shorten(text: &str) -> String {
    text.chars().take(40).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// How many letters must change to make one word the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let next = (diagonal + usize::from(x != *y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], next);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_letters() {
        assert_eq!(distance("moments", "momments"), 1);
        assert_eq!(distance("send_at", "sent_at"), 1);
        assert_eq!(distance("", "abc"), 3);
    }
}
