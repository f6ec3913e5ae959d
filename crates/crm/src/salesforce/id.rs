//! Salesforce's record ids: 15 case-sensitive characters, or 18 with three that repeat the case.
//!
//! Everything of ours keeps 18, so that one record has one spelling.

const SUFFIX: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// The 18-character form of a 15 or 18-character id. `None` for any other text, and for 18 characters
/// whose last three do not fit: somewhere on the way the case of the letters was lost.
pub fn to18(id: &str) -> Option<String> {
    let bytes = id.as_bytes();
    if !matches!(bytes.len(), 15 | 18) || !bytes.iter().all(u8::is_ascii_alphanumeric) {
        return None;
    }
    let mut full = id[..15].to_owned();
    for chunk in bytes[..15].chunks_exact(5) {
        let upper = |(bit, b): (usize, &u8)| usize::from(b.is_ascii_uppercase()) << bit;
        let value: usize = chunk.iter().enumerate().map(upper).sum();
        full.push(char::from(SUFFIX[value]));
    }
    (bytes.len() == 15 || full == id).then_some(full)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifteen_becomes_eighteen() {
        for full in ["00D7F00000107XsUAI", "00Dxx0000001gPFEAY", "006xx000001a2bcAAA", "001ak00000OKNPHAA5"] {
            assert_eq!(to18(&full[..15]).as_deref(), Some(full));
            assert_eq!(to18(full).as_deref(), Some(full));
        }
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for bad in [
            "",
            "006xx000001a2b",
            "006xx000001a2bcAA",
            "006xx000001a2b'",
            "00d7f00000107xsUAI",
            "ä06xx000001a2b",
        ] {
            assert_eq!(to18(bad), None, "{bad:?}");
        }
    }
}
