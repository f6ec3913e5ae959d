//! Mails: composed once into bytes, stored, sent as they are.
//!
//! Invariant: the same mail gives the same bytes (Message-ID, date and MIME boundary come from the
//! mail), and no value can start a header of its own.
//! Deliberately absent: templates, and the decision whether a mail may be sent.

use std::future::Future;
use std::time::Duration;

use afterglow_domain::{Disposition, Sensitive, Timestamp};

use crate::outcome::{Outcome, Rejection};

mod compose;
pub use compose::compose;

/// A way to send mails.
///
/// A mail has no key by which a second call could be recognised, so what matters is the moment from which
/// on it may have left. Each mailer knows that moment and waits there for its caller's word.
pub trait Mailer: Send + Sync {
    /// The longest that one call takes.
    fn call_timeout(&self) -> Duration;

    /// The bytes of the mail (RFC 5322), to be stored before the call.
    fn compose(&self, mail: &Mail) -> Result<Vec<u8>, Error>;

    /// Sends stored bytes once. `leave` is awaited right before the mail may leave: before DATA, or
    /// before the one request of a vendor with an HTTP API is written. Whatever ends the call earlier is a
    /// rejection. So is a `leave` that fails: nothing of the mail is written, the connection is closed,
    /// and its rejection is the outcome.
    fn send(
        &self,
        envelope: &Envelope,
        bytes: &[u8],
        leave: impl Future<Output = Result<(), Rejection>> + Send,
    ) -> impl Future<Output = Outcome<MailAccepted>> + Send;
}

/// A name and an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// The display name; may be empty.
    pub name: Sensitive<String>,
    /// `local@domain`.
    pub address: Sensitive<String>,
}

impl Mailbox {
    /// From a name (may be empty) and an address; checked when the mail is composed.
    pub fn new(name: impl Into<String>, address: impl Into<String>) -> Self {
        Self { name: Sensitive::new(name.into()), address: Sensitive::new(address.into()) }
    }
}

/// One mail to one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// `id@domain` without angle brackets; made from the touchpoint's id, so that a copy is recognised.
    pub message_id: String,
    /// The mail's date, chosen by the caller.
    pub date: Timestamp,
    /// Who writes.
    pub from: Mailbox,
    /// Where an answer goes, if not to the writer.
    pub reply_to: Option<Mailbox>,
    /// Who reads.
    pub to: Mailbox,
    /// One line.
    pub subject: Sensitive<String>,
    /// The plain part.
    pub text: Sensitive<String>,
    /// The HTML part; without it the mail is plain.
    pub html: Option<Sensitive<String>>,
    /// Where a POST unsubscribes (RFC 8058, https except on loopback); mails to our own staff have none.
    pub list_unsubscribe_url: Option<String>,
}

/// Who the server is told the mail comes from and goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Where bounces go.
    pub from: Sensitive<String>,
    /// The one recipient.
    pub to: Sensitive<String>,
}

impl Mail {
    /// The envelope of the mail itself: bounces go to the writer.
    pub fn envelope(&self) -> Envelope {
        Envelope { from: self.from.address.clone(), to: self.to.address.clone() }
    }
}

/// The server took the responsibility for the mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailAccepted {
    /// Which server.
    pub server: String,
    /// The server's own words where they cannot hold an address, usually its queue id.
    pub note: Option<String>,
}

/// A mail cannot be written down, or a mail server's settings are not usable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A field of the mail; the value is not named, since it is usually personal.
    #[error("the mail's {field} is not valid: {rule}")]
    Field {
        /// Which field.
        field: &'static str,
        /// What it should look like.
        rule: &'static str,
    },
    /// A setting of the server.
    #[error("mail server {host:?}: {rule}")]
    Setting {
        /// The configured host.
        host: String,
        /// What is wrong, and the remedy.
        rule: String,
    },
}

impl Error {
    /// The same mail will never be valid: it is parked with the reason.
    pub fn disposition(&self) -> Disposition {
        Disposition::Park
    }
}
