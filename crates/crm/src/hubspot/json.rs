//! Strict reading of untrusted JSON: dividing an array without trusting its elements, and refusing
//! what would mean different things to different readers (duplicate keys, broken text, deep nesting).
//!
//! `serde_json` alone takes the last of two equal keys and stops at the first broken element.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// An object's keys and values as they stand in the text.
pub(super) type Entries<'a> = Vec<(Cow<'a, str>, &'a RawValue)>;

/// How many objects are held with their entries at a time, which are many times their text: HubSpot sends no more.
const OBJECTS_MAX: usize = 100;

/// The objects of an array in which every reader understands everything alike, each as it stands in the text and
/// with its entries: the quick way, in one pass. `None` for any other text, and for more than [`OBJECTS_MAX`].
pub(super) fn objects(array: &[u8]) -> Option<Vec<(&[u8], Entries<'_>)>> {
    let mut rest = utf8(array).ok()?.strip_prefix('[')?.trim_ascii_start();
    let mut found = Vec::new();
    while found.len() < OBJECTS_MAX {
        let mut reader = serde_json::Deserializer::from_str(rest).into_iter::<Object<'_>>();
        let Object(entries) = reader.next()?.ok()?;
        let (object, behind) = rest.split_at(reader.byte_offset());
        found.push((object.as_bytes(), checked(entries).ok()?));
        rest = behind.trim_ascii_start();
        if let Some(next) = rest.strip_prefix(',') {
            rest = next.trim_ascii_start();
        } else {
            return rest.strip_prefix(']')?.trim_ascii().is_empty().then_some(found);
        }
    }
    None
}

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

/// An object's entries, where every reader understands all of it alike. The error tells neither content nor path.
pub(super) fn entries(object: &[u8]) -> Result<Entries<'_>, &'static str> {
    if !object.starts_with(b"{") {
        return check(object).and(Err("it is not a JSON object"));
    }
    let Object(entries) = serde_json::from_str(utf8(object)?).map_err(|error| refusal(&error))?;
    checked(entries)
}

/// Looks into values that are only well formed so far.
fn checked(entries: Entries<'_>) -> Result<Entries<'_>, &'static str> {
    entries
        .iter()
        .map(|(_, value)| value.get())
        .filter(|value| !is_plain(value))
        .try_for_each(|value| check(value.as_bytes()))?;
    Ok(entries)
}

/// Whether a JSON text is one value that every reader understands alike.
pub(super) fn check(text: &[u8]) -> Result<(), &'static str> {
    let mut reader = serde_json::Deserializer::from_str(utf8(text)?);
    let outcome = Strict.deserialize(&mut reader).and_then(|()| reader.end());
    outcome.map_err(|error| refusal(&error))
}

fn utf8(text: &[u8]) -> Result<&str, &'static str> {
    std::str::from_utf8(text).map_err(|_| "it is not UTF-8")
}

/// Whether a well-formed value is one that leaves nothing to check: what most values are.
fn is_plain(value: &str) -> bool {
    match value.as_bytes()[0] {
        b'"' => !value.contains('\\'),
        b'{' | b'[' => false,
        // Beyond this length, or with an exponent, a number may be out of range.
        _ => value.len() <= 100 && !value.contains(['e', 'E']) || matches!(value, "true" | "false"),
    }
}

fn refusal(error: &serde_json::Error) -> &'static str {
    match error.to_string() {
        text if text.starts_with(DUPLICATE) => "it names a key twice",
        text if text.starts_with("recursion limit") => "it is nested deeper than 127 levels",
        text if text.starts_with("number out of range") => "it holds a number out of range",
        text if text.contains("surrogate") || text.contains("hex escape") => "it holds a broken text escape",
        _ => "it is not valid JSON",
    }
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
        let mut keys = Vec::new();
        while let Some(Key(key)) = entries.next_key()? {
            keys.push(key);
            entries.next_value_seed(Strict)?;
        }
        each_once(keys.iter())
    }
}

