//! Mail by SMTP (RFC 5321), one connection per mail.
//!
//! The dialogue is walked step by step, because what a broken connection means depends on the step:
//! until the final dot of the message the server has nothing to deliver (certainly not sent), from the
//! dot to its answer nobody knows. The library's own `send` does not tell the two apart. The caller's word
//! is waited for before DATA, when sender and recipient are accepted: what follows is one write.
//!
//! Invariant: a plain connection is made to loopback only; credentials and addresses never cross a
//! network unencrypted. Deliberately absent: a connection pool (a stale pooled connection breaks in
//! ways that look like a lost answer) and retries.

use std::future::Future;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use afterglow_domain::Sensitive;
use lettre::Address;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail as MailFrom, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::Response;
use secrecy::{ExposeSecret, SecretString};

use crate::mail::{self, Envelope, Error, Mail, MailAccepted, Mailer};
use crate::outcome::{Class, Outcome, Rejection};

mod answer;
use answer::Phase;

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// No protection: accepted for loopback hosts only.
    Plain,
    /// A plain start that must become TLS before anything else is said (RFC 3207).
    StartTls,
    /// TLS from the first byte (RFC 8314).
    Tls,
}

/// A mail server's settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Name or address; the certificate must carry it.
    pub host: String,
    /// Usually 587 for StartTls, 465 for Tls.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// User name and password, where the server wants them.
    pub login: Option<Login>,
    /// The longest that one mail takes from the connection to the last answer.
    pub timeout: Duration,
    /// The name we greet with; without it the machine's host name.
    pub hello_name: Option<String>,
}

/// User name and password.
#[derive(Debug, Clone)]
pub struct Login {
    /// The user; often a mail address.
    pub user: Sensitive<String>,
    /// The password.
    pub password: SecretString,
}

/// A mail server.
pub struct Smtp {
    settings: Settings,
    tls: Option<TlsParameters>,
    hello: ClientId,
}

/// Whether a host is this machine; the demo and tests use plain connections there.
pub(crate) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

impl Smtp {
    /// Checks the settings; connects only when a mail is sent.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        let bad = |rule: String| Error::Setting { host: settings.host.clone(), rule };
        let tls = match settings.security {
            Security::Plain if is_loopback(&settings.host) => None,
            Security::Plain => {
                return Err(bad("a plain connection is for loopback only; use starttls or tls".into()));
            }
            Security::StartTls | Security::Tls => Some(
                TlsParameters::new(settings.host.clone())
                    .map_err(|e| bad(format!("TLS is not usable: {e}")))?,
            ),
        };
        let hello = match &settings.hello_name {
            Some(name) if name.is_empty() || !name.bytes().all(|b| b.is_ascii_graphic()) => {
                return Err(bad("hello_name must be a host name".into()));
            }
            Some(name) => ClientId::Domain(name.clone()),
            None => ClientId::default(),
        };
        Ok(Self { settings, tls, hello })
    }

    /// Connects, protects and logs in.
    async fn connect(&self, phase: &AtomicU8) -> Result<AsyncSmtpConnection, SmtpError> {
        let Settings { host, port, security, timeout, .. } = &self.settings;
        let at_once = self.tls.clone().filter(|_| *security == Security::Tls);
        let address = (host.as_str(), *port);
        let mut server =
            AsyncSmtpConnection::connect_tokio1(address, Some(*timeout), &self.hello, at_once, None).await?;
        if let (Security::StartTls, Some(tls)) = (security, self.tls.clone()) {
            Phase::StartTls.enter(phase);
            server.starttls(tls, &self.hello).await?;
        }
        if let Some(login) = &self.settings.login {
            Phase::Login.enter(phase);
            let credentials =
                Credentials::new(login.user.expose().clone(), login.password.expose_secret().to_owned());
            server.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await?;
        }
        Ok(server)
    }

    /// Walks the dialogue; `phase` says at any time how far it came, also when the call is given up.
    async fn dialogue(
        &self,
        (route, bytes): (&Route, &[u8]),
        leave: impl Future<Output = Result<(), Rejection>>,
        phase: &AtomicU8,
    ) -> Result<Response, Stop> {
        let mut server = self.connect(phase).await?;
        let spoken = async {
            propose(&mut server, route, bytes, phase).await?;
            leave.await.map_err(Stop::Held)?;
            Ok(hand_over(&mut server, bytes, phase).await?)
        };
        let spoken = spoken.await;
        // What follows is politeness: it cannot change what became of the mail, and a server that does
        // not answer to it must not delay us.
        let _ = tokio::time::timeout(Duration::from_secs(1), server.abort()).await;
        spoken
    }
}

