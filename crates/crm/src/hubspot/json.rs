//! Strict reading of untrusted JSON: dividing an array without trusting its elements, and refusing
//! what would mean different things to different readers (duplicate keys, broken text, deep nesting).
//!
//! `serde_json` alone takes the last of two equal keys and stops at the first broken element.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};

/// The elements of a JSON array as they stand in the body, trimmed; what is inside them is not checked,
/// so that a broken one does not lose its neighbours. `None` where the array itself has no clear end or
/// is followed by anything.
pub(super) fn elements(array: &[u8]) -> Option<Vec<&[u8]>> {
    let mut found = Vec::new();
    let mut depth = 0_usize;
    let (mut in_string, mut escaped) = (false, false);
    let mut start = 1;
    for (at, byte) in array.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => depth += 1,
            b',' if depth == 1 => {
                found.push(array[start..at].trim_ascii());
                start = at + 1;
            }
            b']' | b'}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    let last = array[start..at].trim_ascii();
                    if !(last.is_empty() && found.is_empty()) {
                        found.push(last);
                    }
                    return array[at + 1..].trim_ascii().is_empty().then_some(found);
                }
            }
            _ => {}
        }
    }
    None
}

/// Whether a JSON text is one value that every reader understands alike. The error tells neither
/// content nor path.
pub(super) fn check(text: &[u8]) -> Result<(), &'static str> {
    let text = std::str::from_utf8(text).map_err(|_| "it is not UTF-8")?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let outcome = Strict.deserialize(&mut reader).and_then(|()| reader.end());
    outcome.map_err(|error| match error.to_string() {
        text if text.starts_with(DUPLICATE) => "it names a key twice",
        text if text.starts_with("recursion limit") => "it is nested deeper than 127 levels",
        text if text.starts_with("number out of range") => "it holds a number out of range",
        text if text.contains("surrogate") || text.contains("hex escape") => "it holds a broken text escape",
        _ => "it is not valid JSON",
    })
}

const DUPLICATE: &str = "duplicate key";

/// A key of an object, as it stands in the text where nothing in it is escaped.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// Walks a whole value and keeps nothing. The nesting limit is `serde_json`'s own (128).
struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = ();
    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Strict)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let mut seen = BTreeSet::new();
        while let Some(Key(key)) = entries.next_key()? {
            if !seen.insert(key) {
                return Err(A::Error::custom(DUPLICATE));
            }
            entries.next_value_seed(Strict)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_is_divided_whatever_its_elements_are() {
        let divided = elements(br#" [ {"a":"],\"["} , tru, {"b":[1,2]} ] "#.trim_ascii()).unwrap();
        assert_eq!(divided, [&br#"{"a":"],\"["}"#[..], b"tru", br#"{"b":[1,2]}"#]);
        assert_eq!(elements(b"[]").unwrap().len(), 0);
        for bad in [&b"[1"[..], b"[1] 2", b"[\"a]", b"["] {
            assert!(elements(bad).is_none());
        }
    }

    #[test]
    fn ambiguous_json_is_refused() {
        assert_eq!(check(br#"{"id":123456789012345678901234567890,"n":"a\u0000b","e":1.5}"#), Ok(()));
        assert_eq!(check(br#"{"a":{"b":1,"b":2}}"#), Err("it names a key twice"));
        assert_eq!(check(br#"{"ab":1,"a\u0062":2}"#), Err("it names a key twice"));
        let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
        assert_eq!(check(deep.as_bytes()), Err("it is nested deeper than 127 levels"));
        assert_eq!(check(br#"["\ud800"]"#), Err("it holds a broken text escape"));
        assert_eq!(check(b"[1e400]"), Err("it holds a number out of range"));
        assert_eq!(check(b"[\"\xc0\xaf\"]"), Err("it is not UTF-8"));
        for bad in [&b"{} {}"[..], b"[NaN]", b"", b"[1,]", b"{\"a\":tru}"] {
            assert_eq!(check(bad), Err("it is not valid JSON"));
        }
    }
}
