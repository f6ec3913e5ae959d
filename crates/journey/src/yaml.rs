//! YAML as a tree with positions: the small part of YAML that a journey file may use.
//!
//! Anchors, aliases, merge keys, tags and second documents are refused as they are met, so nothing is
//! ever expanded; sizes are limited. Scalars stay texts: whether `25` is a number is the reader's
//! business, and whether something was quoted is kept, because `18:00` must be.

use granit_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span};

/// The largest file accepted, in bytes: 500 moments fit four times.
const SOURCE_BYTES_MAX: usize = 256 * 1024;
/// The deepest nesting accepted; the language needs five.
const DEPTH_MAX: usize = 16;

/// Where something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spot {
    /// From 1.
    pub(crate) line: usize,
    /// In characters, from 1.
    pub(crate) column: usize,
    /// In characters on that line, at least 1.
    pub(crate) width: usize,
}

impl Spot {
    pub(crate) const START: Self = Self { line: 1, column: 1, width: 1 };

    fn of(span: &Span) -> Self {
        let one_line = span.start.line() == span.end.line();
        let width = if one_line { span.end.col().saturating_sub(span.start.col()).max(1) } else { 1 };
        Self { line: span.start.line(), column: span.start.col() + 1, width }
    }

    fn at(marker: &Marker) -> Self {
        Self { line: marker.line().max(1), column: marker.col() + 1, width: 1 }
    }
}

/// A value and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) spot: Spot,
    pub(crate) value: Value,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Scalar { text: String, quoted: bool },
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_spot: Spot,
    pub(crate) value: Node,
}

impl Node {
    /// The value of a key, if this is a map that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value),
            Value::Scalar { .. } | Value::List(_) => None,
        }
    }
}

/// Why a source is no tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) code: &'static str,
    pub(crate) spot: Spot,
    pub(crate) message: String,
    pub(crate) remedy: &'static str,
}

/// Reads one document.
pub(crate) fn parse(source: &str) -> Result<Node, Trouble> {
    if source.len() > SOURCE_BYTES_MAX {
        return Err(unreadable(
            Spot::START,
            "the file is larger than 256 KiB".to_owned(),
            "split the journey",
        ));
    }
    let mut tree = Tree { events: Parser::new_from_str(source), depth: 0 };
    let root = loop {
        match tree.next()? {
            (Event::StreamStart | Event::DocumentStart(..), _) => {}
            (Event::StreamEnd | Event::DocumentEnd, span) => {
                return Err(unreadable(Spot::of(&span), "the file is empty".to_owned(), "write a journey"));
            }
            (event, span) => break tree.node(event, &span)?,
        }
    };
    loop {
        match tree.next()? {
            (Event::StreamEnd, _) => return Ok(root),
            (Event::DocumentStart(..), span) => {
                return Err(Trouble {
                    code: "J003",
                    spot: Spot::of(&span),
                    message: "a second document begins here".to_owned(),
                    remedy: "write each journey into a file of its own",
                });
            }
            _ => {}
        }
    }
}

struct Tree<'a> {
    events: Parser<'a, granit_parser::StrInput<'a>>,
    depth: usize,
}

impl<'a> Tree<'a> {
    /// The next event that is not a comment.
    fn next(&mut self) -> Result<(Event<'a>, Span), Trouble> {
        loop {
            match self.events.next_event() {
                Some(Ok((Event::Comment(..), _))) => {}
                Some(Ok(event)) => return Ok(event),
                Some(Err(error)) => return Err(scan_error(&error)),
                None => return Ok((Event::StreamEnd, Span::default())),
            }
        }
    }

    fn node(&mut self, event: Event<'a>, span: &Span) -> Result<Node, Trouble> {
        let spot = Spot::of(span);
        refuse_extras(&event, spot)?;
        let value = match event {
            Event::Scalar(text, style, ..) => {
                Value::Scalar { text: text.into_owned(), quoted: style != ScalarStyle::Plain }
            }
            Event::SequenceStart(..) => Value::List(self.deeper(spot, Self::list)?),
            Event::MappingStart(..) => Value::Map(self.deeper(spot, Self::map)?),
            _ => return Err(unreadable(spot, "a value is missing".to_owned(), "write the value")),
        };
        Ok(Node { spot, value })
    }

    fn deeper<T>(&mut self, spot: Spot, read: fn(&mut Self) -> Result<T, Trouble>) -> Result<T, Trouble> {
        if self.depth == DEPTH_MAX {
            return Err(unreadable(
                spot,
                format!("nested deeper than {DEPTH_MAX} levels"),
                "a journey is flat",
            ));
        }
        self.depth += 1;
        let inner = read(self);
        self.depth -= 1;
        inner
    }

