//! `[store]`: where the roles keep their state: in files of one machine, or in PostgreSQL.

use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use super::defaults;
use super::problem::Code;
use super::section::Section;
use super::show::hidden;

/// `[store]`: the roles' state.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Store {
    /// One file per role in the data folder, for the product in one process.
    Sqlite,
    /// One schema per role in one database, for processes of one role each.
    Postgres {
        /// The database's address, with user and password.
        #[serde(serialize_with = "hidden")]
        url: SecretString,
    },
}

impl Store {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let store = match section.text("kind").as_deref() {
            None | Some("sqlite") => {
                if section.has("url") {
                    section.note(Code::Together, "url", "is for kind = \"postgres\"");
                }
                Some(Self::Sqlite)
            }
            Some("postgres") => postgres(section),
            Some(other) => {
                let message = format!("is {other:?}; it must be \"sqlite\" or \"postgres\"");
                section.note(Code::Value, "kind", message);
                None
            }
        };
        section.finish();
        store
    }

    /// The database's address, where the state is in one.
    pub fn postgres_url(&self) -> Option<&SecretString> {
        match self {
            Self::Sqlite => None,
            Self::Postgres { url } => Some(url),
        }
    }
}

fn postgres(section: &Section<'_>) -> Option<Store> {
    section.require("url");
    let url = section.secret("url", defaults::GIVEN_SECRET_BYTES_MIN)?;
    // Never the address itself: it has the password.
    let form = "is not of the form postgres://user:password@host:5432/database";
    let parsed = reqwest::Url::parse(url.expose_secret()).ok();
    let Some(parsed) = parsed.filter(|url| matches!(url.scheme(), "postgres" | "postgresql")) else {
        section.note(Code::Value, "url", form);
        return None;
    };
    let encrypts = ["require", "verify-ca", "verify-full"];
    let encrypted = parsed.query_pairs().any(|(key, value)| key == "sslmode" && encrypts.contains(&&*value));
    // Without a host it is a socket of this machine.
    if let Some(host) = parsed.host_str() {
        section.outbound("url", host.trim_matches(['[', ']']), encrypted);
    }
    Some(Store::Postgres { url })
}
