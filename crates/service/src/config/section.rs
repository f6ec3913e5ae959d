//! Reads one section's settings, noting every problem instead of stopping at the first.
//!
//! A getter marks its setting as known; [`Section::finish`] then refuses what nobody asked for, so
//! there is no second list of names to keep. A getter that fails gives the default or `None` and
//! reading goes on: a configuration with problems is never used.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;

use super::host::BaseUrl;
use super::problem::{Code, Place, Problem};
use super::reading::{Outbound, Reading};
use super::secret;
use super::tree::{Node, Value};

/// One section, which may be absent: then every setting has its default.
pub(super) struct Section<'a> {
    pub(super) reading: &'a Reading<'a>,
    path: String,
    place: Place,
    table: Option<&'a BTreeMap<String, Node>>,
    asked: RefCell<BTreeSet<&'static str>>,
}

impl<'a> Section<'a> {
    /// The whole file.
    pub(super) fn root(reading: &'a Reading<'a>, node: &'a Node) -> Self {
        Self::of(reading, String::new(), Some(node), &node.place)
    }

    fn of(reading: &'a Reading<'a>, path: String, node: Option<&'a Node>, parent: &Place) -> Self {
        let table = match node.map(|node| &node.value) {
            Some(Value::Table(table)) => Some(table),
            _ => None,
        };
        let place = node.map_or(parent, |node| &node.place).clone();
        let section = Self { reading, path, place, table, asked: RefCell::default() };
        if let (Some(node), None) = (node, table) {
            section.note(Code::Type, "", format!("is {}, not a section", node.kind()));
        }
        section
    }

