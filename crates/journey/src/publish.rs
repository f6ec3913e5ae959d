//! From files to an immutable version: checked, pinned by its digest, stored whole.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::definition::Definition;
use crate::finding::{Finding, Severity, render};
use crate::lint;
use crate::read::{self, Report};
use crate::yaml;

/// Where the texts beside a journey file come from; this crate does no I/O of its own.
pub trait Files {
    /// The text of a file, named relative to the journey file.
    fn read(&self, path: &str) -> std::io::Result<String>;
}

/// Texts by name: what a published version holds, and what tests use.
impl Files for BTreeMap<String, String> {
    fn read(&self, path: &str) -> std::io::Result<String> {
        self.get(path).cloned().ok_or_else(|| std::io::Error::from(std::io::ErrorKind::NotFound))
    }
}

/// A journey without errors, not yet a version.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// What it says.
    pub definition: Definition,
    /// The file itself.
    pub source: String,
    /// Every text that it names.
    pub files: BTreeMap<String, String>,
    /// What should be looked at.
    pub warnings: Vec<Finding>,
}

/// Reads and checks a journey and its texts; findings name `file_name` as their file. On failure all
/// findings are returned, warnings too.
pub fn load(file_name: &str, source: &str, files: &dyn Files) -> Result<Checked, Vec<Finding>> {
    let (mut report, definition) = read_definition(file_name, source);
    let mut texts = BTreeMap::new();
    if let Some(definition) = &definition {
        lint::check(&mut report, definition);
        texts = lint::check_texts(&mut report, definition, files);
    }
    let mut findings = report.findings;
    findings.sort_by_key(|finding| finding.severity);
    match definition {
        Some(definition) if findings.first().is_none_or(|first| first.severity != Severity::Error) => {
            Ok(Checked { definition, source: source.to_owned(), files: texts, warnings: findings })
        }
        _ => Err(findings),
    }
}

fn read_definition<'a>(file_name: &'a str, source: &'a str) -> (Report<'a>, Option<Definition>) {
    let mut report = Report::new(file_name, source);
    let definition = match yaml::parse(source) {
        Ok(root) => read::definition(&mut report, &root),
        Err(trouble) => {
            report.trouble(trouble);
            None
        }
    };
    (report, definition)
}

impl Checked {
    /// What identifies this content: equal digests are the same version.
    pub fn sha256(&self) -> [u8; 32] {
        digest(&self.source, &self.files)
    }

    /// The version to store.
    pub fn publish(self, version: u32) -> Published {
        let sha256 = self.sha256();
        Published { name: self.definition.name, version, sha256, source: self.source, files: self.files }
    }
}

/// One immutable version of a journey, as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// The journey's permanent name.
    pub name: String,
    /// From 1, counted by publishing.
    pub version: u32,
    /// Over the journey file and all its texts.
    pub sha256: [u8; 32],
    /// The journey file.
    pub source: String,
    /// Every text that it names, by name.
    pub files: BTreeMap<String, String>,
}

/// A stored version cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidJourney {
    /// The stored bytes are not those that were published.
    #[error(
        "journey {name} version {version} was changed in the store: its content has another digest; restore the store from a backup"
    )]
    Changed {
        /// The journey.
        name: String,
        /// The version.
        version: u32,
    },
    /// This program refuses what an earlier one published.
    #[error("journey {name} version {version} is not valid for this program:\n{findings}")]
    Refused {
        /// The journey.
        name: String,
        /// The version.
        version: u32,
        /// The linter's screen.
        findings: String,
    },
}

impl Published {
    /// Reads the definition again; callers keep it. It is not linted again: a rule that a later program
    /// adds must not stop customers who are already on their way.
    pub fn definition(&self) -> Result<Definition, InvalidJourney> {
        let (name, version) = (self.name.clone(), self.version);
        if digest(&self.source, &self.files) != self.sha256 {
            return Err(InvalidJourney::Changed { name, version });
        }
        match read_definition(&self.name, &self.source) {
            (report, Some(definition)) if report.findings.is_empty() => Ok(definition),
            (report, _) => Err(InvalidJourney::Refused { name, version, findings: render(&report.findings) }),
        }
    }

    /// The digest as text.
    pub fn sha256_hex(&self) -> String {
        hex::encode(self.sha256)
    }
}

/// Every part with its length in front, so that no two contents look the same.
fn digest(source: &str, files: &BTreeMap<String, String>) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut part = |text: &str| {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    };
    part(source);
    for (name, text) in files {
        part(name);
        part(text);
    }
    hash.finalize().into()
}

#[cfg(test)]
pub(crate) mod tests;
