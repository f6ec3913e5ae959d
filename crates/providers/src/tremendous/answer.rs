//! What an answer of Tremendous means.
//!
//! Invariant: unknown fields and unknown enum values are tolerated; texts of the vendor are repeated
//! only where they do not name the recipient.

use std::collections::BTreeSet;
use std::time::Duration;

use afterglow_domain::{Currency, Money, Sensitive};
use serde::Deserialize;
use serde_json::Value;

use super::NAME;
use crate::gift::{OrderStatus, Ordered};
use crate::outcome::{Class, Lookup, Outcome};

/// The pause that the rate-limit page asks for after a 429 without `Retry-After`.
const PAUSE: Duration = Duration::from_secs(1);

/// An answer, not yet understood.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
    /// `None`: it broke off, or was too large.
    pub(super) body: Option<Vec<u8>>,
}

impl Answer {
    /// The answer to a new order. `personal` are the words that must not be repeated.
    pub(super) fn ordered(&self, personal: &BTreeSet<String>) -> Outcome<Ordered> {
        let reason = self.reason(personal);
        let class = match self.status {
            200..=202 => return self.created(),
            402 => Class::NoFunds,
            // The spec: "this request was not processed".
            429 => Class::Retry { after: Some(self.retry_after.unwrap_or(PAUSE)) },
            408 | 425 => Class::Retry { after: self.retry_after },
            // 409 is not documented: the first call with this key may still be running.
            409 => return Outcome::unknown(reason),
            300..=399 => {
                return Outcome::rejected(
                    Class::Configuration,
                    format!("{reason}; base_url is not the API's"),
                );
            }
            401 | 403 | 404 | 405 => {
                return Outcome::rejected(
                    Class::Configuration,
                    format!("{reason}; check secret and base_url"),
                );
            }
            400..=499 => Class::Permanent,
            _ => return Outcome::unknown(reason),
        };
        Outcome::rejected(class, reason)
    }

    fn created(&self) -> Outcome<Ordered> {
        match self.order() {
            Some((ordered, _)) if ordered.status == OrderStatus::Void => {
                let reason =
                    format!("{NAME}: order {} failed or was cancelled at the vendor", ordered.order_id);
                Outcome::rejected(Class::Permanent, reason)
            }
            Some((ordered, _)) => Outcome::Accepted(ordered),
            None => Outcome::unknown(format!("{NAME}: {}, but the answer cannot be read", self.status)),
        }
    }

    /// The answer to a question for an order by our id or the vendor's.
    pub(super) fn looked_up(&self, asked: &str) -> Lookup<Ordered> {
        match self.status {
            200 => match self.order() {
                Some((ordered, external_id))
                    if ordered.order_id == asked || external_id.as_deref() == Some(asked) =>
                {
                    Lookup::Found(ordered)
                }
                _ => Lookup::unavailable(format!("{NAME}: 200, but the answer is not the order asked for")),
            },
            // Another server's 404 page is not the vendor's word.
            404 if self.is_error_document() => Lookup::NotFound,
            _ => Lookup::unavailable(self.reason(&BTreeSet::new())),
        }
    }

    /// The answer to the wish for a link. 403: the reward is not of the link kind.
    pub(super) fn link(&self) -> Lookup<Sensitive<String>> {
        match self.status {
            200 | 201 => {
                let link =
                    self.json::<RewardDocument>().and_then(|document| usable_link(document.reward.link));
                link.map_or_else(
                    || Lookup::unavailable(format!("{NAME}: the answer has no link")),
                    Lookup::Found,
                )
            }
            403 | 404 if self.is_error_document() => Lookup::NotFound,
            _ => Lookup::unavailable(self.reason(&BTreeSet::new())),
        }
    }

    fn json<T: for<'de> Deserialize<'de>>(&self) -> Option<T> {
        serde_json::from_slice(self.body.as_deref()?).ok()
    }

