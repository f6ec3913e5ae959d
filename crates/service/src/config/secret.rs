//! Secrets: from a file, from the environment, or (with a warning) written where they are used.
//!
//! No message of this module contains a secret's text.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};

use super::problem::{Code, Place};
use super::section::Section;
use super::tree::{Node, Value};

/// Reads one secret of a section's setting; the trailing line end of a secret's file is not part of it.
pub(super) fn read(section: &Section<'_>, key: &str, node: &Node, bytes_min: usize) -> Option<SecretString> {
    let text = match &node.value {
        Value::Text(text) => {
            if matches!(node.place, Place::File(..)) {
                section.warn(Code::SecretLiteral, key, "stands in the configuration file itself");
            }
            Ok(text.clone())
        }
        Value::Table(table) => from_reference(section, table),
        _ => Err((Code::Type, format!("is {}; write {{ file = \"…\" }} or {{ env = \"…\" }}", node.kind()))),
    };
    let checked = text.and_then(|text| strong_enough(text, bytes_min));
    checked.map_err(|(code, message)| section.note(code, key, message)).ok()
}

fn from_reference(section: &Section<'_>, table: &BTreeMap<String, Node>) -> Result<String, (Code, String)> {
    let unreadable = |message: String| (Code::SecretUnreadable, message);
    let mut entries = table.iter().map(|(name, node)| (name.as_str(), &node.value));
    match (entries.next(), entries.next()) {
        (Some(("file", Value::Text(file))), None) => {
            let path = section.reading.resolve(file);
            let text = std::fs::read_to_string(&path);
            let text = text.map_err(|error| unreadable(format!("{}: {error}", path.display())))?;
            Ok(text.trim_end_matches(['\r', '\n']).to_owned())
        }
        (Some(("env", Value::Text(name))), None) => {
            let text = section.reading.env.get(name).cloned();
            text.ok_or_else(|| unreadable(format!("the environment variable {name} is not set")))
        }
        _ => Err((Code::Type, "write { file = \"…\" } or { env = \"…\" } and nothing else".to_owned())),
    }
}

fn strong_enough(text: String, bytes_min: usize) -> Result<SecretString, (Code, String)> {
    if text.trim().is_empty() {
        return Err((Code::SecretUnreadable, "is empty".to_owned()));
    }
    if text.len() < bytes_min {
        let message = format!("has {} bytes; {bytes_min} are the least", text.len());
        return Err((Code::SecretWeak, message));
    }
    Ok(SecretString::from(text))
}

/// Whether the secret can stand in a URL's path as it is.
pub(super) fn fits_a_path(secret: &SecretString) -> bool {
    secret.expose_secret().bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}
