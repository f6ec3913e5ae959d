//! What the linter says: code, place, what is wrong, what to do.

use std::fmt::Write as _;

/// Whether a finding stops publishing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is published.
    Error,
    /// Published, and said.
    Warning,
}

impl Severity {
    /// The word on the screen.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// Every code with its severity and its meaning; a code is never reused.
pub const CODES: &[(&str, Severity, &str)] = &[
    ("J001", Severity::Error, "not readable as YAML"),
    ("J002", Severity::Error, "anchors, aliases, merge keys or tags"),
    ("J003", Severity::Error, "more than one document in the file"),
    ("J004", Severity::Error, "unknown key"),
    ("J005", Severity::Error, "needs a later Afterglow"),
    ("J006", Severity::Error, "something is missing"),
    ("J007", Severity::Error, "another kind of value is needed"),
    ("J008", Severity::Error, "value not in the list"),
    ("J009", Severity::Error, "day out of range"),
    ("J010", Severity::Error, "the deadline is before the day"),
    ("J011", Severity::Error, "id not usable"),
    ("J012", Severity::Error, "a retired id is used again"),
    ("J013", Severity::Error, "not money, or not the journey's currency"),
    ("J014", Severity::Error, "gifts cost more than the budget"),
    ("J015", Severity::Error, "one moment, one deed"),
    ("J016", Severity::Error, "not a time of day"),
    ("J017", Severity::Error, "unknown time zone"),
    ("J018", Severity::Error, "too many moments"),
    ("J019", Severity::Error, "file cannot be read"),
    ("J020", Severity::Error, "text cannot be read"),
    ("J021", Severity::Error, "text does not fit its use"),
    ("J023", Severity::Error, "a gift and a request in one week"),
    ("J024", Severity::Warning, "gifts close together"),
    ("J025", Severity::Error, "no intent"),
    ("J026", Severity::Error, "another version of the language"),
    ("J027", Severity::Error, "a key stands twice"),
    ("J028", Severity::Error, "file name not usable"),
    ("J029", Severity::Warning, "two moments on one day"),
];

/// The line that a finding is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snippet {
    /// The whole line.
    pub text: String,
    /// How many characters to underline, from the finding's column on.
    pub width: usize,
}

/// Something that the linter found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// `J014`; see [`CODES`].
    pub code: &'static str,
    /// Whether it stops publishing.
    pub severity: Severity,
    /// What the code means.
    pub title: &'static str,
    /// The file, as given to the linter.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// `moments[first-quarter].gift.worth`; empty where no field is meant.
    pub field: String,
    /// What is wrong here.
    pub message: String,
    /// What to do about it, as an instruction.
    pub remedy: String,
    /// The line itself, if it can be shown.
    pub snippet: Option<Snippet>,
}

/// The column at which places begin on the screen.
const PLACE_COLUMN: usize = 66;
/// How much of a line is shown, in characters.
const SHOWN_CHARS: usize = 81;

impl Finding {
    pub(crate) fn new(code: &'static str, file: &str, line: usize, column: usize) -> Self {
        let (code, severity, title) = *CODES
            .iter()
            .find(|(known, ..)| *known == code)
            .expect("every code used in this crate is in the table, which a test proves");
        Self {
            code,
            severity,
            title,
            file: file.to_owned(),
            line,
            column,
            field: String::new(),
            message: String::new(),
            remedy: String::new(),
            snippet: None,
        }
    }

    fn write(&self, out: &mut String) {
        let head = format!("{}[{}] {}", self.severity.as_str(), self.code, self.title);
        let place = format!("{}:{}  {}", self.file, self.line, self.field);
        let _ = writeln!(out, "{head:<PLACE_COLUMN$}{}", place.trim_end());
        let gutter = self.line.to_string();
        match &self.snippet {
            Some(snippet) => {
                let (shown, from) = window(&snippet.text, self.column, snippet.width);
                let _ = writeln!(out, "  {gutter} | {shown}");
                let underline = "^".repeat(snippet.width.min(SHOWN_CHARS));
                let blank = " ".repeat(self.column.saturating_sub(1).saturating_sub(from));
                let _ =
                    writeln!(out, "  {:gap$} | {blank}{underline} {}", "", self.message, gap = gutter.len());
            }
            None => {
                let _ = writeln!(out, "  {}", self.message);
            }
        }
        let stop = if self.remedy.ends_with('?') { "" } else { "." };
        let _ = write!(out, "  Do: {}{stop}", self.remedy);
    }
}

/// The part of the line to show, and how many characters were left out in front.
fn window(text: &str, column: usize, width: usize) -> (String, usize) {
    let characters: Vec<char> = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let end = column.saturating_sub(1) + width.min(SHOWN_CHARS);
    let from = if end > SHOWN_CHARS { column.saturating_sub(1 + 20) } else { 0 };
    let mut shown: String = characters.iter().skip(from).take(SHOWN_CHARS).collect();
    if characters.len() > from + SHOWN_CHARS {
        shown.push_str(" …");
    }
    (shown, from)
}

/// The screen of `journey lint`, plain text: every finding, errors first, and the sum.
pub fn render(findings: &[Finding]) -> String {
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by_key(|finding| finding.severity);
    let mut out = String::new();
    for (at, finding) in sorted.iter().enumerate() {
        if at > 0 {
            out.push('\n');
        }
        finding.write(&mut out);
        out.push(if at + 1 < sorted.len() { '\n' } else { ' ' });
    }
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let counted =
        |number: usize, word: &str| format!("{number} {word}{}", if number == 1 { "" } else { "s" });
    match (count(Severity::Error), count(Severity::Warning)) {
        (0, 0) => {}
        (0, warnings) => {
            let _ = writeln!(out, "  {}", counted(warnings, "warning"));
        }
        (errors, _) => {
            let _ = writeln!(out, "  {}; nothing published (exit 1)", counted(errors, "error"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_in_order_and_unique() {
        assert!(CODES.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn a_place_far_to_the_right_is_still_shown() {
        let (shown, from) = window(&"x".repeat(200), 150, 5);
        assert_eq!((shown.chars().count(), from), (71, 129));
        let (shown, from) = window(&"x".repeat(200), 3, 5);
        assert_eq!((shown.chars().count(), from), (83, 0));
    }
}