/// An object of which each key is there once.
struct Object<'a>(Entries<'a>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor).map(Self)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Entries<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut found = Vec::with_capacity(16);
        while let Some((Key(key), value)) = entries.next_entry()? {
            found.push((key, value));
        }
        each_once(found.iter().map(|(key, _)| key))?;
        Ok(found)
    }
}

fn each_once<'k, E: serde::de::Error>(keys: impl Iterator<Item = &'k Cow<'k, str>>) -> Result<(), E> {
    let mut keys: Vec<&str> = keys.map(AsRef::as_ref).collect();
    // Most keys already differ in length.
    keys.sort_unstable_by(|one, other| one.len().cmp(&other.len()).then_with(|| one.cmp(other)));
    if keys.windows(2).any(|pair| pair[0] == pair[1]) { Err(E::custom(DUPLICATE)) } else { Ok(()) }
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

    /// Where the quick way says anything, it says what the careful one does.
    #[test]
    fn the_quick_way_and_the_careful_one_agree() {
        let plain = [
            &br#"[{"a":[1,{"b":"],"}]} , {"c\u0064":"\","}]"#[..],
            b"[ {}\n,{\"a\":null} ] ",
            br#"[{"a":1}]"#,
        ];
        for plain in plain {
            let quick = objects(plain).unwrap();
            let careful: Vec<_> =
                elements(plain).unwrap().into_iter().map(|raw| (raw, entries(raw).unwrap())).collect();
            let shown = |found: &[(&[u8], Entries<'_>)]| format!("{found:?}");
            assert_eq!(shown(&quick), shown(&careful));
        }
        for other in [
            &b"[]"[..],
            b"[1]",
            br#"[{"a":1,"a":2}]"#,
            br#"[{"a":1e999}]"#,
            br#"[{"a":"\ud800"}]"#,
            br#"[{"a":1},]"#,
            br#"[{"a":1}{}]"#,
            br#"[{"a":1}"#,
            br#"[{"a":1}] 2"#,
            br#"[{"a":1}, tru]"#,
            b"[{\"a\":\"\xc0\xaf\"}]",
            br#"{"a":1}"#,
        ] {
            assert!(objects(other).is_none(), "{}", String::from_utf8_lossy(other));
        }
        for (count, quick) in [(OBJECTS_MAX, true), (OBJECTS_MAX + 1, false)] {
            let array = format!("[{}]", vec!["{}"; count].join(","));
            assert_eq!(objects(array.as_bytes()).is_some(), quick);
            assert_eq!(elements(array.as_bytes()).unwrap().len(), count);
        }
    }

    #[test]
    fn an_object_s_entries_are_checked_as_a_whole() {
        let object = br#"{"id":123456789012345678901234567890,"n":"a\u0000b","e":[1.5],"x\u0079":true}"#;
        let found: Vec<_> =
            entries(object).unwrap().into_iter().map(|(key, value)| (key, value.get())).collect();
        let expected = [
            ("id", "123456789012345678901234567890"),
            ("n", r#""a\u0000b""#),
            ("e", "[1.5]"),
            ("xy", "true"),
        ];
        assert_eq!(found, expected.map(|(key, value)| (Cow::from(key), value)));
        for bad in [
            &br#"{"a":1,"b":2,"a":3}"#[..],
            br#"{"ab":1,"a\u0062":2}"#,
            br#"{"a":{"b":1,"b":2}}"#,
            br#"{"a":["\ud800"]}"#,
            br#"{"a":"\ud800"}"#,
            br#"{"a":"\u12"}"#,
            br#"{"a":1e400}"#,
            br#"{"a":-1E400}"#,
            b"{\"a\":\"\xc0\xaf\"}",
            b"{\"a\":\"\x01\"}",
            br#"{"a":01}"#,
            br#"{"a":NaN}"#,
            br#"{"a":tru}"#,
            br#"{"a":1,}"#,
            b"{} {}",
            br#"{"a":1"#,
        ] {
            assert!(check(bad).is_err());
            assert_eq!(entries(bad).map(drop), check(bad), "{}", String::from_utf8_lossy(bad));
        }
        let long = format!(r#"{{"a":{}}}"#, "9".repeat(400));
        assert_eq!(entries(long.as_bytes()).map(drop), check(long.as_bytes()));
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
