//! `afterglow run --demo`, held by the screen that the README shows.
//!
//! The program is run as a user runs it, interrupted by SIGINT in the middle and started again on the same
//! folder; both outputs together must be the README's screen, except for ports and for the order in which
//! the two customers come within a day.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use afterglow_support::product::program;
use tempfile::TempDir;

/// The lines that end a part of the story: in the middle those of both customers, so that nothing is under
/// way.
const MIDDLE: &str = "day 30";
const END: &str = "Still serving";

/// A running demo, ended with the test.
struct Demo(Child);

impl Demo {
    fn start(folder: &Path) -> Self {
        let child = Command::new(program())
            .args(["run", "--demo", "--data-dir"])
            .arg(folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self(child)
    }

    /// Reads lines up to the `count`th that starts with `last`, then interrupts as Ctrl-C does; the exit
    /// code is 0.
    fn play_until(mut self, last: &str, count: usize) -> Vec<String> {
        let output = BufReader::new(self.0.stdout.take().unwrap());
        let mut lines = Vec::new();
        for line in output.lines() {
            let line = line.unwrap();
            lines.push(line);
            if lines.iter().filter(|line| line.starts_with(last)).count() == count {
                let pid = self.0.id().to_string();
                assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
                assert!(self.0.wait().unwrap().success(), "the demo ends with 0");
                return lines;
            }
        }
        panic!("the demo ended before {last:?}: {lines:#?}");
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // It has ended already unless the test failed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The screen in the README, between its markers.
fn readme_screen() -> Vec<String> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let text = std::fs::read_to_string(readme).unwrap();
    let (_, rest) = text.split_once("<!-- demo -->").expect("the README has the demo's screen");
    let (screen, _) = rest.split_once("<!-- /demo -->").expect("the screen has an end");
    let lines = screen.lines().filter(|line| !line.starts_with("```") && !line.starts_with("$ "));
    lines.filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// What a second start adds, and what names ports or the program's path, is left out; within a day the two
/// customers may change places.
fn comparable(lines: Vec<String>) -> Vec<String> {
    let varies = ["Look:", "Ask:", "Afterglow demo: going on", "One day per second"];
    let mut lines: Vec<String> =
        lines.into_iter().filter(|line| !varies.iter().any(|start| line.starts_with(start))).collect();
    let is_day = |line: &String| line.starts_with("day ");
    let first = lines.iter().position(is_day).unwrap();
    let last = lines.iter().rposition(is_day).unwrap();
    lines[first..=last].sort();
    lines
}

#[test]
fn the_demo_prints_what_the_readme_shows() {
    let folder = TempDir::new().unwrap();
    let mut lines = Demo::start(folder.path()).play_until(MIDDLE, 2);
    lines.extend(Demo::start(folder.path()).play_until(END, 1));
    lines.retain(|line| !line.is_empty());
    assert_eq!(comparable(lines), comparable(readme_screen()));
}
