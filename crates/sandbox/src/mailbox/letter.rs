//! A mail as a mail reader shows it.

use mail_parser::{MessageParser, PartType};
use serde::Serialize;

/// What a reader sees, and the headers that a list needs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Letter {
    /// Without angle brackets.
    pub message_id: Option<String>,
    /// The date header, RFC 3339.
    pub date: Option<String>,
    /// `Name <address>`.
    pub from: String,
    /// `Name <address>`.
    pub to: String,
    /// One line, decoded.
    pub subject: String,
    /// The plain part.
    pub text: String,
    /// The HTML part, where there is one.
    pub html: Option<String>,
    /// The header as it stands.
    pub list_unsubscribe: Option<String>,
    /// The header as it stands.
    pub list_unsubscribe_post: Option<String>,
}

impl Letter {
    /// Reads a message; what is not one is an empty letter.
    pub(crate) fn read(raw: &[u8]) -> Self {
        let Some(message) = MessageParser::default().parse(raw) else { return Self::default() };
        let header = |name: &str| message.header_raw(name).map(|value| value.trim().to_owned());
        let html = message.parts.iter().find_map(|part| match &part.body {
            PartType::Html(html) => Some(html.to_string()),
            _ => None,
        });
        Self {
            message_id: message.message_id().map(str::to_owned),
            date: message.date().map(mail_parser::DateTime::to_rfc3339),
            from: people(message.from()),
            to: people(message.to()),
            subject: message.subject().unwrap_or_default().to_owned(),
            text: message.body_text(0).unwrap_or_default().into_owned(),
            html,
            list_unsubscribe: header("List-Unsubscribe"),
            list_unsubscribe_post: header("List-Unsubscribe-Post"),
        }
    }
}

fn people(addresses: Option<&mail_parser::Address<'_>>) -> String {
    let Some(addresses) = addresses else { return String::new() };
    let one = |person: &mail_parser::Addr<'_>| match (person.name(), person.address()) {
        (Some(name), Some(address)) => format!("{name} <{address}>"),
        (name, address) => address.or(name).unwrap_or_default().to_owned(),
    };
    addresses.iter().map(one).collect::<Vec<_>>().join(", ")
}
