//! The configuration as it is in effect, without its secrets: `afterglow config show`.

use std::time::Duration;

use secrecy::SecretString;
use serde::{Serialize, Serializer};

use super::Config;

/// What stands where a secret is.
pub(super) const HIDDEN: &str = "[secret]";

impl Config {
    /// Every setting with the value in effect, as TOML; secrets read `[secret]`.
    pub fn redacted(&self) -> String {
        let value = toml::Value::try_from(self).expect("every setting has a form in TOML");
        toml::to_string(&value).expect("a TOML value has a text")
    }
}

pub(super) fn hidden<S: Serializer>(_: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(HIDDEN)
}

#[expect(clippy::ref_option, reason = "serde hands over a reference to the field")]
pub(super) fn hidden_option<S: Serializer>(
    secret: &Option<SecretString>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(|_| HIDDEN).serialize(serializer)
}

pub(super) fn hidden_list<S: Serializer>(secrets: &[SecretString], serializer: S) -> Result<S::Ok, S::Error> {
    vec![HIDDEN; secrets.len()].serialize(serializer)
}

pub(super) fn milliseconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

pub(crate) fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(duration.as_secs())
}
