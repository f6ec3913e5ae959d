//! Collects findings, and remembers where each field stands.

use std::collections::BTreeMap;

use crate::finding::{Finding, Snippet};
use crate::yaml::{Spot, Trouble};

/// The findings of one file.
pub(crate) struct Report<'a> {
    file: &'a str,
    source: &'a str,
    spots: BTreeMap<String, Spot>,
    pub(crate) findings: Vec<Finding>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(file: &'a str, source: &'a str) -> Self {
        Self { file, source, spots: BTreeMap::new(), findings: Vec::new() }
    }

    /// Remembers where a field stands.
    pub(crate) fn mark(&mut self, field: &str, spot: Spot) {
        self.spots.insert(field.to_owned(), spot);
    }

    /// The line of a field that was read.
    pub(crate) fn line_of(&self, field: &str) -> Option<usize> {
        self.spots.get(field).map(|spot| spot.line)
    }

    /// Adds a finding about a field, at the field or at the nearest one around it.
    pub(crate) fn at(&mut self, code: &'static str, field: &str, message: String, remedy: String) {
        let mut around = field;
        let spot = loop {
            match (self.spots.get(around), around.rfind(['.', '['])) {
                (Some(spot), _) => break *spot,
                (None, Some(end)) => around = &around[..end],
                (None, None) => break Spot::START,
            }
        };
        self.at_spot(code, (field, spot), message, remedy);
    }

    /// Adds a finding about a place.
    pub(crate) fn at_spot(
        &mut self,
        code: &'static str,
        (field, spot): (&str, Spot),
        message: String,
        remedy: String,
    ) {
        let mut finding = place(code, self.file, self.source, spot);
        (finding.field, finding.message, finding.remedy) = (field.to_owned(), message, remedy);
        self.findings.push(finding);
    }

    /// Adds what made the file unreadable.
    pub(crate) fn trouble(&mut self, trouble: Trouble) {
        self.at_spot(trouble.code, ("", trouble.spot), trouble.message, trouble.remedy.to_owned());
    }

    /// Refuses a key or value that a later release understands.
    pub(crate) fn later(&mut self, field: &str, what: &str) {
        let message = format!("`{what}` needs a later Afterglow");
        self.at("J005", field, message, "take it out, or install the release that has it".to_owned());
    }
}

/// A finding at a place of a source, without its words.
pub(crate) fn place(code: &'static str, file: &str, source: &str, spot: Spot) -> Finding {
    let mut finding = Finding::new(code, file, spot.line, spot.column);
    finding.snippet =
        source.lines().nth(spot.line - 1).map(|line| Snippet { text: line.to_owned(), width: spot.width });
    finding
}
