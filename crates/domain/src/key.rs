//! Keys that name customers, deals and connections; the text forms are part of the contract.
//!
//! All keys are printable ASCII without spaces, at most [`KEY_BYTES_MAX`] bytes: they are Kafka
//! record keys, CloudEvents subjects and shard inputs, so one spelling must mean one customer.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest key accepted, in bytes; vendor ids are far shorter, a longer one is a mistake or an attack.
pub const KEY_BYTES_MAX: usize = 200;

/// A text is not a key of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {value:?} is not valid: {rule}")]
pub struct InvalidKey {
    kind: &'static str,
    value: String,
    rule: &'static str,
}

fn invalid(kind: &'static str, value: &str, rule: &'static str) -> InvalidKey {
    InvalidKey { kind, value: value.chars().take(64).collect(), rule }
}

macro_rules! text_key {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks the text and takes it.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidKey> {
                let text = text.into();
                let check: fn(&str) -> bool = $check;
                if check(&text) { Ok(Self(text)) } else { Err(invalid($kind, &text, $rule)) }
            }

            /// The key's text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidKey;
            fn try_from(text: String) -> Result<Self, InvalidKey> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(key: $name) -> String {
                key.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidKey;
            fn from_str(text: &str) -> Result<Self, InvalidKey> {
                Self::new(text)
            }
        }
    };
}

fn slug(text: &str) -> bool {
    (1..=40).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn printable(text: &str) -> bool {
    (1..=KEY_BYTES_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

text_key!(
    /// A customer of the platform itself; every key and query starts with it.
    Tenant, "tenant", "use 1 to 40 of a-z, 0-9 and -", slug
);
text_key!(
    /// A configured CRM connection (one HubSpot portal, one Salesforce org).
    ConnectionId, "connection id", "use 1 to 40 of a-z, 0-9 and -", slug
);
text_key!(
    /// An account: `hubspot:{portal}:{company}`, `salesforce:{org18}:{id18}`, `ext:{source}:{id}`.
    AccountKey, "account key", "three parts divided by ':', printable ASCII without '/', the first one of hubspot, salesforce, ext",
    |text| {
        let parts: Vec<&str> = text.split(':').collect();
        printable(text) && !text.contains('/') && parts.len() == 3 && parts.iter().all(|p| !p.is_empty())
            && matches!(parts[0], "hubspot" | "salesforce" | "ext")
    }
);
text_key!(
    /// A deal: `hubspot:{portal}:deal:{id}`, `salesforce:{org18}:opportunity:{id18}`.
    DealKey, "deal key", "four parts divided by ':', hubspot with deal or salesforce with opportunity",
    |text| {
        let parts: Vec<&str> = text.split(':').collect();
        printable(text) && !text.contains('/') && parts.len() == 4 && parts.iter().all(|p| !p.is_empty())
            && matches!((parts[0], parts[2]), ("hubspot", "deal") | ("salesforce", "opportunity"))
    }
);
text_key!(
    /// `tenant/account`, or `tenant/deal` where the account was unknown when the deal's first event
    /// was emitted. Frozen then: the record key of all events of that deal.
    HomeKey, "home key", "tenant/account or tenant/deal",
    |text| {
        let Some((tenant, rest)) = text.split_once('/') else { return false };
        printable(text) && slug(tenant) && (AccountKey::new(rest).is_ok() || DealKey::new(rest).is_ok())
    }
);

impl HomeKey {
    /// The home key of a deal whose account is known.
    pub fn of_account(tenant: &Tenant, account: &AccountKey) -> Self {
        Self(format!("{tenant}/{account}"))
    }

    /// The home key of a deal whose account is not known yet.
    pub fn of_deal(tenant: &Tenant, deal: &DealKey) -> Self {
        Self(format!("{tenant}/{deal}"))
    }

    /// The tenant in front of the slash.
    pub fn tenant(&self) -> Tenant {
        Tenant(self.0.split('/').next().unwrap_or_default().to_owned())
    }

    /// What stands behind the slash.
    pub fn local(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, local)| local)
    }
}

/// The CRM that a connection or deal belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Crm {
    /// HubSpot, one portal per connection.
    Hubspot,
    /// Salesforce, one org per connection.
    Salesforce,
}

impl Crm {
    /// The prefix used in keys and paths.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hubspot => "hubspot",
            Self::Salesforce => "salesforce",
        }
    }
}

impl fmt::Display for Crm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl DealKey {
    /// `hubspot:{portal}:deal:{id}`.
    pub fn hubspot(portal: i64, id: &str) -> Result<Self, InvalidKey> {
        Self::new(format!("hubspot:{portal}:deal:{id}"))
    }

    /// `salesforce:{org18}:opportunity:{id18}`; both ids in their 18-character form.
    pub fn salesforce(org18: &str, id18: &str) -> Result<Self, InvalidKey> {
        Self::new(format!("salesforce:{org18}:opportunity:{id18}"))
    }

    /// The CRM that the deal lives in.
    pub fn crm(&self) -> Crm {
        if self.0.starts_with("hubspot:") { Crm::Hubspot } else { Crm::Salesforce }
    }

    /// The vendor's own id of the deal.
    pub fn object(&self) -> &str {
        self.0.rsplit(':').next().unwrap_or_default()
    }
}

impl AccountKey {
    /// `hubspot:{portal}:{company}`.
    pub fn hubspot(portal: i64, company: &str) -> Result<Self, InvalidKey> {
        Self::new(format!("hubspot:{portal}:{company}"))
    }

    /// `salesforce:{org18}:{id18}`.
    pub fn salesforce(org18: &str, id18: &str) -> Result<Self, InvalidKey> {
        Self::new(format!("salesforce:{org18}:{id18}"))
    }
}

/// A deal as one tenant's connection sees it: what deal events, enrolments and rows are keyed by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DealRef {
    /// Whose deal.
    pub tenant: Tenant,
    /// Heard through which connection.
    pub connection: ConnectionId,
    /// Which deal.
    pub deal: DealKey,
}

impl fmt::Display for DealRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.tenant, self.connection, self.deal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_one_spelling() {
        let tenant = Tenant::new("acme").unwrap();
        let account = AccountKey::hubspot(33, "9001").unwrap();
        let deal = DealKey::salesforce("00Dxx0000001gPFEAY", "006xx000001a2bcAAA").unwrap();
        assert_eq!(HomeKey::of_account(&tenant, &account).as_str(), "acme/hubspot:33:9001");
        assert_eq!(
            HomeKey::of_deal(&tenant, &deal).as_str(),
            "acme/salesforce:00Dxx0000001gPFEAY:opportunity:006xx000001a2bcAAA"
        );
        assert_eq!(deal.object(), "006xx000001a2bcAAA");
        assert_eq!(HomeKey::of_account(&tenant, &account).tenant(), tenant);
    }

    #[test]
    fn what_is_not_a_key_is_refused() {
        for bad in ["", "Acme", "a b", "ä", &"a".repeat(41)] {
            assert!(Tenant::new(bad).is_err(), "{bad:?}");
        }
        for bad in ["acme", "acme/", "/hubspot:1:2", "acme/x:1:2", "acme/hubspot:1:", "acme/hubspot:1:2/3"] {
            assert!(HomeKey::new(bad).is_err(), "{bad:?}");
        }
        assert!(DealKey::new("hubspot:1:opportunity:2").is_err());
        assert!(AccountKey::new(format!("ext:a:{}", "x".repeat(300))).is_err());
    }
}
