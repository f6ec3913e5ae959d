//! One text: parsed once, rendered strictly.

use std::collections::BTreeSet;

use minijinja::{Environment, UndefinedBehavior};
use serde_json::{Map, Value};

use crate::markup::{self, Piece};

/// The largest file accepted, in bytes; a mail longer than this is not read by anybody.
const SOURCE_BYTES_MAX: usize = 64 * 1024;
/// The longest subject, in characters: mail programs show far less, and headers have limits.
const SUBJECT_CHARS_MAX: usize = 200;
/// Steps that one rendering may take; there are no loops, so this only stops absurd files.
const FUEL: u64 = 100_000;

/// Why a text cannot be read or rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The file must be changed.
    #[error("{name}:{line}: {problem}; {remedy}")]
    Source {
        /// The file.
        name: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
        /// What to do about it.
        remedy: String,
    },
    /// A variable has no value for this recipient.
    #[error(
        "{name}: {variable} is missing or empty, and a mail with a gap is not sent; fill it in in the CRM"
    )]
    Missing {
        /// The file.
        name: String,
        /// The variable.
        variable: String,
    },
    /// A value cannot stand where the text puts it.
    #[error("{name}: {problem}")]
    Value {
        /// The file.
        name: String,
        /// What is wrong; never the value itself, which may be personal.
        problem: String,
    },
}

/// A rendered text.
#[derive(Clone, PartialEq, Eq)]
pub struct Rendered {
    /// One line.
    pub subject: String,
    /// The plain form.
    pub text: String,
    /// The minimal HTML form.
    pub html: String,
}

/// A rendered text is full of personal data.
impl std::fmt::Debug for Rendered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rendered([personal data])")
    }
}

/// A parsed text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    name: String,
    subject: String,
    body: String,
    body_line: usize,
    variables: BTreeSet<String>,
}

impl Template {
    /// Reads a file's text; `name` is used in errors.
    pub fn parse(name: &str, source: &str) -> Result<Self, Error> {
        let error = |line: usize, problem: &str, remedy: &str| Error::Source {
            name: name.to_owned(),
            line,
            problem: problem.to_owned(),
            remedy: remedy.to_owned(),
        };
        if source.len() > SOURCE_BYTES_MAX {
            return Err(error(1, "the file is larger than 64 KiB", "shorten it"));
        }
        let source = source.replace("\r\n", "\n");
        let mut lines = source.splitn(3, '\n');
        let first = lines.next().unwrap_or_default();
        let Some(subject) = first.strip_prefix("Subject:").map(str::trim).filter(|text| !text.is_empty())
        else {
            return Err(error(1, "the first line is no subject", "begin the file with `Subject: …`"));
        };
        if lines.next().is_none_or(|line| !line.trim().is_empty()) {
            return Err(error(2, "no empty line after the subject", "leave line 2 empty"));
        }
        let body = lines.next().unwrap_or_default().to_owned();
        if body.trim().is_empty() {
            return Err(error(3, "the text is empty", "write the text from line 3 on"));
        }
        if let Some(at) = source.find("{%") {
            let line = source[..at].matches('\n').count() + 1;
            return Err(error(line, "`{% … %}` is not part of this language", "use {{ variables }} only"));
        }
        let template = Self {
            name: name.to_owned(),
            subject: subject.to_owned(),
            body,
            body_line: 3,
            variables: BTreeSet::new(),
        };
        template.with_variables()
    }

    fn with_variables(mut self) -> Result<Self, Error> {
        for (text, first_line) in [(&self.subject, 1), (&self.body, self.body_line)] {
            let environment = environment();
            let parsed = environment.template_from_str(text).map_err(|error| Error::Source {
                name: self.name.clone(),
                line: error.line().map_or(first_line, |line| first_line + line - 1),
                problem: error.detail().unwrap_or("the variables cannot be read").to_owned(),
                remedy: "write variables as {{ recipient.first_name }}".to_owned(),
            })?;
            self.variables.extend(parsed.undeclared_variables(true));
        }
        Ok(self)
    }

