//! Untrusted text on one line, with nothing in it that a terminal or a reader could be fooled by.

use std::fmt::{self, Write};

/// The longest text shown; what is cut off is counted.
const CHARACTERS_MAX: usize = 200;

/// Shows a text from outside: control characters (line ends, ANSI escapes), characters that change
/// the direction of writing and invisible ones appear as `\u{…}`; long texts are cut.
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut characters = self.0.chars();
        for character in characters.by_ref().take(CHARACTERS_MAX) {
            if character == '\\' || misleading(character) {
                write!(f, "{}", character.escape_default())?;
            } else {
                f.write_char(character)?;
            }
        }
        match characters.count() {
            0 => Ok(()),
            more => write!(f, "… ({more} more)"),
        }
    }
}

fn misleading(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_and_no_tricks() {
        let shown = |text| Escaped(text).to_string();
        assert_eq!(shown("Zoë & Söhne 🎁"), "Zoë & Söhne 🎁");
        assert_eq!(shown("a\r\nINFO forged"), "a\\r\\nINFO forged");
        assert_eq!(shown("\u{1b}[31mred\u{9b}"), "\\u{1b}[31mred\\u{9b}");
        assert_eq!(shown("txt\u{202e}exe"), "txt\\u{202e}exe");
        assert_eq!(shown("C:\\n"), "C:\\\\n");
        assert!(shown(&"x".repeat(1000)).ends_with("x… (800 more)"));
    }
}