/// The envelope, parsed.
struct Route {
    from: Address,
    to: Address,
}

impl Route {
    fn parse(envelope: &Envelope) -> Option<Self> {
        let from = envelope.from.expose().parse().ok()?;
        Some(Self { from, to: envelope.to.expose().parse().ok()? })
    }
}

/// Why a dialogue ended without the server's yes.
enum Stop {
    /// By the server, or by the line to it.
    Smtp(SmtpError),
    /// By the caller, who did not let the mail leave.
    Held(Rejection),
}

impl From<SmtpError> for Stop {
    fn from(error: SmtpError) -> Self {
        Self::Smtp(error)
    }
}

/// Names sender and recipient.
async fn propose(
    server: &mut AsyncSmtpConnection,
    route: &Route,
    bytes: &[u8],
    phase: &AtomicU8,
) -> Result<(), SmtpError> {
    Phase::Sender.enter(phase);
    let mut options = Vec::new();
    if !bytes.is_ascii() && server.server_info().supports_feature(Extension::EightBitMime) {
        options.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    let international =
        !AsRef::<str>::as_ref(&route.to).is_ascii() || !AsRef::<str>::as_ref(&route.from).is_ascii();
    if international {
        // A server that cannot take such an address refuses the parameter with a permanent code.
        options.push(MailParameter::SmtpUtfEight);
    }
    server.command(MailFrom::new(Some(route.from.clone()), options)).await?;
    Phase::Recipient.enter(phase);
    server.command(Rcpt::new(route.to.clone(), Vec::new())).await?;
    Ok(())
}

/// DATA and the message.
async fn hand_over(
    server: &mut AsyncSmtpConnection,
    bytes: &[u8],
    phase: &AtomicU8,
) -> Result<Response, SmtpError> {
    Phase::Data.enter(phase);
    server.command(Data).await?;
    // The library asks for the next piece when the one before is written, and writes the dot when
    // there is none: that question is the last moment at which the mail is certainly not sent.
    let mut pieces = std::iter::once(bytes);
    let watched = std::iter::from_fn(|| {
        let piece = pieces.next();
        if piece.is_none() {
            Phase::Dot.enter(phase);
        }
        piece
    });
    server.message_iter(watched).await
}

impl Mailer for Smtp {
    fn call_timeout(&self) -> Duration {
        self.settings.timeout
    }

    fn compose(&self, mail: &Mail) -> Result<Vec<u8>, Error> {
        mail::compose(mail)
    }

    async fn send(
        &self,
        envelope: &Envelope,
        bytes: &[u8],
        leave: impl Future<Output = Result<(), Rejection>> + Send,
    ) -> Outcome<MailAccepted> {
        let Some(route) = Route::parse(envelope) else {
            return Outcome::rejected(
                Class::Permanent,
                "smtp: the envelope's addresses are not of the form local@domain",
            );
        };
        let phase = AtomicU8::new(Phase::Connect as u8);
        let dialogue = self.dialogue((&route, bytes), leave, &phase);
        let spoken = tokio::time::timeout(self.settings.timeout, dialogue).await;
        let phase = Phase::of(phase.load(Ordering::SeqCst));
        let host = &self.settings.host;
        match spoken {
            Ok(Ok(response)) => Outcome::Accepted(answer::accepted(host, &response)),
            Ok(Err(Stop::Held(rejection))) => Outcome::Rejected(rejection),
            Ok(Err(Stop::Smtp(error))) => answer::failed(host, phase, &error),
            Err(_) => answer::silent(host, phase, self.settings.timeout),
        }
    }
}

#[cfg(test)]
mod tests;
