//! The orders API of Tremendous as its specification describes it: 200 for a new order, 201 for one that
//! the external id already made; errors as `{"errors":{"message","payload"}}`.

use afterglow_domain::{Currency, Money};
use axum::Extension;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Done, Gifts, Order, Wish};
use crate::server::Hangup;

#[derive(Deserialize)]
struct Body {
    external_id: Option<String>,
    #[serde(rename = "payment")]
    _payment: Payment,
    reward: Reward,
}

#[derive(Deserialize)]
struct Payment {
    #[serde(rename = "funding_source_id")]
    _funding_source_id: String,
}

#[derive(Deserialize)]
struct Reward {
    campaign_id: Option<String>,
    #[serde(default)]
    products: Vec<String>,
    value: Amount,
    recipient: Recipient,
    delivery: Delivery,
}

#[derive(Deserialize)]
struct Amount {
    denomination: serde_json::Number,
    currency_code: String,
}

#[derive(Deserialize)]
struct Recipient {
    name: String,
    email: String,
}

#[derive(Deserialize)]
struct Delivery {
    method: String,
}

#[derive(Deserialize)]
pub(super) struct Filter {
    external_id: Option<String>,
}

pub(super) async fn create(
    State(gifts): State<Gifts>,
    Extension(hangup): Extension<Hangup>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Err(refused) = admit(&gifts, &headers).await {
        return refused;
    }
    let wish = match wish(&body) {
        Ok(wish) => wish,
        Err(message) => return error(400, &message),
    };
    match gifts.order(wish) {
        Ok(Done { lose: true, .. }) => match hangup.now().await {},
        Ok(Done { order, new, .. }) => {
            let status = if new { StatusCode::OK } else { StatusCode::CREATED };
            (status, Json(document(&gifts, &order, true))).into_response()
        }
        Err(failed) => error(500, &failed.to_string()),
    }
}

pub(super) async fn list(
    State(gifts): State<Gifts>,
    Query(filter): Query<Filter>,
    headers: HeaderMap,
) -> Response {
    if let Err(refused) = admit(&gifts, &headers).await {
        return refused;
    }
    // The vendor lists the newest first, ten of them.
    let (orders, total) = match &filter.external_id {
        Some(id) => {
            let found: Vec<Order> = gifts.with_external_id(id).into_iter().collect();
            let total = found.len();
            (found, total)
        }
        None => gifts.newest(10),
    };
    let listed: Vec<Value> =
        orders.iter().map(|order| document(&gifts, order, false)["order"].clone()).collect();
    Json(json!({"orders": listed, "total_count": total})).into_response()
}

pub(super) async fn show(State(gifts): State<Gifts>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    if let Err(refused) = admit(&gifts, &headers).await {
        return refused;
    }
    match gifts.with_order_id(&id).or_else(|| gifts.with_external_id(&id)) {
        Some(order) => Json(document(&gifts, &order, false)).into_response(),
        None => error(404, "No resource could be found for the provided ID"),
    }
}

pub(super) async fn reward(
    State(gifts): State<Gifts>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    if let Err(refused) = admit(&gifts, &headers).await {
        return refused;
    }
    match gifts.with_reward_id(&id) {
        Some(order) => Json(json!({"reward": reward_of(&gifts, &order, true)})).into_response(),
        None => error(404, "No resource could be found for the provided ID"),
    }
}

pub(super) async fn generate_link(
    State(gifts): State<Gifts>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    if let Err(refused) = admit(&gifts, &headers).await {
        return refused;
    }
    match gifts.with_reward_id(&id) {
        Some(order) => Json(json!({"reward": {"id": id, "link": gifts.link(&order)}})).into_response(),
        None => error(404, "No resource could be found for the provided ID"),
    }
}

pub(super) async fn nothing_here() -> Response {
    error(404, "No such endpoint")
}

/// Token, delay and refusals, in this order: as at the vendor, a stranger learns nothing else.
async fn admit(gifts: &Gifts, headers: &HeaderMap) -> Result<(), Response> {
    let expected = format!("Bearer {}", gifts.key);
    if headers.get("authorization").is_none_or(|given| given.as_bytes() != expected.as_bytes()) {
        return Err(error(401, "Your API key is missing or invalid"));
    }
    let (refuse, delay) = gifts.refusal();
    tokio::time::sleep(delay).await;
    match refuse {
        None => Ok(()),
        Some(402) => {
            Err(error(402, "Not enough funds to carry out this operation. Fund your balance to proceed."))
        }
        Some(429) => Err(error(429, "Rate limit exceeded, this request was not processed")),
        Some(status) => Err(error(status, "Something went wrong. We have been notified")),
    }
}

fn wish(body: &[u8]) -> Result<Wish, String> {
    let body: Body = serde_json::from_slice(body).map_err(|e| format!("the order cannot be read: {e}"))?;
    let reward = body.reward;
    let product = match (reward.campaign_id, reward.products.as_slice()) {
        (_, [_, ..]) => reward.products.join(","),
        (Some(campaign), []) if !campaign.is_empty() => campaign,
        _ => return Err("either products or campaign_id must be specified".to_owned()),
    };
    if reward.delivery.method != "LINK" {
        return Err("this sandbox delivers by LINK only".to_owned());
    }
    let currency = Currency::new(&reward.value.currency_code).map_err(|e| e.to_string())?;
    let amount =
        Money::parse_decimal(&reward.value.denomination.to_string(), currency).map_err(|e| e.to_string())?;
    if amount.minor <= 0 {
        return Err("denomination must be more than 0".to_owned());
    }
    if !reward.recipient.email.contains('@') {
        return Err("recipient email is not valid".to_owned());
    }
    Ok(Wish {
        external_id: body.external_id,
        amount,
        product,
        recipient_name: reward.recipient.name,
        recipient_email: reward.recipient.email,
    })
}

/// `fresh`: the answer to an order, which carries the link; a later look at it does not.
fn document(gifts: &Gifts, order: &Order, fresh: bool) -> Value {
    let amount = decimal(&order.amount);
    let rewards = if fresh { "rewards" } else { "reward" };
    let reward = reward_of(gifts, order, fresh);
    let mut document = json!({
        "id": order.order_id,
        "external_id": order.external_id,
        "campaign_id": order.product,
        "created_at": order.created_at.to_string(),
        "status": "EXECUTED",
        "payment": {"subtotal": amount, "total": amount, "fees": 0.0, "currency_code": order.amount.currency},
    });
    document[rewards] = if fresh { json!([reward]) } else { reward };
    json!({"order": document})
}

fn reward_of(gifts: &Gifts, order: &Order, with_link: bool) -> Value {
    let mut delivery = json!({"method": "LINK", "status": "SUCCEEDED"});
    if with_link {
        delivery["link"] = json!(gifts.link(order));
    }
    json!({
        "id": order.reward_id,
        "order_id": order.order_id,
        "created_at": order.created_at.to_string(),
        "value": {"denomination": decimal(&order.amount), "currency_code": order.amount.currency},
        "recipient": {"name": order.recipient_name, "email": order.recipient_email},
        "delivery": delivery,
    })
}

fn decimal(money: &Money) -> Value {
    serde_json::from_str(&money.decimal()).unwrap_or_default()
}

fn error(status: u16, message: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, Json(json!({"errors": {"message": message, "payload": {}}}))).into_response()
}
