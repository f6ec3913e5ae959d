//! Two active secrets per connection, so that a secret can be changed without losing a webhook.

use secrecy::{ExposeSecret, SecretString};

/// An empty secret would accept anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a webhook secret is empty: set the connection's secret, or leave the previous one out")]
pub struct EmptySecret;

/// Which of the two secrets a caller used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matched {
    /// The one in force.
    Current,
    /// The one before; once this is no longer seen, it can be removed.
    Previous,
}

impl Matched {
    /// The label used in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Previous => "previous",
        }
    }
}

/// The secret in force and, during a rotation, the one before. Never empty ones.
#[derive(Debug, Clone)]
pub struct Secrets {
    current: SecretString,
    previous: Option<SecretString>,
}

impl Secrets {
    /// Takes them; refuses empty ones.
    pub fn new(current: SecretString, previous: Option<SecretString>) -> Result<Self, EmptySecret> {
        let empty = |secret: &SecretString| secret.expose_secret().is_empty();
        if empty(&current) || previous.as_ref().is_some_and(empty) {
            return Err(EmptySecret);
        }
        Ok(Self { current, previous })
    }

    /// The secret in force, for signing.
    pub fn current(&self) -> &SecretString {
        &self.current
    }

    /// Both, the current one first.
    pub(crate) fn each(&self) -> impl Iterator<Item = (Matched, &str)> {
        let previous = self.previous.as_ref().map(|secret| (Matched::Previous, secret.expose_secret()));
        std::iter::once((Matched::Current, self.current.expose_secret())).chain(previous)
    }
}
