//! What an SMTP answer, or its absence, means.
//!
//! Invariant: reasons carry codes and our own words only. Servers like to repeat the recipient's
//! address in their text, so that text is read for its enhanced code and then forgotten.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::response::Response;

use crate::mail::MailAccepted;
use crate::outcome::{Class, Outcome};

/// How far the dialogue came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// TCP, TLS from the first byte, greeting, EHLO.
    Connect,
    /// From plain to TLS.
    StartTls,
    /// AUTH.
    Login,
    /// MAIL FROM.
    Sender,
    /// RCPT TO.
    Recipient,
    /// DATA and the message, without its final dot.
    Data,
    /// The final dot may have been written.
    Dot,
}

impl Phase {
    const ALL: [Self; 7] =
        [Self::Connect, Self::StartTls, Self::Login, Self::Sender, Self::Recipient, Self::Data, Self::Dot];

    /// Notes the phase where it survives a call that is given up.
    pub(super) fn enter(self, cell: &AtomicU8) {
        cell.store(self as u8, Ordering::SeqCst);
    }

    /// The phase that was noted.
    pub(super) fn of(noted: u8) -> Self {
        Self::ALL.into_iter().find(|phase| *phase as u8 == noted).unwrap_or(Self::Dot)
    }

    fn words(self) -> &'static str {
        match self {
            Self::Connect => "at the greeting",
            Self::StartTls => "at STARTTLS",
            Self::Login => "at the login",
            Self::Sender => "at MAIL FROM",
            Self::Recipient => "at RCPT TO",
            Self::Data => "before the end of the message",
            Self::Dot => "after the end of the message",
        }
    }
}

/// The mail was taken; the server's words are kept where they cannot hold an address.
pub(super) fn accepted(host: &str, response: &Response) -> MailAccepted {
    let note: String = response.message().collect::<Vec<_>>().join(" ");
    let note =
        Some(note).filter(|n| !n.is_empty() && n.len() <= 120 && !n.contains(['@', '<']) && n.is_ascii());
    MailAccepted { server: host.to_owned(), note }
}

/// The call was given up after its time.
pub(super) fn silent(host: &str, phase: Phase, after: Duration) -> Outcome<MailAccepted> {
    broken(phase, format!("smtp {host}: no answer {} within {} s", phase.words(), after.as_secs()))
}

/// The dialogue ended with an error.
pub(super) fn failed(host: &str, phase: Phase, error: &SmtpError) -> Outcome<MailAccepted> {
    let Some(code) = error.status().map(u16::from) else {
        if error.is_tls() {
            let reason =
                format!("smtp {host}: no TLS {}; check the port and the server's certificate", phase.words());
            return Outcome::rejected(Class::Configuration, reason);
        }
        if error.is_client() {
            let remedy = "the server does not offer what the settings ask for (STARTTLS, AUTH)";
            return Outcome::rejected(Class::Configuration, format!("smtp {host}: {remedy}"));
        }
        return broken(phase, format!("smtp {host}: connection broken {}", phase.words()));
    };
    let text = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    let enhanced = enhanced_code(&text);
    let shown = enhanced.as_ref().map(|e| format!(" {e}")).unwrap_or_default();
    let reason = format!("smtp {host}: {code}{shown} {}", phase.words());
    Outcome::rejected(class(phase, code, enhanced.as_deref()), reason)
}

/// No answer: certainly not sent until the final dot, unknown from there.
fn broken(phase: Phase, reason: String) -> Outcome<MailAccepted> {
    match phase {
        Phase::Dot => Outcome::unknown(reason),
        _ => Outcome::rejected(Class::Retry { after: None }, reason),
    }
}

/// A negative answer's class: RFC 5321 §4.2.1 for the first digit, RFC 3463 for the enhanced code.
/// A 5xx before the recipient was named is about us, not about them.
fn class(phase: Phase, code: u16, enhanced: Option<&str>) -> Class {
    const NO_SUCH_ADDRESS: [&str; 5] = ["5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"];
    match (code, phase) {
        (400..=499, _) => Class::Retry { after: None },
        (530 | 534 | 535 | 538, _) | (_, Phase::Connect | Phase::StartTls | Phase::Login) => {
            Class::Configuration
        }
        (_, Phase::Recipient | Phase::Dot) if enhanced.is_some_and(|e| NO_SUCH_ADDRESS.contains(&e)) => {
            Class::BadAddress
        }
        _ => Class::Permanent,
    }
}

/// The enhanced status code (RFC 2034) that a text starts with: `5.1.1`.
fn enhanced_code(text: &str) -> Option<String> {
    let word = text.split_whitespace().next()?;
    let parts: Vec<&str> = word.split('.').collect();
    let digits = |part: &&str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    (parts.len() == 3 && parts.iter().all(digits)).then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_refusal_does_not_suppress_the_person() {
        assert_eq!(class(Phase::Recipient, 550, Some("5.1.1")), Class::BadAddress);
        assert_eq!(class(Phase::Recipient, 550, Some("5.7.1")), Class::Permanent);
        assert_eq!(class(Phase::Recipient, 550, None), Class::Permanent);
        assert_eq!(class(Phase::Sender, 550, Some("5.1.1")), Class::Permanent);
        assert_eq!(class(Phase::Login, 535, Some("5.7.8")), Class::Configuration);
        assert_eq!(class(Phase::Connect, 554, None), Class::Configuration);
        assert_eq!(class(Phase::Recipient, 451, None), Class::Retry { after: None });
    }

    #[test]
    fn only_a_code_in_front_counts() {
        assert_eq!(enhanced_code("5.1.1 <a@b.example> unknown").as_deref(), Some("5.1.1"));
        assert_eq!(enhanced_code("host 10.0.0.1 says no"), None);
        assert_eq!(enhanced_code("10.0.0.1 says no"), None);
    }

    #[test]
    fn every_phase_is_found_again() {
        for phase in Phase::ALL {
            assert_eq!(Phase::of(phase as u8), phase);
        }
    }
}