    /// The order and the external id in it.
    fn order(&self) -> Option<(Ordered, Option<String>)> {
        let order = self.json::<OrderDocument>()?.order;
        let reward = order.reward.or_else(|| order.rewards.into_iter().next());
        let (reward_id, delivery) = reward.map_or((None, None), |reward| (reward.id, reward.delivery));
        let ordered = Ordered {
            order_id: order.id,
            reward_id,
            link: usable_link(delivery.and_then(|delivery| delivery.link)),
            charged: order.payment.as_ref().and_then(Payment::charged),
            status: status(&order.status),
        };
        Some((ordered, order.external_id))
    }

    fn is_error_document(&self) -> bool {
        self.json::<Value>().is_some_and(|v| v.get("errors").or_else(|| v.get("error")).is_some())
    }

    /// Vendor, status and its message if that is not personal. Both shapes of errors occur:
    /// `{"errors":{"message":…}}` in the specification, `error` on the rate-limit page.
    fn reason(&self, personal: &BTreeSet<String>) -> String {
        let document = self.json::<Value>().unwrap_or_default();
        let error = document.get("errors").or_else(|| document.get("error"));
        let message = error.and_then(|e| e.get("message").or(Some(e))).and_then(Value::as_str);
        match message.map(|message| printable(message, personal)) {
            Some(Some(message)) => format!("{NAME}: {} {message}", self.status),
            Some(None) => format!("{NAME}: {} (message withheld, it may name the recipient)", self.status),
            None => format!("{NAME}: {}", self.status),
        }
    }
}

/// The message cut to a line, or `None` where it may name the recipient.
fn printable(message: &str, personal: &BTreeSet<String>) -> Option<String> {
    let lower = message.to_lowercase();
    if lower.contains('@') || personal.iter().any(|word| lower.contains(word.as_str())) {
        return None;
    }
    Some(message.chars().filter(|c| !c.is_control()).take(160).collect())
}

/// EXECUTED, CANCELED, FAILED; everything else, known (OPEN, CART, the PENDING ones) or not, waits.
fn status(word: &str) -> OrderStatus {
    match word {
        "EXECUTED" => OrderStatus::Executed,
        "CANCELED" | "FAILED" => OrderStatus::Void,
        _ => OrderStatus::Pending,
    }
}

/// A link that may stand in a mail: http or https and nothing that breaks a line.
fn usable_link(link: Option<String>) -> Option<Sensitive<String>> {
    let link = link?;
    let url = reqwest::Url::parse(&link).ok()?;
    let plain = link.bytes().all(|b| b.is_ascii_graphic());
    (plain && matches!(url.scheme(), "https" | "http")).then(|| Sensitive::new(link))
}

#[derive(Deserialize)]
struct OrderDocument {
    order: Order,
}

#[derive(Deserialize)]
struct RewardDocument {
    reward: LinkedReward,
}

#[derive(Deserialize)]
struct LinkedReward {
    link: Option<String>,
}

#[derive(Deserialize)]
struct Order {
    id: String,
    external_id: Option<String>,
    #[serde(default)]
    status: String,
    payment: Option<Payment>,
    /// A new order lists its rewards, a single order names its one reward.
    reward: Option<Reward>,
    #[serde(default)]
    rewards: Vec<Reward>,
}

#[derive(Deserialize)]
struct Reward {
    id: Option<String>,
    delivery: Option<Delivery>,
}

#[derive(Deserialize)]
struct Delivery {
    link: Option<String>,
}

#[derive(Deserialize)]
struct Payment {
    total: Option<serde_json::Number>,
    currency_code: Option<String>,
}

impl Payment {
    /// The charge, if its currency is named; it is never assumed.
    fn charged(&self) -> Option<Money> {
        let currency = Currency::new(self.currency_code.as_deref()?).ok()?;
        Money::parse_decimal(&self.total.as_ref()?.to_string(), currency).ok()
    }
}
