use std::path::{Path, PathBuf};

use super::*;

/// A folder as [`Files`], for the journeys that ship with the product.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn shipped() -> Self {
        Self(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/journeys"))
    }
}

impl Files for Folder {
    fn read(&self, path: &str) -> std::io::Result<String> {
        std::fs::read_to_string(self.0.join(path))
    }
}

pub(crate) fn shipped() -> Checked {
    let folder = Folder::shipped();
    let source = folder.read("first-90-days.yaml").unwrap();
    load("first-90-days.yaml", &source, &folder).unwrap_or_else(|findings| panic!("{}", render(&findings)))
}

#[test]
fn the_shipped_journey_is_clean() {
    let checked = shipped();
    assert_eq!(checked.warnings, []);
    assert_eq!(checked.definition.moments.len(), 11);
    assert_eq!(checked.files.len(), 16);
}

#[test]
fn the_shipped_mails_say_what_the_screen_says() {
    let checked = shipped();
    let subjects = [
        ("welcome", "Welcome, Jonas. Coffee is on us"),
        ("getting-started", "Three things worth setting up first"),
        ("first-week", "One week in"),
        ("how-is-it-going", "How is it going, Jonas?"),
        ("value-1", "A shortcut worth knowing"),
        ("first-month", "Your first month"),
        ("value-2", "How three customers use it"),
        ("next-step", "The community, if you are curious"),
        ("value-3", "A report you can hand on"),
        ("looking-ahead", "What the next quarter usually brings"),
        ("first-quarter", "Thank you for the first quarter"),
    ];
    for (moment, expected) in subjects {
        let file = checked.definition.moment(moment).unwrap().deed.files()[0];
        let subject =
            checked.files[file].lines().next().unwrap().replace("{{ recipient.first_name }}", "Jonas");
        assert_eq!(subject, format!("Subject: {expected}"));
    }
    for (name, text) in checked.files.iter().filter(|(name, _)| name.starts_with("mails/")) {
        assert!(text.contains("\n{{ sender.signature }}\n"), "{name} has no sender");
        assert!(text.trim_end().ends_with("]({{ unsubscribe.link }})"), "{name} has no way out at its end");
    }
}

#[test]
fn a_published_version_reads_itself_and_notices_a_change() {
    let published = shipped().publish(3);
    assert_eq!((published.name.as_str(), published.version), ("first-90-days", 3));
    assert_eq!(published.definition().unwrap(), shipped().definition);
    assert_eq!(published.sha256_hex().len(), 64);
    let mut changed = published.clone();
    changed.files.get_mut("mails/welcome.md").unwrap().push('!');
    assert!(matches!(changed.definition(), Err(InvalidJourney::Changed { version: 3, .. })));
}

#[test]
fn the_digest_covers_every_part_and_where_it_begins() {
    let files =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let all = [
        digest("ab", &files(&[])),
        digest("a", &files(&[("b", "")])),
        digest("a", &files(&[("", "b")])),
        digest("a", &files(&[("b", "c")])),
        digest("a", &files(&[("bc", "")])),
    ];
    let unique: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(unique.len(), all.len());
}

#[test]
fn a_version_that_this_program_cannot_read_is_refused_with_the_screen() {
    let mut published = shipped().publish(1);
    published.source = published.source.replace("retired_ids", "silence: []\nretired_ids");
    published.sha256 = digest(&published.source, &published.files);
    let error = published.definition().unwrap_err().to_string();
    assert!(error.contains("`silence` needs a later Afterglow"), "{error}");
}
