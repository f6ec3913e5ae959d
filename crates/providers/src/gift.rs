//! Ordering gifts by link: the vendor makes a link, our own mail carries it.
//!
//! Invariant: the bytes of a request are made once, stored, and sent as they are; the external id is
//! the touchpoint's id, so that one touchpoint is one order however often it is sent.

use std::future::Future;
use std::time::Duration;

use afterglow_domain::{Disposition, Money, Sensitive};
use serde::{Deserialize, Serialize};

use crate::outcome::{Lookup, Outcome, Replay};

/// A vendor that sells gifts.
pub trait GiftVendor: Send + Sync {
    /// The vendor's name as screens show it.
    fn name(&self) -> &'static str;

    /// What may follow an unknown outcome.
    fn replay(&self) -> Replay;

    /// The longest that one call of this vendor takes, waiting for its rate limit included.
    fn call_timeout(&self) -> Duration;

    /// The bytes of the order, to be stored before the call: the same order gives the same bytes.
    fn request(&self, order: &GiftOrder) -> Result<Vec<u8>, Error>;

    /// Sends stored bytes once.
    fn order(&self, bytes: &[u8]) -> impl Future<Output = Outcome<Ordered>> + Send;

    /// Asks for the order of an external id; creates nothing.
    fn lookup(&self, external_id: &str) -> impl Future<Output = Lookup<Ordered>> + Send;

    /// The gift's link of an order whose answer did not carry it; never makes a new order.
    fn link(&self, order: &Ordered) -> impl Future<Output = Lookup<Sensitive<String>>> + Send;
}

/// What is to be ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GiftOrder {
    /// The touchpoint's id as text: the key that makes the order happen once.
    pub external_id: String,
    /// What the recipient gets.
    pub amount: Money,
    /// The vendor's product, from the configuration's map of picks; its form is the vendor module's.
    pub product: String,
    /// Who gets it.
    pub recipient_name: Sensitive<String>,
    /// Required by vendors even where our own mail carries the link.
    pub recipient_email: Sensitive<String>,
}

/// An order as the vendor knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ordered {
    /// The vendor's order id, for people.
    pub order_id: String,
    /// The vendor's id of the one reward in the order, where it has such a thing.
    pub reward_id: Option<String>,
    /// The gift itself: whoever has the link has the money.
    pub link: Option<Sensitive<String>>,
    /// What our account was charged, fees included; `None` where the vendor does not name the currency.
    pub charged: Option<Money>,
    /// Where the order stands.
    pub status: OrderStatus,
}

/// Where an order stands; vendors have more words, callers only these reactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderStatus {
    /// Done and paid: the link works.
    Executed,
    /// Taken, but somebody has to approve or pay first; a status that we do not know is this one.
    Pending,
    /// Failed or cancelled at the vendor: no gift and no charge, and its external id is used up.
    Void,
}

/// An order cannot be written down, or the vendor's settings are not usable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The configured product is not of the vendor's form.
    #[error("{vendor}: product {product:?} is not valid: {rule}")]
    Product {
        /// Which vendor.
        vendor: &'static str,
        /// The text of the configuration.
        product: String,
        /// What it should look like.
        rule: &'static str,
    },
    /// A setting of the vendor is not usable.
    #[error("{vendor}: setting {setting} is not valid: {rule}")]
    Setting {
        /// Which vendor.
        vendor: &'static str,
        /// The setting's name.
        setting: &'static str,
        /// What it should look like.
        rule: &'static str,
    },
    /// A field of the order is not what the vendor takes.
    #[error("{vendor}: {field} of the gift order is not valid: {rule}")]
    Field {
        /// Which vendor.
        vendor: &'static str,
        /// The field's name, never its value.
        field: &'static str,
        /// What it should look like.
        rule: &'static str,
    },
}

impl Error {
    /// The same order will never be valid: it is parked with the reason.
    pub fn disposition(&self) -> Disposition {
        Disposition::Park
    }
}
