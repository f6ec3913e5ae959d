//! A record as every log takes and gives it.

use std::borrow::Cow;

use bytes::Bytes;

use crate::topic::Topic;

/// The names of the headers that we write, in the binding's order; strangers may write others.
pub const HEADER_NAMES: [&str; 10] = [
    "ce_specversion",
    "ce_id",
    "ce_source",
    "ce_type",
    "ce_time",
    "ce_subject",
    "ce_tenant",
    "ce_dataschema",
    "content-type",
    "traceparent",
];

/// A header: name and value.
pub type Header = (Cow<'static, str>, Bytes);

/// What a log stores: the same four things on SQLite and on Kafka.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Where it goes or came from.
    pub topic: Topic,
    /// The record key; partition and shard follow from it. Empty where a stranger sent none.
    pub key: Bytes,
    /// The headers in order. Names are ASCII; values are text for all that we write, and any bytes
    /// in what strangers write.
    pub headers: Vec<Header>,
    /// The payload.
    pub value: Bytes,
}

impl Record {
    /// The largest payload that is written, in bytes: half of Kafka's default message limit, so that
    /// headers, key and batch overhead always fit beside it.
    pub const VALUE_BYTES_MAX: usize = 512 * 1024;

    /// The first header of that name, as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(header, _)| header == name)?;
        std::str::from_utf8(value).ok()
    }

    /// The key as text; empty where it is not UTF-8.
    pub fn key_text(&self) -> &str {
        std::str::from_utf8(&self.key).unwrap_or_default()
    }
}

/// A header's name as it was read: nearly all are ours, and need no copy.
pub fn header_name(name: &str) -> Cow<'static, str> {
    match HEADER_NAMES.iter().find(|ours| **ours == name) {
        Some(ours) => Cow::Borrowed(ours),
        None => Cow::Owned(name.to_owned()),
    }
}

/// Headers as one blob, the form in which SQL stores keep them: name and value in turn, each prefixed
/// with its length in four bytes, big-endian.
pub fn headers_to_bytes(headers: &[Header]) -> Vec<u8> {
    let mut blob = Vec::with_capacity(headers.iter().map(|(n, v)| n.len() + v.len() + 8).sum());
    for part in headers.iter().flat_map(|(name, value)| [name.as_bytes(), value]) {
        let length = u32::try_from(part.len()).expect("a header is far below four gigabytes");
        blob.extend_from_slice(&length.to_be_bytes());
        blob.extend_from_slice(part);
    }
    blob
}

/// The headers of a blob; `None` where it is not one.
pub fn headers_from_bytes(mut blob: &[u8]) -> Option<Vec<Header>> {
    let mut headers = Vec::new();
    while !blob.is_empty() {
        let name = header_name(std::str::from_utf8(take(&mut blob)?).ok()?);
        headers.push((name, Bytes::copy_from_slice(take(&mut blob)?)));
    }
    Some(headers)
}

fn take<'a>(blob: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = blob.split_first_chunk::<4>()?;
    let (part, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    *blob = rest;
    Some(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_survive_as_a_blob() {
        let headers: Vec<Header> =
            vec![("ce_id".into(), Bytes::from("7")), ("x".into(), Bytes::from_static(&[0xff, 0]))];
        let blob = headers_to_bytes(&headers);
        assert_eq!(headers_from_bytes(&blob), Some(headers));
        assert_eq!(headers_from_bytes(&blob[..blob.len() - 1]), None);
        assert_eq!(headers_from_bytes(&[0xff; 4]), None);
    }
}
