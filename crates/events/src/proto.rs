//! The generated messages of `proto/afterglow/events/v1`.

#![allow(clippy::all, clippy::pedantic, clippy::allow_attributes_without_reason, reason = "generated code")]
#![allow(missing_docs, reason = "the .proto files carry the documentation")]

use std::fmt;

include!(concat!(env!("OUT_DIR"), "/afterglow.events.v1.rs"));
include!(concat!(env!("OUT_DIR"), "/afterglow.events.v1.serde.rs"));

/// The compiled descriptors of the contract (a serialised `FileDescriptorSet`).
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recipient").field("contact_id", &self.contact_id).finish_non_exhaustive()
    }
}
