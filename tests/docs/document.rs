//! A README as text, and the tables in it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::{env, fs};

/// Several tables stand in one document: each is compared, or written, alone.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The five READMEs and the change log, by their paths in the project.
pub(crate) const ALL: [&str; 6] = [
    "README.md",
    "crates/README.md",
    "proto/README.md",
    "deploy/README.md",
    "tests/README.md",
    "CHANGELOG.md",
];

/// The project's top folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A file of the project.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What stands between a marker and its end, and where.
fn marked<'t>(path: &str, text: &'t str, marker: &str) -> (usize, &'t str) {
    let (open, close) = (format!("<!-- {marker} -->\n"), format!("<!-- /{marker} -->"));
    let start = text.find(&open).unwrap_or_else(|| panic!("{path} has no {open}")) + open.len();
    let length = text[start..].find(&close).unwrap_or_else(|| panic!("{path} has no {close}"));
    (start, &text[start..start + length])
}

/// The rows of a marked table, without its head; cells without the backticks around them.
pub(crate) fn rows(path: &str, marker: &str) -> Vec<Vec<String>> {
    let text = read(path);
    let table = marked(path, &text, marker).1;
    let row = |line: &str| {
        let cells = line.trim().trim_matches('|').split('|');
        cells.map(|cell| cell.trim().trim_matches('`').to_owned()).collect()
    };
    table.lines().filter(|line| line.starts_with('|')).skip(2).map(row).collect()
}

/// Holds a marked table against the one that follows from the code.
pub(crate) fn assert_table(path: &str, marker: &str, head: &[&str], rows: &[Vec<String>]) {
    assert!(!rows.is_empty(), "{path}: the code gives no rows for {marker}");
    let mut table = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(head.len()));
    for row in rows {
        // Writing to a String cannot fail.
        let _ = writeln!(table, "| {} |", row.join(" | "));
    }
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut text = read(path);
    let (start, found) = marked(path, &text, marker);
    if found == table {
        return;
    }
    if env::var("AFTERGLOW_DOCS").as_deref() == Ok("overwrite") {
        let end = start + found.len();
        text.replace_range(start..end, &table);
        fs::write(root().join(path), text).unwrap();
        return;
    }
    panic!(
        "{path}: the table {marker:?} differs from the code; AFTERGLOW_DOCS=overwrite writes this one:\n{table}"
    );
}

/// Every text in single backticks outside fenced blocks.
pub(crate) fn code_spans(text: &str) -> Vec<String> {
    let fence_closed = |open: &mut bool, line: &str| {
        if line.trim_start().starts_with("```") {
            *open = !*open;
            return Some(false);
        }
        Some(!*open)
    };
    let prose = text.lines().scan(false, |open, line| Some((fence_closed(open, line)?, line)));
    let spans =
        prose.filter(|(outside, _)| *outside).flat_map(|(_, line)| line.split('`').skip(1).step_by(2));
    spans.map(str::to_owned).collect()
}

#[test]
fn code_spans_are_those_outside_of_blocks() {
    assert_eq!(code_spans("a `b` c `d`\n```\n`e`\n```\n`f`"), ["b", "d", "f"]);
}
