//! The two forms of a rendered text: plain and minimal HTML.
//!
//! Values are shielded before they meet the text ([`shield`]) and unshielded at the very end, so that
//! a company called `[click](http://evil)` stays a name.

use std::fmt::Write as _;

const OPEN: char = '\u{E000}';
const CLOSE: char = '\u{E001}';
const END: char = '\u{E002}';

/// Makes a value one line of text that no markup is read from.
pub(crate) fn shield(value: &str) -> String {
    let one = |character: char| match character {
        '[' => OPEN,
        ']' => CLOSE,
        ')' => END,
        OPEN | CLOSE | END => ' ',
        other if other.is_control() || matches!(other, '\u{2028}' | '\u{2029}') => ' ',
        other => other,
    };
    value.trim().chars().map(one).collect()
}

/// The value as it was.
pub(crate) fn unshield(text: &str) -> String {
    let one = |character: char| match character {
        OPEN => '[',
        CLOSE => ']',
        END => ')',
        other => other,
    };
    text.chars().map(one).collect()
}

/// A piece of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    Text(&'a str),
    Link { text: &'a str, url: &'a str },
}

/// Splits at `[text](url)`; a bracket that opens no link is text.
pub(crate) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut rest, mut from) = (text, 0);
    while let Some(open) = rest[from..].find('[').map(|at| at + from) {
        let link = rest[open..].find("](").and_then(|middle| {
            let (middle, url) = (open + middle, open + middle + 2);
            let label = &rest[open + 1..middle];
            let end = url + rest[url..].find(')')?;
            (!label.contains('[') && !label.contains("\n\n")).then_some((label, &rest[url..end], end + 1))
        });
        match link {
            Some((label, url, end)) => {
                pieces.push(Piece::Text(&rest[..open]));
                pieces.push(Piece::Link { text: label, url: url.trim() });
                (rest, from) = (&rest[end..], 0);
            }
            None => from = open + 1,
        }
    }
    pieces.push(Piece::Text(rest));
    pieces.retain(|piece| *piece != Piece::Text(""));
    pieces
}

/// Links as `text (url)`, or the bare URL where the text is the URL.
pub(crate) fn plain(body: &str) -> String {
    let mut out = String::new();
    for piece in pieces(body) {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Link { text, url } if text == url => out.push_str(url),
            Piece::Link { text, url } => {
                let _ = write!(out, "{text} ({url})");
            }
        }
    }
    let mut out = unshield(out.trim());
    out.push('\n');
    out
}

/// Paragraphs, line breaks and links; nothing is loaded from anywhere.
pub(crate) fn html(body: &str) -> String {
    let mut out = String::from("<!doctype html>\n<html><body>\n");
    for paragraph in body.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty()) {
        out.push_str("<p>");
        for piece in pieces(paragraph) {
            match piece {
                Piece::Text(text) => out.push_str(&escape(text).replace('\n', "<br>\n")),
                Piece::Link { text, url } => {
                    let _ = write!(out, "<a href=\"{}\">{}</a>", escape(url), escape(text));
                }
            }
        }
        out.push_str("</p>\n");
    }
    out.push_str("</body></html>\n");
    out
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in unshield(text).chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_things_that_look_like_links() {
        assert_eq!(plain("a [b](https://c.example) d"), "a b (https://c.example) d\n");
        assert_eq!(plain("[https://c.example](https://c.example)"), "https://c.example\n");
        assert_eq!(plain("[a] (b) [c]("), "[a] (b) [c](\n");
        assert_eq!(plain("[a [b](https://c.example)"), "[a b (https://c.example)\n");
        assert_eq!(
            html("x < y\nz"),
            "<!doctype html>\n<html><body>\n<p>x &lt; y<br>\nz</p>\n</body></html>\n"
        );
    }
}
