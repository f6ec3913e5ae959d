//! The bench works: tiny amounts, exact counts (it checks them itself), a whole table. No times.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::{Command, Output};

fn bench(folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_afterglow-bench"));
    command.arg("--quick").arg("--folder").arg(folder);
    command.arg("--results").arg(folder.join("RESULTS.md")).output().unwrap()
}

/// The cells of each row of the table under a heading, without the rows of names and lines.
fn rows(text: &str, heading: &str) -> Vec<Vec<String>> {
    let (_, section) = text.split_once(&format!("## {heading}\n")).unwrap();
    let table = section.split("\n## ").next().unwrap().lines().filter(|line| line.starts_with('|'));
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    table.skip(2).map(cells).collect()
}

#[test]
fn a_quick_run_counts_exactly_and_writes_a_whole_table() {
    let folder = tempfile::tempdir().unwrap();
    let output = bench(folder.path());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = std::fs::read_to_string(folder.path().join("RESULTS.md")).unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim_end(), text.trim_end());
    for (heading, count, width) in
        [("Against the aims", 4, 3), ("Edge", 4, 10), ("Timers", 5, 5), ("Memory", 3, 2)]
    {
        let rows = rows(&text, heading);
        assert_eq!(rows.len(), count, "{heading}\n{text}");
        assert!(rows.iter().all(|row| row.len() == width), "{heading}\n{text}");
    }
    let rates = rows(&text, "Edge").into_iter().map(|row| row[2].clone());
    let rates = rates.chain(rows(&text, "Timers").into_iter().map(|row| row[2].clone()));
    assert!(rates.into_iter().all(|rate| rate.contains('–') && !rate.starts_with("0.0")), "{text}");
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["RESULTS.md"], "the measured files were not removed");
}
