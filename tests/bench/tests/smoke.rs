//! The bench works: tiny amounts, exact counts (it checks them itself), whole tables. No times.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;

/// What a quick run of a command prints; its folder must be as it was, but for the results.
fn printed(folder: &Path, command: &[&str]) -> String {
    let mut bench = Command::new(env!("CARGO_BIN_EXE_afterglow-bench"));
    bench.arg("--quick").arg("--folder").arg(folder).arg("--results").arg(folder.join("RESULTS.md"));
    let output = bench.args(command).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let left = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name != "RESULTS.md").collect();
    assert!(left.is_empty(), "the measured files were not removed: {left:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The cells of each row of the table under a heading, without the rows of names and lines.
fn rows(text: &str, heading: &str) -> Vec<Vec<String>> {
    let (_, section) = text.split_once(&format!("## {heading}\n")).unwrap();
    let table = section.split("\n## ").next().unwrap().lines().filter(|line| line.starts_with('|'));
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    table.skip(2).map(cells).collect()
}

/// Checks the number of rows and columns, and that the column of rates has rates.
fn assert_table(text: &str, heading: &str, (count, width): (usize, usize), rate: Option<usize>) {
    let rows = rows(text, heading);
    assert_eq!(rows.len(), count, "{heading}\n{text}");
    assert!(rows.iter().all(|row| row.len() == width), "{heading}\n{text}");
    let measured = |cell: &String| cell.contains('–') && !cell.starts_with("0.0");
    assert!(rate.is_none_or(|rate| rows.iter().all(|row| measured(&row[rate]))), "{heading}\n{text}");
}

#[test]
fn a_quick_run_of_the_embedded_product_counts_exactly_and_prints_whole_tables() {
    let folder = tempfile::tempdir().unwrap();
    let text = printed(folder.path(), &["embedded"]);
    assert_table(&text, "Against the aims", (4, 3), None);
    assert_table(&text, "Edge", (4, 10), Some(2));
    assert_table(&text, "Timers", (5, 5), Some(2));
    assert_table(&text, "Memory", (3, 2), None);
    assert!(!folder.path().join("RESULTS.md").exists(), "half of the results are none");
}

#[test]
fn a_quick_run_on_kafka_and_postgres_counts_exactly_and_writes_whole_tables() {
    let folder = tempfile::tempdir().unwrap();
    let text = printed(folder.path(), &[]);
    let written = std::fs::read_to_string(folder.path().join("RESULTS.md")).unwrap();
    assert_eq!(text.trim_end(), written.trim_end());
    assert_table(&text, "Against the aims", (13, 3), None);
    assert_table(&text, "Edge into Kafka, closed loop", (3, 13), Some(2));
    assert_table(&text, "Edge into Kafka, open loop", (3, 13), Some(2));
    assert_table(&text, "Timers on PostgreSQL", (8, 8), Some(2));
    assert_table(&text, "Decisions", (4, 12), Some(2));
    assert_table(&text, "Lateness", (4, 10), Some(4));
    // A commit takes more than a twentieth of a millisecond.
    assert_table(&text, "Lateness", (4, 10), Some(1));
    assert_table(&text, "Memory and idle CPU of each role", (3, 5), None);
}
