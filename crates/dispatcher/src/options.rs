//! What the role must be told.

use std::collections::BTreeMap;

use afterglow_domain::{Money, Sensitive};
use afterglow_events::Encoding;
use secrecy::SecretString;

/// The dispatcher's settings; the binary maps the configuration to them.
#[derive(Debug, Clone)]
pub struct Options {
    /// How events are written.
    pub encoding: Encoding,
    /// Where the edge is reached from outside, without a slash at the end: unsubscribe links start here.
    pub public_url: String,
    /// Signs the unsubscribe links; the edge verifies with the same key.
    pub unsubscribe_key: SecretString,
    /// The HMAC key under which suppressed addresses are kept.
    pub suppression_key: SecretString,
    /// The address in `From` and of the envelope.
    pub from_address: Sensitive<String>,
    /// The sender's name where the owner or the company is not known.
    pub from_name: String,
    /// What one account may receive in gifts within a calendar year, unless its journey says less.
    pub budget_cap: Money,
    /// A journey's `pick` to the vendor's product; `default` is for all others.
    pub products: BTreeMap<String, String>,
    /// How long a gift can be taken after its mail, in days: what `gift.expires_on` tells the recipient.
    pub gift_valid_days: u32,
    /// Calls at the same time, per kind of vendor.
    pub concurrency: usize,
    /// How often the record of an answer is tried before it is left to the recovery. Never below 1.
    pub settle_tries: u32,
}

impl Options {
    /// The vendor's product for a journey's `pick`.
    pub(crate) fn product(&self, pick: &str) -> Option<&str> {
        self.products.get(pick).or_else(|| self.products.get("default")).map(String::as_str)
    }
}