    fn list(&mut self) -> Result<Vec<Node>, Trouble> {
        let mut nodes = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(nodes),
                (event, span) => nodes.push(self.node(event, &span)?),
            }
        }
    }

    fn map(&mut self) -> Result<Vec<Entry>, Trouble> {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let (key, key_spot) = match self.next()? {
                (Event::MappingEnd, _) => return Ok(entries),
                (event, span) => self.key(event, &span)?,
            };
            if entries.iter().any(|entry| entry.key == key) {
                return Err(Trouble {
                    code: "J027",
                    spot: key_spot,
                    message: format!("`{key}` stands here a second time"),
                    remedy: "keep one of the two",
                });
            }
            let (event, span) = self.next()?;
            let value = self.node(event, &span)?;
            entries.push(Entry { key, key_spot, value });
        }
    }

    fn key(&mut self, event: Event<'a>, span: &Span) -> Result<(String, Spot), Trouble> {
        let node = self.node(event, span)?;
        match node.value {
            Value::Scalar { text, quoted: false } if text == "<<" => {
                Err(extra(node.spot, "merge keys (`<<`) are not part of this language"))
            }
            Value::Scalar { text, .. } => Ok((text, node.spot)),
            Value::List(_) | Value::Map(_) => {
                Err(unreadable(node.spot, "a key is not a word".to_owned(), "write `key: value`"))
            }
        }
    }
}

fn refuse_extras(event: &Event<'_>, spot: Spot) -> Result<(), Trouble> {
    let anchored = match event {
        Event::Alias(_) | Event::UnresolvedAlias(_) | Event::Anchor(..) => true,
        Event::Scalar(_, _, anchor, _)
        | Event::SequenceStart(_, anchor, _)
        | Event::MappingStart(_, anchor, _) => *anchor != 0,
        _ => false,
    };
    if anchored {
        return Err(extra(spot, "anchors and aliases (`&`, `*`) are not part of this language"));
    }
    if event.tag().is_some() {
        return Err(extra(spot, "tags (`!`) are not part of this language"));
    }
    Ok(())
}

fn extra(spot: Spot, message: &str) -> Trouble {
    Trouble { code: "J002", spot, message: message.to_owned(), remedy: "write the value out, each time" }
}

fn unreadable(spot: Spot, message: String, remedy: &'static str) -> Trouble {
    Trouble { code: "J001", spot, message, remedy }
}

fn scan_error(error: &ScanError) -> Trouble {
    let remedy = "check the indentation and the brackets on this line and the one before it";
    let info = error.info();
    if info.contains("anchor") || info.contains("alias") {
        return extra(
            Spot::at(error.marker()),
            "anchors and aliases (`&`, `*`) are not part of this language",
        );
    }
    unreadable(Spot::at(error.marker()), info, remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_and_quoting_are_kept() {
        let tree = parse("a: 1 # first\nb: {c: \"18:00\", d: [x, yy]}\n").unwrap();
        let b = tree.get("b").unwrap();
        let c = b.get("c").unwrap();
        assert_eq!(c.spot, Spot { line: 2, column: 8, width: 7 });
        assert_eq!(c.value, Value::Scalar { text: "18:00".to_owned(), quoted: true });
        let Value::List(items) = &b.get("d").unwrap().value else { panic!("no list") };
        assert_eq!(items[1].spot, Spot { line: 2, column: 24, width: 2 });
        assert_eq!(tree.get("a").unwrap().value, Value::Scalar { text: "1".to_owned(), quoted: false });
    }

    #[test]
    fn what_the_language_leaves_out_is_refused_where_it_stands() {
        for (source, code, line) in [
            ("a: &x 1\nb: *x\n", "J002", 1),
            ("a: 1\nb: *x\n", "J002", 2),
            ("a: {b: 1}\n<<: {c: 2}\n", "J002", 2),
            ("a: !!int 1\n", "J002", 1),
            ("a: 1\n---\nb: 2\n", "J003", 2),
            ("a: 1\na: 2\n", "J027", 2),
            ("a: [1\nb: 2\n", "J001", 2),
            ("", "J001", 1),
            ("[a]: 1\n", "J001", 1),
        ] {
            let trouble = parse(source).unwrap_err();
            assert_eq!((trouble.code, trouble.spot.line), (code, line), "{source:?}: {trouble:?}");
        }
    }

    #[test]
    fn bombs_are_refused_before_they_go_off() {
        let laughs = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n";
        assert_eq!(parse(laughs).unwrap_err().code, "J002");
        assert_eq!(parse(&"[".repeat(10_000)).unwrap_err().code, "J001");
        assert_eq!(parse(&"- ".repeat(10_000)).unwrap_err().code, "J001");
        assert_eq!(parse(&"x".repeat(300_000)).unwrap_err().code, "J001");
    }
}
