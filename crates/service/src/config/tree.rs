//! The configuration as a tree of values that know their line, with the environment laid over it.
//!
//! Serde's own reading stops at the first error; this tree is what lets every error be told at once.

use std::collections::BTreeMap;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Code, Place, Problem};

/// The prefix of overriding variables; the double underscore divides sections.
const PREFIX: &str = "AFTERGLOW__";

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) place: Place,
}

/// What TOML can say. Floats and dates occur in no setting and are kept only to be refused by name.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
    Bool(bool),
    List(Vec<Node>),
    Table(BTreeMap<String, Node>),
    Other(&'static str),
}

impl Node {
    /// The kind of value, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Text(_) => "a text",
            Value::Integer(_) => "a number",
            Value::Bool(_) => "true or false",
            Value::List(_) => "a list",
            Value::Table(_) => "a section",
            Value::Other(kind) => kind,
        }
    }
}

/// Parses the text; every syntax error becomes a problem.
pub(super) fn parse(text: &str, file: &Path) -> Result<Node, Vec<Problem>> {
    let lines = Lines { text, file };
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        let value = Value::Table(lines.table(table.get_ref()));
        return Ok(Node { value, place: Place::File(file.to_owned(), None) });
    }
    let problem = |error: toml::de::Error| {
        let place = error.span().map_or(Place::File(file.to_owned(), None), |span| lines.place(span.start));
        Problem::new(Code::Syntax, place, "syntax", error.message().replace('\n', "; "))
    };
    Err(errors.into_iter().map(problem).collect())
}

struct Lines<'a> {
    text: &'a str,
    file: &'a Path,
}

impl Lines<'_> {
    fn place(&self, offset: usize) -> Place {
        let before = &self.text.as_bytes()[..offset.min(self.text.len())];
        let line = before.split(|byte| *byte == b'\n').count();
        Place::File(self.file.to_owned(), Some(line))
    }

    fn table(&self, table: &DeTable<'_>) -> BTreeMap<String, Node> {
        table.iter().map(|(key, value)| (key.get_ref().to_string(), self.node(value))).collect()
    }

    fn node(&self, spanned: &Spanned<DeValue<'_>>) -> Node {
        let value = match spanned.get_ref() {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map_or(Value::Other("a number beyond 64 bits"), Value::Integer),
            DeValue::Boolean(yes) => Value::Bool(*yes),
            DeValue::Array(items) => Value::List(items.iter().map(|item| self.node(item)).collect()),
            DeValue::Table(table) => Value::Table(self.table(table)),
            DeValue::Float(_) => Value::Other("a number with a fraction"),
            DeValue::Datetime(_) => Value::Other("a date"),
        };
        Node { value, place: self.place(spanned.span().start) }
    }
}

/// Lays `AFTERGLOW__SECTION__SETTING` variables over the file's values, in the order of their names.
pub(super) fn overlay(root: &mut Node, env: &BTreeMap<String, String>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, text) in env {
        let Some(rest) = name.strip_prefix(PREFIX) else { continue };
        let path: Vec<String> = rest.split("__").map(str::to_ascii_lowercase).collect();
        if let Err(message) = read_override(name, text).and_then(|node| put(root, &path, node)) {
            let place = Place::Environment(name.clone());
            problems.push(Problem::new(Code::Environment, place, path.join("."), message));
        }
    }
    problems
}

/// A variable's text: a list or inline table where it looks like one, else text that the setting's
/// own type converts.
fn read_override(name: &str, text: &str) -> Result<Node, String> {
    let place = Place::Environment(name.to_owned());
    if !text.starts_with(['[', '{']) {
        return Ok(Node { value: Value::Text(text.to_owned()), place });
    }
    let document = format!("value = {text}");
    let parsed = parse(&document, Path::new(name)).map_err(|_| "is not a TOML list or table".to_owned())?;
    match parsed.value {
        Value::Table(mut table) => table.remove("value").map(|node| moved(node, &place)),
        _ => None,
    }
    .ok_or_else(|| "is not a TOML value".to_owned())
}

fn moved(node: Node, place: &Place) -> Node {
    let value = match node.value {
        Value::List(items) => Value::List(items.into_iter().map(|item| moved(item, place)).collect()),
        Value::Table(table) => {
            Value::Table(table.into_iter().map(|(key, item)| (key, moved(item, place))).collect())
        }
        plain => plain,
    };
    Node { value, place: place.clone() }
}

fn put(target: &mut Node, path: &[String], node: Node) -> Result<(), String> {
    let Some((head, rest)) = path.split_first() else {
        *target = node;
        return Ok(());
    };
    let place = node.place.clone();
    let empty = || Node { value: Value::Table(BTreeMap::new()), place };
    match &mut target.value {
        Value::Table(table) => {
            // `[[connection]]` entries are addressed by number, so an absent one becomes a list.
            let numbered = rest.first().is_some_and(|next| next.parse::<usize>().is_ok());
            let fresh =
                || if numbered { Node { value: Value::List(Vec::new()), ..empty() } } else { empty() };
            put(table.entry(head.clone()).or_insert_with(fresh), rest, node)
        }
        Value::List(items) => {
            let index: usize = head.parse().map_err(|_| format!("{head:?} is not an entry's number"))?;
            let count = items.len();
            if index > count {
                return Err(format!("there are {count} entries, so the highest number is {count}"));
            }
            if index == count {
                items.push(empty());
            }
            put(&mut items[index], rest, node)
        }
        _ => Err(format!("{head:?} stands below a single value")),
    }
}
