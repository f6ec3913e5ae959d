//! The bytes of an order.
//!
//! Invariant: the same order gives the same bytes; `deliver_at` is never set, since the journey
//! schedules.

use std::collections::BTreeSet;

use afterglow_domain::Money;
use serde::{Deserialize, Serialize};

use super::NAME;
use crate::gift::{Error, GiftOrder};

/// What the recipient may choose from, as the configuration writes it: `campaign:IVM0I3WNJJL0` (or the
/// bare id), or `products:OKMHM2X2OHYV,KV934TZ93NQM`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Product {
    /// A campaign of the account: its products, message and looks.
    Campaign(String),
    /// Products by their ids.
    Products(Vec<String>),
}

impl Product {
    /// Reads the configuration's text.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let id = |id: &str| {
            (4..=20).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        };
        let parsed = match text.split_once(':') {
            Some(("products", list)) => Self::Products(list.split(',').map(str::to_owned).collect()),
            Some(("campaign", campaign)) => Self::Campaign(campaign.to_owned()),
            _ => Self::Campaign(text.to_owned()),
        };
        let valid = match &parsed {
            Self::Campaign(campaign) => id(campaign),
            Self::Products(products) => products.iter().all(|product| id(product)),
        };
        let rule = "write campaign:ID or products:ID,ID with ids of 4 to 20 of A-Z and 0-9";
        if valid { Ok(parsed) } else { Err(Error::Product { vendor: NAME, product: text.to_owned(), rule }) }
    }
}

#[derive(Serialize)]
struct Body<'a> {
    external_id: &'a str,
    payment: Payment<'a>,
    reward: Reward<'a>,
}

#[derive(Serialize)]
struct Payment<'a> {
    funding_source_id: &'a str,
}

#[derive(Serialize)]
struct Reward<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    campaign_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    products: Option<&'a [String]>,
    value: Value,
    recipient: Recipient<'a>,
    delivery: Delivery,
}

#[derive(Serialize)]
struct Value {
    denomination: serde_json::Number,
    currency_code: String,
}

#[derive(Serialize)]
struct Recipient<'a> {
    name: &'a str,
    email: &'a str,
}

#[derive(Serialize)]
struct Delivery {
    method: &'static str,
}

/// The order as JSON, delivered by link: our own mail carries it.
pub(super) fn bytes(order: &GiftOrder, funding_source: &str) -> Result<Vec<u8>, Error> {
    let field = |field, rule| Error::Field { vendor: NAME, field, rule };
    let product = Product::parse(&order.product)?;
    let (campaign_id, products) = match &product {
        Product::Campaign(campaign) => (Some(campaign.as_str()), None),
        Product::Products(products) => (None, Some(products.as_slice())),
    };
    if order.external_id.is_empty() || order.external_id.chars().any(char::is_control) {
        return Err(field("external_id", "the touchpoint's id"));
    }
    if order.amount.minor <= 0 {
        return Err(field("amount", "more than nothing"));
    }
    let (name, email) = (order.recipient_name.expose(), order.recipient_email.expose());
    if !email.contains('@') || email.chars().any(char::is_control) {
        return Err(field("recipient_email", "an address of the form local@domain"));
    }
    let value = Value {
        denomination: denomination(&order.amount).ok_or_else(|| field("amount", "an amount of money"))?,
        currency_code: order.amount.currency.to_string(),
    };
    let reward = Reward {
        campaign_id,
        products,
        value,
        recipient: Recipient { name, email },
        delivery: Delivery { method: "LINK" },
    };
    let payment = Payment { funding_source_id: funding_source };
    serde_json::to_vec(&Body { external_id: &order.external_id, payment, reward })
        .map_err(|_| field("order", "writable as JSON"))
}

/// The amount as a JSON number: `25`, `25.5`. Amounts are far below 2^53 minor units, so the shortest
/// decimal of the double is the amount itself.
fn denomination(amount: &Money) -> Option<serde_json::Number> {
    let decimal = amount.decimal();
    match decimal.split_once('.') {
        Some((whole, cents)) if cents.bytes().all(|b| b == b'0') => whole.parse().ok(),
        _ => decimal.parse().ok(),
    }
}

/// The words of the recipient's name and address in stored bytes, lower case: what an error text of
/// the vendor must not carry into our logs. Empty if the bytes are not ours.
pub(super) fn recipient_words(bytes: &[u8]) -> BTreeSet<String> {
    #[derive(Deserialize)]
    struct Stored {
        reward: StoredReward,
    }
    #[derive(Deserialize)]
    struct StoredReward {
        recipient: StoredRecipient,
    }
    #[derive(Deserialize)]
    struct StoredRecipient {
        name: String,
        email: String,
    }
    let Ok(stored) = serde_json::from_slice::<Stored>(bytes) else { return BTreeSet::new() };
    let StoredRecipient { name, email } = stored.reward.recipient;
    let words = name.split_whitespace().map(str::to_lowercase);
    words.chain([email.to_lowercase()]).filter(|word| word.chars().count() >= 2).collect()
}
