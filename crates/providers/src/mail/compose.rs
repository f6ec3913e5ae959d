//! Writing a mail down as RFC 5322 bytes.
//!
//! `Auto-Submitted: auto-generated` (RFC 3834) is set on every mail: nobody typed it, and it keeps
//! vacation responders from answering.

use std::time::{Duration, SystemTime};

use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox as Written, Message, MultiPart, SinglePart};
use lettre::{Address, address::Envelope as Route};

use super::{Error, Mail, Mailbox};

/// RFC 5322 §2.1.1 allows 998 bytes in a line; a URL cannot be folded, and its header's name takes some.
const URL_BYTES_MAX: usize = 900;

/// The bytes of a mail; the same mail gives the same bytes.
pub fn compose(mail: &Mail) -> Result<Vec<u8>, Error> {
    let id = message_id(&mail.message_id)?;
    let to = mailbox("to", &mail.to)?;
    // The envelope is given, or the library would search the headers for one; it is not in the bytes.
    let route = Route::new(None, vec![to.email.clone()])
        .map_err(|_| Error::Field { field: "to", rule: "one recipient" })?;
    let mut builder = Message::builder()
        .envelope(route)
        .message_id(Some(format!("<{id}>")))
        .date(date(mail)?)
        .from(mailbox("from", &mail.from)?)
        .to(to)
        .subject(one_line("subject", mail.subject.expose())?)
        .header(AutoSubmitted);
    if let Some(reply_to) = &mail.reply_to {
        builder = builder.reply_to(mailbox("reply_to", reply_to)?);
    }
    if let Some(url) = &mail.list_unsubscribe_url {
        builder = builder.header(ListUnsubscribe(checked_url(url)?)).header(OneClick);
    }
    let text = SinglePart::builder().header(ContentType::TEXT_PLAIN).body(mail.text.expose().clone());
    let message = match &mail.html {
        None => builder.singlepart(text),
        Some(html) => {
            let html = SinglePart::builder().header(ContentType::TEXT_HTML).body(html.expose().clone());
            let parts = MultiPart::alternative().boundary(boundary(id));
            builder.multipart(parts.singlepart(text).singlepart(html))
        }
    };
    let message =
        message.map_err(|_| Error::Field { field: "headers", rule: "one sender and one recipient" })?;
    Ok(message.formatted())
}

/// The boundary comes from the Message-ID, whose characters it may not all use (RFC 2046 §5.1.1).
/// The `=_` in front cannot occur in quoted-printable or base64 text, so no part can contain it.
fn boundary(id: &str) -> String {
    let local = id.split('@').next().unwrap_or_default();
    let kept: String = local.chars().filter(char::is_ascii_alphanumeric).take(48).collect();
    format!("=_afterglow_{kept}")
}

fn message_id(id: &str) -> Result<&str, Error> {
    let rule = "write id@domain in printable ASCII, without spaces or angle brackets, at most 200 characters";
    let plain = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_graphic() && !b"<>@\"(),:;\\[]".contains(&b))
    };
    match id.split_once('@') {
        Some((local, domain)) if id.len() <= 200 && plain(local) && plain(domain) => Ok(id),
        _ => Err(Error::Field { field: "message_id", rule }),
    }
}

fn date(mail: &Mail) -> Result<SystemTime, Error> {
    // The calendar of mail headers has four digits for the year (RFC 5322 §3.3).
    const YEAR_10000_S: u64 = 253_402_300_800;
    let rule = "a date between the years 1970 and 9999";
    let micros = u64::try_from(mail.date.0).map_err(|_| Error::Field { field: "date", rule })?;
    if micros / 1_000_000 >= YEAR_10000_S {
        return Err(Error::Field { field: "date", rule });
    }
    Ok(SystemTime::UNIX_EPOCH + Duration::from_micros(micros))
}

fn one_line(field: &'static str, value: &str) -> Result<String, Error> {
    if value.chars().any(char::is_control) || value.len() > 900 {
        return Err(Error::Field { field, rule: "one line of at most 900 bytes without control characters" });
    }
    Ok(value.to_owned())
}

fn mailbox(field: &'static str, mailbox: &Mailbox) -> Result<Written, Error> {
    let name = one_line(field, mailbox.name.expose())?;
    let rule = "an address of the form local@domain";
    let address: Address = mailbox.address.expose().parse().map_err(|_| Error::Field { field, rule })?;
    Ok(Written::new(Some(name).filter(|name| !name.is_empty()), address))
}

fn checked_url(url: &str) -> Result<String, Error> {
    let rule = "an https URL (http only on loopback) of at most 900 printable ASCII characters";
    let bad = Error::Field { field: "list_unsubscribe_url", rule };
    let graphic = url.bytes().all(|b| b.is_ascii_graphic() && !b"<>".contains(&b));
    let Ok(parsed) = reqwest::Url::parse(url) else { return Err(bad) };
    let secure = match parsed.scheme() {
        "https" => true,
        "http" => parsed.host_str().is_some_and(crate::smtp::is_loopback),
        _ => false,
    };
    if secure && graphic && url.len() <= URL_BYTES_MAX { Ok(url.to_owned()) } else { Err(bad) }
}

/// Where a POST unsubscribes (RFC 2369, RFC 8058).
#[derive(Clone)]
struct ListUnsubscribe(String);

/// Says that a POST to that URL is enough (RFC 8058 §3.1); the value is fixed by the RFC.
#[derive(Clone)]
struct OneClick;

/// Says that no person typed the mail (RFC 3834 §5).
#[derive(Clone)]
struct AutoSubmitted;

macro_rules! written_only {
    ($type:ident, $name:literal, $self:ident => $value:expr) => {
        impl Header for $type {
            fn name() -> HeaderName {
                HeaderName::new_from_ascii_str($name)
            }

            fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
                Err(concat!($name, " is only written here, never read").into())
            }

            fn display(&$self) -> HeaderValue {
                let value: String = $value;
                // Pre-encoded, so that a long URL is not folded; all values are checked to be ASCII.
                HeaderValue::dangerous_new_pre_encoded(Self::name(), value.clone(), value)
            }
        }
    };
}

written_only!(ListUnsubscribe, "List-Unsubscribe", self => format!("<{}>", self.0));
written_only!(OneClick, "List-Unsubscribe-Post", self => "List-Unsubscribe=One-Click".to_owned());
written_only!(AutoSubmitted, "Auto-Submitted", self => "auto-generated".to_owned());

#[cfg(test)]
mod tests;
