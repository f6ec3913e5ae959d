//! `google.protobuf.Timestamp`, with the JSON form that its specification asks for: RFC 3339, normalised
//! to `Z`, with 0, 3, 6 or 9 decimals.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A point in time of the contract. [`crate::convert`] turns it into the domain's and back.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct Timestamp {
    /// Seconds since 1970, UTC.
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    /// Nanoseconds within the second, 0 to 999,999,999.
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

impl Timestamp {
    fn text(self) -> String {
        let whole = afterglow_domain::Timestamp(self.seconds.saturating_mul(1_000_000)).to_string();
        let decimals = match self.nanos.clamp(0, 999_999_999) {
            0 => String::new(),
            nanos if nanos % 1_000_000 == 0 => format!(".{:03}", nanos / 1_000_000),
            nanos if nanos % 1_000 == 0 => format!(".{:06}", nanos / 1_000),
            nanos => format!(".{nanos:09}"),
        };
        format!("{}{decimals}Z", whole.trim_end_matches('Z'))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl de::Visitor<'_> for Text {
            type Value = Timestamp;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an RFC 3339 time")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
                let at: jiff::Timestamp = text.parse().map_err(|_| E::custom("not an RFC 3339 time"))?;
                let nanos = at.subsec_nanosecond();
                // Before 1970 the calendar library counts decimals down, the contract counts them up.
                let borrow = i32::from(nanos < 0);
                Ok(Timestamp {
                    seconds: at.as_second() - i64::from(borrow),
                    nanos: nanos + borrow * 1_000_000_000,
                })
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_form_is_canonical() {
        for (seconds, nanos, text) in [
            (0, 0, "\"1970-01-01T00:00:00Z\""),
            (1, 500_000_000, "\"1970-01-01T00:00:01.500Z\""),
            (1, 1_000, "\"1970-01-01T00:00:01.000001Z\""),
            (-1, 1, "\"1969-12-31T23:59:59.000000001Z\""),
        ] {
            let at = Timestamp { seconds, nanos };
            assert_eq!(serde_json::to_string(&at).unwrap(), text);
            assert_eq!(serde_json::from_str::<Timestamp>(text).unwrap(), at);
        }
        let offset: Timestamp = serde_json::from_str("\"1970-01-01T01:00:00+01:00\"").unwrap();
        assert_eq!(offset, Timestamp { seconds: 0, nanos: 0 });
        assert!(serde_json::from_str::<Timestamp>("\"yesterday\"").is_err());
    }
}