    /// Its file name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Every variable that it names, dotted: `recipient.first_name`.
    pub fn variables(&self) -> &BTreeSet<String> {
        &self.variables
    }

    /// The first line that names the variable, from 1.
    pub(crate) fn line_of(&self, variable: &str) -> usize {
        if self.subject.contains(variable) {
            return 1;
        }
        self.body.lines().position(|line| line.contains(variable)).map_or(1, |at| at + self.body_line)
    }

    /// The number of its last line with text.
    pub(crate) fn last_line(&self) -> usize {
        self.body.trim_end().matches('\n').count() + self.body_line
    }

    /// Each link's line and address, unrendered.
    pub(crate) fn links(&self) -> Vec<(usize, String)> {
        let mut links = Vec::new();
        for (at, line) in self.body.lines().enumerate() {
            for piece in markup::pieces(line) {
                if let Piece::Link { url, .. } = piece {
                    links.push((at + self.body_line, url.to_owned()));
                }
            }
        }
        links
    }

    /// Renders with nested values: `{"recipient": {"first_name": "Ann"}, …}`. Every variable that the
    /// text names must be a non-empty text or a number.
    pub fn render(&self, values: &Value) -> Result<Rendered, Error> {
        let mut context = Map::new();
        for variable in &self.variables {
            let value = lookup(values, variable)
                .ok_or_else(|| Error::Missing { name: self.name.clone(), variable: variable.clone() })?;
            insert(&mut context, variable, value);
        }
        let context = jinja(&context);
        let subject = markup::unshield(self.fill(&self.subject, &context)?.trim());
        if subject.is_empty() || subject.contains(['\r', '\n']) || subject.chars().count() > SUBJECT_CHARS_MAX
        {
            return Err(self.value("the subject is empty, more than one line, or longer than 200 characters"));
        }
        let body = self.fill(&self.body, &context)?;
        self.check_links(&body)?;
        Ok(Rendered { subject, text: markup::plain(&body), html: markup::html(&body) })
    }

    fn fill(&self, text: &str, context: &minijinja::Value) -> Result<String, Error> {
        let environment = environment();
        let rendered = environment.template_from_str(text).and_then(|template| template.render(context));
        rendered.map_err(|error| self.value(&format!("cannot be rendered ({})", error.kind())))
    }

    /// A link that is none must not leave the house.
    fn check_links(&self, body: &str) -> Result<(), Error> {
        for piece in markup::pieces(body) {
            if let Piece::Link { url, .. } = piece
                && !["https://", "http://", "mailto:"].iter().any(|scheme| url.starts_with(scheme))
            {
                return Err(self.value("a link's address does not start with https://, http:// or mailto:"));
            }
        }
        Ok(())
    }

    fn value(&self, problem: &str) -> Error {
        Error::Value { name: self.name.clone(), problem: problem.to_owned() }
    }
}

/// No filters, functions, tests or other templates: variables are all there is.
fn environment() -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(20);
    environment
}

fn lookup(values: &Value, variable: &str) -> Option<String> {
    let found = variable.split('.').try_fold(values, |value, part| value.get(part))?;
    let text = match found {
        Value::String(text) => markup::shield(text),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    (!text.trim().is_empty()).then_some(text)
}

fn insert(context: &mut Map<String, Value>, variable: &str, value: String) {
    match variable.split_once('.') {
        None => {
            context.insert(variable.to_owned(), Value::String(value));
        }
        Some((first, rest)) => {
            let inner = context.entry(first).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

fn jinja(values: &Map<String, Value>) -> minijinja::Value {
    minijinja::Value::from_pairs(values.iter().map(|(name, value)| match value {
        Value::Object(inner) => (name.as_str(), jinja(inner)),
        other => (name.as_str(), other.as_str().into()),
    }))
}

#[cfg(test)]
mod tests;