    /// A section below this one; absent means defaults.
    pub(super) fn child(&self, key: &'static str) -> Section<'a> {
        Self::of(self.reading, self.field(key), self.get(key), &self.place)
    }

    /// A section below this one that only exists where it is written.
    pub(super) fn optional_child(&self, key: &'static str) -> Option<Section<'a>> {
        let node = self.get(key)?;
        Some(Self::of(self.reading, self.field(key), Some(node), &self.place))
    }

    /// The entries of `[[key]]`, in the order of the file.
    pub(super) fn children(&self, key: &'static str) -> Vec<Section<'a>> {
        let entry = |(index, node)| {
            Self::of(self.reading, format!("{}[{index}]", self.field(key)), Some(node), &self.place)
        };
        match self.get(key).map(|node| &node.value) {
            None => Vec::new(),
            Some(Value::List(items)) => items.iter().enumerate().map(entry).collect(),
            Some(_) => {
                self.note(Code::Type, key, format!("write it as [[{key}]], once for each entry"));
                Vec::new()
            }
        }
    }

    fn get(&self, key: &'static str) -> Option<&'a Node> {
        self.asked.borrow_mut().insert(key);
        self.reading.known.borrow_mut().insert(without_numbers(&self.field(key)));
        self.table.and_then(|table| table.get(key))
    }

    /// Whether the setting is written.
    pub(super) fn has(&self, key: &'static str) -> bool {
        self.get(key).is_some()
    }

    /// A text as it is written, without a judgement.
    pub(super) fn peek(&self, key: &str) -> Option<&'a str> {
        match &self.table?.get(key)?.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    fn field(&self, key: &str) -> String {
        match (self.path.as_str(), key) {
            ("", key) => key.to_owned(),
            (path, "") => path.to_owned(),
            (path, key) => format!("{path}.{key}"),
        }
    }

    fn place_of(&self, key: &str) -> Place {
        self.table.and_then(|table| table.get(key)).map_or(&self.place, |node| &node.place).clone()
    }

    /// Notes a problem with a setting of this section.
    pub(super) fn note(&self, code: Code, key: &str, message: impl Into<String>) {
        let problem = Problem::new(code, self.place_of(key), self.field(key), message);
        self.reading.problems.borrow_mut().push(problem);
    }

    /// The same of one of a table's entries, at its own line.
    pub(super) fn note_entry(&self, code: Code, key: &str, entry: &Node, message: impl Into<String>) {
        let problem = Problem::new(code, entry.place.clone(), self.field(key), message);
        self.reading.problems.borrow_mut().push(problem);
    }

    /// Notes something that is allowed and unwise.
    pub(super) fn warn(&self, code: Code, key: &str, message: impl Into<String>) {
        let problem = Problem::new(code, self.place_of(key), self.field(key), message);
        self.reading.warnings.borrow_mut().push(problem);
    }

    /// Notes that a required setting is absent, when it is.
    pub(super) fn require(&self, key: &'static str) {
        if !self.has(key) {
            self.note(Code::Missing, key, "is required and not given");
        }
    }

    /// A text, if given.
    pub(super) fn text(&self, key: &'static str) -> Option<String> {
        match &self.get(key)?.value {
            Value::Text(text) if !text.trim().is_empty() => Some(text.clone()),
            Value::Text(_) => {
                self.note(Code::Value, key, "is empty");
                None
            }
            _ => self.wrong_type(key, "a text in quotes"),
        }
    }

    pub(super) fn wrong_type<T>(&self, key: &'static str, wanted: &str) -> Option<T> {
        let found = self.get(key).map_or("nothing", Node::kind);
        self.note(Code::Type, key, format!("is {found}; it must be {wanted}"));
        None
    }

    /// A text that a type of its own understands, if given.
    pub(super) fn parsed<T: FromStr<Err: Display>>(&self, key: &'static str, code: Code) -> Option<T> {
        self.parsed_with(key, code, str::parse)
    }

    /// A text that a function understands, if given.
    pub(super) fn parsed_with<T, E: Display>(
        &self,
        key: &'static str,
        code: Code,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(key)?;
        parse(&text).map_err(|error| self.note(code, key, format!("is {text:?}: {error}"))).ok()
    }

    /// The same where the setting is required.
    pub(super) fn required<T: FromStr<Err: Display>>(&self, key: &'static str, code: Code) -> Option<T> {
        self.require(key);
        self.parsed(key, code)
    }

    /// True or false.
    pub(super) fn flag(&self, key: &'static str, default: bool) -> bool {
        let Some(node) = self.get(key) else { return default };
        match (&node.value, &node.place) {
            (Value::Bool(yes), _) => *yes,
            (Value::Text(text), Place::Environment(_)) if text == "true" || text == "false" => text == "true",
            _ => self.wrong_type(key, "true or false").unwrap_or(default),
        }
    }

    /// A whole number within a range, if given.
    pub(super) fn optional_number<N: TryFrom<u64>>(
        &self,
        key: &'static str,
        range: &RangeInclusive<u64>,
    ) -> Option<N> {
        let node = self.get(key)?;
        let number = whole_number(node).or_else(|| self.wrong_type(key, "a whole number"))?;
        let fits = u64::try_from(number).ok().filter(|number| range.contains(number));
        fits.and_then(|number| N::try_from(number).ok()).or_else(|| {
            let (low, high) = (range.start(), range.end());
            self.note(Code::Value, key, format!("is {number}; it must be from {low} to {high}"));
            None
        })
    }

    /// A whole number within a range.
    pub(super) fn number<N: TryFrom<u64>>(
        &self,
        key: &'static str,
        default: N,
        range: &RangeInclusive<u64>,
    ) -> N {
        self.optional_number(key, range).unwrap_or(default)
    }

    /// A duration written as whole seconds.
    pub(super) fn seconds(
        &self,
        key: &'static str,
        default: Duration,
        range: &RangeInclusive<u64>,
    ) -> Duration {
        self.optional_number(key, range).map_or(default, Duration::from_secs)
    }

    /// A list of whole numbers, if given.
    pub(super) fn numbers(&self, key: &'static str) -> Option<Vec<u64>> {
        let items = self.list(key)?;
        let read: Option<Vec<u64>> = items
            .iter()
            .map(|item| whole_number(item).and_then(|number| u64::try_from(number).ok()))
            .collect();
        read.or_else(|| self.wrong_type(key, "a list of whole numbers such as [10, 60]"))
    }

    /// A list of texts; absent is empty.
    pub(super) fn texts(&self, key: &'static str) -> Vec<String> {
        let text = |node: &Node| match &node.value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        };
        let Some(items) = self.list(key) else { return Vec::new() };
        let read: Option<Vec<String>> = items.iter().map(text).collect();
        read.or_else(|| self.wrong_type(key, "a list of texts such as [\"a\", \"b\"]")).unwrap_or_default()
    }

    fn list(&self, key: &'static str) -> Option<&'a [Node]> {
        match &self.get(key)?.value {
            Value::List(items) => Some(items),
            _ => self.wrong_type(key, "a list in [ ]"),
        }
    }

    /// A table whose entries have any name, if given.
    pub(super) fn table(&self, key: &'static str, form: &str) -> Option<&'a BTreeMap<String, Node>> {
        match &self.get(key)?.value {
            Value::Table(table) => Some(table),
            _ => self.wrong_type(key, form),
        }
    }

    /// A table of names and texts; absent is empty.
    pub(super) fn names(&self, key: &'static str) -> BTreeMap<String, String> {
        let table = self.table(key, "a table such as { default = \"…\" }");
        let Some(table) = table else { return BTreeMap::new() };
        let mut names = BTreeMap::new();
        for (name, item) in table {
            match &item.value {
                Value::Text(text) => drop(names.insert(name.clone(), text.clone())),
                _ => self.note(Code::Type, key, format!("{name} is {}; it must be a text", item.kind())),
            }
        }
        names
    }

    /// An address of our own, if given. Links in mails lead there, so a fast clock is refused for it as
    /// for a server that is called; whether it is encrypted is decided in front of us.
    pub(super) fn url(&self, key: &'static str) -> Option<BaseUrl> {
        let url: BaseUrl = self.parsed(key, Code::Url)?;
        self.outbound(key, url.host(), true);
        Some(url)
    }

    /// The address of a server that the product calls.
    pub(super) fn outbound_url(&self, key: &'static str, default: Option<&str>) -> Option<BaseUrl> {
        let url: BaseUrl = match default {
            Some(default) if !self.has(key) => default.parse().ok(),
            _ => self.required(key, Code::Url),
        }?;
        self.outbound(key, url.host(), url.is_encrypted());
        Some(url)
    }

    /// Registers a server that the product calls.
    pub(super) fn outbound(&self, key: &str, host: &str, encrypted: bool) {
        let (place, field) = (self.place_of(key), self.field(key));
        self.reading.outbound.borrow_mut().push(Outbound { host: host.to_owned(), encrypted, place, field });
    }

    /// A secret, if given.
    pub(super) fn secret(&self, key: &'static str, bytes_min: usize) -> Option<SecretString> {
        secret::read(self, key, self.get(key)?, bytes_min)
    }

    /// One or two secrets, the new one first: two overlap while one replaces the other.
    pub(super) fn secrets(&self, key: &'static str, bytes_min: usize) -> Vec<SecretString> {
        self.require(key);
        let Some(items) = self.list(key) else { return Vec::new() };
        if !(1..=2).contains(&items.len()) {
            self.note(Code::Value, key, "takes one secret, or two (new one first) while it is replaced");
        }
        items.iter().filter_map(|item| secret::read(self, key, item, bytes_min)).collect()
    }

    /// Refuses what is written and was never asked for.
    pub(super) fn finish(&self) {
        let asked = self.asked.borrow();
        for key in self.table.into_iter().flat_map(BTreeMap::keys) {
            if !asked.contains(key.as_str()) {
                let known: Vec<&str> = asked.iter().copied().collect();
                self.note(Code::Unknown, key, format!("does not exist; known here: {}", known.join(", ")));
            }
        }
    }
}

fn whole_number(node: &Node) -> Option<i64> {
    match (&node.value, &node.place) {
        (Value::Integer(number), _) => Some(*number),
        (Value::Text(text), Place::Environment(_)) => text.trim().parse().ok(),
        _ => None,
    }
}

/// `connection[3].zone` is the setting `connection[].zone`.
fn without_numbers(field: &str) -> String {
    let mut inside = false;
    let keep = |character: &char| {
        let kept = !inside || *character == ']';
        inside = (inside || *character == '[') && *character != ']';
        kept
    };
    field.chars().filter(keep).collect()
}
