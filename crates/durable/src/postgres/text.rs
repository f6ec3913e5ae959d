//! Text as PostgreSQL takes it: its type knows every character but NUL, which a CRM's field may hold.
//!
//! A NUL is written as `␀0` and the sign itself as `␀␀`, so that every text comes back as it was. Bytes
//! would, too, but a person who looks at the table should read a reason and not its digits.

use std::borrow::Cow;

const SIGN: char = '\u{2400}';

/// The text as it is stored.
pub fn stored(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', SIGN]) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace(SIGN, "\u{2400}\u{2400}").replace('\0', "\u{2400}0"))
}

/// The text as it was.
pub fn told(stored: String) -> String {
    if !stored.contains(SIGN) {
        return stored;
    }
    let mut text = String::with_capacity(stored.len());
    let mut chars = stored.chars();
    while let Some(char) = chars.next() {
        match char {
            SIGN => text.push(if chars.next() == Some('0') { '\0' } else { SIGN }),
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back() {
        for text in ["", "Zoë", "why\0not", "\0", "␀", "␀0", "\0␀\0\0 0", "␀␀"] {
            let kept = stored(text);
            assert!(!kept.contains('\0'), "{kept}");
            assert_eq!(told(kept.into_owned()), text);
        }
        assert!(matches!(stored("plain"), Cow::Borrowed(_)));
    }
}
