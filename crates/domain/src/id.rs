//! One id type per entity: mixing up two entities does not compile.
//!
//! How an id is computed from what it identifies is part of the contract and lives in
//! `afterglow_events::identity`; here are only the types.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// The 16 bytes as stored.
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// From the 16 bytes as stored; `None` for any other length.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                Uuid::from_slice(bytes).ok().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0.hyphenated())
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::try_parse(text).map(Self)
            }
        }
    };
}

id!(
    /// An event on any topic (CloudEvents `id`).
    EventId
);
id!(
    /// One customer's run through one journey.
    EnrolmentId
);
id!(
    /// One moment that became due; also the external id at the vendor and the mail's Message-ID.
    TouchpointId
);
id!(
    /// One occurrence of one promise of an enrolment.
    ObligationId
);
id!(
    /// One network call to a vendor.
    AttemptId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_text_and_bytes() {
        let id = EventId(Uuid::from_u128(0x1234));
        assert_eq!(id.to_string().parse::<EventId>().unwrap(), id);
        assert_eq!(EventId::from_slice(id.as_bytes()), Some(id));
        assert_eq!(EventId::from_slice(b"short"), None);
    }
}
